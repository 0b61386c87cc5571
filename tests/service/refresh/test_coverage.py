"""Nothing is judged, and nobody is drawn, on days that the facts do not reach."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.holdouts import read_holdouts
from ledger.outcomes import read_outcomes
from lifecycle.console import Console
from service.cli_jobs import _show_refresh
from service.refresh.coverage import Coverage, read_age_days
from service.refresh.place import Place
from service.refresh.scores import refresh_scores
from service.shapes import is_stale
from tests.builders import build_lake, fact, noon
from tests.service.refresh.company import (
    FIRST,
    MRR,
    build_company,
    release_contracts,
    release_orders,
    stand_on,
)

END = FIRST + timedelta(days=90)
SILENT = date(2022, 2, 1)  # the last order is of 4 October 2021, the last end of 28 November


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return build_company(tmp_path_factory.mktemp("silent"))


@pytest.fixture
def ledger(place: Place, tmp_path: Path) -> Ledger:
    moved = Place(**{**vars(place), "ledger_address": f"sqlite:///{tmp_path / 'l.sqlite'}"})
    made = moved.open_ledger()
    release_orders(made, moved)
    release_contracts(made, moved)
    return made


@pytest.mark.parametrize(
    ("until", "known", "covered"),
    [(0, 30, True), (-1, 30, False), (0, 29, False), (200, 200, True), (None, 200, False)],
)
def test_a_window_is_judged_if_facts_reach_its_end_and_a_grace_has_passed(
    until: int | None, known: int, covered: bool
) -> None:
    last = None if until is None else END + timedelta(days=until)
    found = Coverage(END + timedelta(days=known), last, last)
    assert found.covers_orders(END) is covered
    assert found.covers_contracts(END, lag=timedelta()) is covered


def test_a_decision_told_late_needs_facts_for_longer() -> None:
    found = Coverage(END + timedelta(days=200), END + timedelta(days=59), None)
    assert found.covers_contracts(END, lag=timedelta(days=59))
    assert not found.covers_contracts(END, lag=timedelta(days=60))


def test_scores_of_days_beyond_the_facts_are_never_judged(place: Place, ledger: Ledger) -> None:
    issued = date(2021, 9, 20)
    refresh_scores(stand_on(place, issued), ledger, place=place)
    later = refresh_scores(stand_on(place, SILENT), ledger, place=place)
    assert later["judged"] == 0
    assert read_outcomes(ledger, "churn", account_id="A00") == []


def test_on_old_facts_nobody_is_drawn_and_the_refresh_says_so(
    place: Place, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    done = refresh_scores(stand_on(place, SILENT), ledger, place=place)
    assert done["facts_are_old"]
    assert done["data_age_days"] == read_age_days(stand_on(place, SILENT)) == 65
    assert read_holdouts(ledger, place.campaign) == {}
    _show_refresh(Console(False), done)
    assert "days old" in capsys.readouterr().out


def test_a_notice_told_within_the_grace_still_counts(tmp_path: Path) -> None:
    place = build_company(tmp_path)
    told = {"change_id": "late", "subscription_id": "s20", "account_id": "C20", "kind": "notice",
            "currency": "GBP", "mrr_before_minor": MRR, "mrr_after_minor": MRR}  # fmt: skip
    day = END - timedelta(days=1)
    late = fact(day, **told, changed_at=noon(day), effective_on=date(2021, 10, 9),
                known=END + timedelta(days=20))  # fmt: skip
    build_lake(tmp_path, batch="late", subscription_changes=[late])
    ledger = place.open_ledger()
    release_contracts(ledger, place)
    judged = [refresh_scores(stand_on(place, on), ledger, place=place)["judged"]
              for on in (FIRST, END + timedelta(days=10), date(2021, 10, 5))]  # fmt: skip
    assert judged == [0, 0, 38]
    assert read_outcomes(ledger, "churn", account_id="C20")[0].happened_on == day


def test_an_answer_on_old_facts_is_stale_however_young_it_is() -> None:
    today = datetime.now(UTC)
    assert is_stale(today.date(), today - timedelta(days=32), stale_after_days=30)
    assert not is_stale(today.date(), today - timedelta(days=2), stale_after_days=30)
