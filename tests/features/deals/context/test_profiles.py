"""A deal's segment is that of the account which stands for its own, as known on the day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from features.deals.landmarks import deal_frame
from tests.builders import account, fact
from tests.features.contracts import merge
from tests.features.deals.context.company import DAY, ago, opened, snapshot_of

LONG_AGO = ago(400)


def segment_of(folder: Path, known: date, survivor: str | None) -> str | None:
    """The segment of a deal with a small account that was merged into another one."""
    people = [account("dup", LONG_AGO, segment="small"), account("a1", LONG_AGO, segment=survivor)]
    merged = {**merge("dup", "a1", ago(20)), **fact(known)}
    deals = [opened("x", account_id="dup")]
    snapshot = snapshot_of(
        folder, DAY, opportunities=deals, accounts=people, account_merges=[merged]
    )
    (segment,) = deal_frame(snapshot)["segment"].to_pylist()
    return None if segment is None else str(segment)


@pytest.mark.parametrize(("known", "segment"), [(ago(1), "large"), (DAY, "small")])
def test_the_segment_follows_a_merge_once_it_is_known(
    tmp_path: Path, known: date, segment: str
) -> None:
    assert segment_of(tmp_path, known, "large") == segment


def test_a_survivor_without_a_segment_leaves_the_deal_its_own(tmp_path: Path) -> None:
    assert segment_of(tmp_path, ago(1), None) == "small"
