"""What a refresh learns from: books of ended quarters, against what the snapshot itself knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from ledger.books import Book, write_books
from ledger.engine import Ledger
from lifecycle.periods import Quarter
from models.forecast.engines import open_engines
from models.forecast.judged import Judged
from service.refresh.past_forecasts import PastForecasts
from service.refresh.place import Place
from tests.ledger.forecast_story import publish_books
from tests.ledger.story import new_ledger, new_run
from tests.service.refresh.company import stand_on
from tests.service.refresh.sellers import DAY, build_sellers, said_before

NOW = Quarter(2011, 3)
Q2, ORIGIN = "2011Q2", date(2011, 4, 11)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return build_sellers(tmp_path_factory.mktemp("sellers"))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path)


def judged(
    ledger: Ledger, place: Place, *, day: date = DAY, target: str = "orders"
) -> list[Judged]:
    snapshot = stand_on(place, day)
    engines = open_engines(
        snapshot, facts=lambda _: snapshot, calendar=place.calendar, currency=place.currency
    )
    return PastForecasts(ledger, engines, snapshot).judged(target, NOW)


def off(found: Sequence[Judged]) -> list[float]:
    """How far the combination missed, by book."""
    return [one.missed["combined", "total"].absolute for one in found]


def publish(ledger: Ledger, kind: str, *books: Book) -> None:
    publish_books(ledger, books, kind)


def test_a_book_of_an_ended_quarter_is_judged_by_what_the_snapshot_knows(
    ledger: Ledger, place: Place
) -> None:
    publish(ledger, "backtest", said_before(Q2, ORIGIN))
    (found,) = judged(ledger, place)
    snapshot = stand_on(place, DAY)
    orders = snapshot.collect(snapshot.table("orders")).to_pylist()
    sold = sum(o["amount_minor"] for o in orders if _quarter(o["ordered_at"].date()) == Q2)
    assert (found.period, found.origin, found.week) == (Q2, ORIGIN, 1)
    assert off([found]) == [abs(sold - 30_000.0)]


def test_a_quarter_that_has_not_ended_teaches_nothing(ledger: Ledger, place: Place) -> None:
    publish(ledger, "backtest", said_before(Q2, ORIGIN))
    assert judged(ledger, place, day=date(2011, 6, 30)) == []
    assert len(judged(ledger, place, day=date(2011, 7, 1))) == 1


def test_the_running_quarter_teaches_nothing(ledger: Ledger, place: Place) -> None:
    publish(ledger, "forecast", said_before("2011Q3", date(2011, 7, 2)))
    assert judged(ledger, place) == []


def test_live_and_backtest_are_both_looked_at(ledger: Ledger, place: Place) -> None:
    publish(ledger, "backtest", said_before(Q2, ORIGIN))
    publish(ledger, "forecast", said_before(Q2, ORIGIN + timedelta(days=7), week=2))
    assert [one.week for one in judged(ledger, place)] == [1, 2]


def test_of_one_origin_what_was_issued_counts(ledger: Ledger, place: Place) -> None:
    publish(ledger, "forecast", said_before(Q2, ORIGIN, p50=1_000.0))
    publish(ledger, "backtest", said_before(Q2, ORIGIN, p50=2_000.0))
    issued = off(judged(ledger, place))
    publish(ledger, "forecast", said_before(Q2, ORIGIN, p50=3_000.0))  # told again later
    assert off(judged(ledger, place)) == issued
    assert len(issued) == 1


def test_books_of_later_days_are_no_past(ledger: Ledger, place: Place) -> None:
    publish(ledger, "backtest", said_before("2011Q1", DAY), said_before("2011Q1", date(2011, 2, 1)))
    assert [one.origin for one in judged(ledger, place)] == [date(2011, 2, 1)]


def test_a_book_made_after_its_quarter_had_ended_proves_nothing(
    ledger: Ledger, place: Place
) -> None:
    days = [date(2011, 3, 31), date(2011, 4, 1)]
    publish(ledger, "forecast", *(said_before("2011Q1", day) for day in days))
    assert [one.origin for one in judged(ledger, place)] == days[:1]


def test_runs_that_were_never_published_teach_nothing(ledger: Ledger, place: Place) -> None:
    write_books(ledger, new_run(ledger, "backtest"), [said_before(Q2, ORIGIN)])
    assert judged(ledger, place) == []


def test_targets_are_kept_apart(ledger: Ledger, place: Place) -> None:
    publish(ledger, "backtest", said_before(Q2, ORIGIN))
    assert judged(ledger, place, target="bookings") == []


def test_widths_are_taken_back_to_what_they_were_before_they_were_stretched(
    ledger: Ledger, place: Place
) -> None:
    scales = {"combined": {"total": 2.0}}
    publish(ledger, "backtest", said_before(Q2, ORIGIN, p50=38_000.0))
    publish(ledger, "forecast", said_before(Q2, ORIGIN + timedelta(days=1), p50=38_000.0,
                                            notes={"scales": scales}))  # fmt: skip
    plain, stretched = (one.missed["combined", "total"] for one in judged(ledger, place))
    assert plain.absolute == stretched.absolute
    assert stretched.score_squared >= plain.score_squared


def _quarter(day: date) -> str:
    return str(Quarter.containing(day))
