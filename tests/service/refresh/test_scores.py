"""Which release may speak as of a day, and who is at risk."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.releases import Release, write_release
from lifecycle.errors import ModelNotFoundError, RefusedError
from service.refresh.releases import choose_releases
from tests.ledger.story import DIGEST, KNOWN, new_ledger


def trained(ledger: Ledger, as_of: date, *, days: int = 90, promote: bool = True) -> None:
    release = Release(
        model="churn",
        horizon_days=days,
        route="non_contractual",
        candidate="lapse_pace",
        version=f"{as_of}-{days}",
        digest=DIGEST,
        as_of=as_of,
        created_at=KNOWN,
        metrics={},
        card={},
    )
    write_release(ledger, release, promote=promote)


def versions(ledger: Ledger, as_of: date) -> list[str]:
    return [release.version for release in choose_releases(ledger, as_of)]


def test_the_champion_speaks_from_its_own_day_on(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    trained(ledger, date(2011, 6, 1))
    assert versions(ledger, date(2011, 6, 1)) == ["2011-06-01-90"]
    assert versions(ledger, date(2012, 6, 1)) == ["2011-06-01-90"]


def test_for_an_earlier_day_the_latest_model_of_that_time_speaks(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    trained(ledger, date(2011, 9, 1))
    for day in (date(2011, 5, 1), date(2011, 3, 1)):
        trained(ledger, day, promote=False)
    assert versions(ledger, date(2011, 8, 31)) == ["2011-05-01-90"]


def test_a_model_of_a_later_day_is_refused_as_hindsight(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    trained(ledger, date(2011, 6, 2))
    with pytest.raises(RefusedError, match="know the future"):
        choose_releases(ledger, date(2011, 6, 1))


def test_each_horizon_is_chosen_by_itself(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    trained(ledger, date(2011, 6, 1))
    trained(ledger, date(2011, 9, 1), days=365)
    assert versions(ledger, date(2011, 7, 1)) == ["2011-06-01-90"]
    assert len(versions(ledger, date(2011, 9, 1))) == 2


def test_an_empty_ledger_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="truecast train"):
        choose_releases(new_ledger(tmp_path), date(2011, 6, 1))
