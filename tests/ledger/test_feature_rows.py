from __future__ import annotations

from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.feature_rows import read_digests, read_features, read_layouts, write_features
from ledger.runs import publish_run
from lifecycle.errors import ConflictError, RowsError
from tests.ledger.story import new_ledger, new_run, publish_scores, release


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path)


def test_rows_are_read_back_by_their_layout(ledger: Ledger) -> None:
    run_id = publish_scores(ledger, release(ledger), ["A1", "A2"])
    layout = read_layouts(ledger, run_id)[0]
    assert dict(zip(layout.names, layout.kinds, strict=True)) == {
        "recency_days": "number",
        "segment": "text",
    }
    found = read_features(ledger, run_id, ["A2", "nobody"])
    assert {name: row.values for name, row in found.items()} == {"A2": [31.0, None]}
    assert read_digests(ledger, run_id, ["A1"]) == {"A1": "ab" * 32}


def test_a_published_run_takes_no_more_features(ledger: Ledger) -> None:
    run_id = publish_scores(ledger, release(ledger), ["A1"])
    publish_run(ledger, run_id)
    with pytest.raises(ConflictError, match="closed"):
        write_features(ledger, run_id, "contractual", kinds={"x": "number"}, rows=[])


def test_a_unit_twice_in_a_run_is_refused(ledger: Ledger) -> None:
    rows = [("A1", "ab" * 32, [1.0])] * 2
    with pytest.raises(ConflictError):
        write_features(ledger, new_run(ledger), "deals", kinds={"x": "number"}, rows=rows)


def test_a_number_without_an_end_is_refused(ledger: Ledger) -> None:
    rows = [("A1", "ab" * 32, [float("nan")])]
    with pytest.raises(RowsError, match="A1"):
        write_features(ledger, new_run(ledger), "deals", kinds={"x": "number"}, rows=rows)
