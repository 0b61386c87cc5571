from __future__ import annotations

import math
from datetime import timedelta

import pytest

from ledger.books import QUANTILES_COUNT, VintageRow, read_written, write_books
from ledger.engine import Ledger
from ledger.forecast_tables import TARGETS
from ledger.issued_books import read_book, read_forecast_periods, read_issued_books
from lifecycle.errors import ConflictError, RowsError, UsageError
from models.forecast.grid import LEVELS
from models.forecast.raw import TARGETS as FORECAST_TARGETS
from tests.ledger.forecast_story import GRID, book, publish_books, said, with_chance
from tests.ledger.story import DAY, new_run


def test_a_book_comes_back_as_it_was_written(ledger: Ledger) -> None:
    written = with_chance(book([said(served=True), said("conversion", 90.0)]), 0.7)
    publish_books(ledger, [written])
    found = read_book(ledger, "bookings", "2012Q1")
    assert found is not None
    assert found.book == written


def test_the_ledger_and_the_forecast_speak_of_the_same_targets_and_levels() -> None:
    assert tuple(FORECAST_TARGETS) == TARGETS
    assert len(LEVELS) == QUANTILES_COUNT
    assert [LEVELS[at] for at in (2, 10, 18)] == [0.1, 0.5, 0.9]


def test_the_newest_published_book_is_read(ledger: Ledger) -> None:
    publish_books(ledger, [book(verdict="first")])
    publish_books(ledger, [book(verdict="second")])
    write_books(ledger, new_run(ledger, "forecast"), [book(verdict="never published")])
    found = read_book(ledger, "bookings", "2012Q1")
    assert found is not None
    assert found.book.verdict == "second"


def test_a_book_is_read_as_of_a_day(ledger: Ledger) -> None:
    publish_books(ledger, [book(origin=DAY - timedelta(days=7), verdict="before")])
    publish_books(ledger, [book()])
    found = read_book(ledger, "bookings", "2012Q1", as_of=DAY - timedelta(days=1))
    assert found is not None
    assert found.book.verdict == "before"


def test_what_was_issued_before_is_kept_newest_first(ledger: Ledger) -> None:
    publish_books(ledger, [book(origin=DAY - timedelta(days=7), verdict="before")])
    publish_books(ledger, [book([said(served=True), said("conversion")])])
    found = [one.book for one in read_issued_books(ledger, "bookings", "2012Q1")]
    assert [one.origin for one in found] == [DAY, DAY - timedelta(days=7)]
    assert [row.leg for row in found[0].rows] == ["combined"]


def test_a_backtest_is_not_taken_for_a_served_forecast(ledger: Ledger) -> None:
    publish_books(ledger, [book()], "backtest")
    assert read_book(ledger, "bookings", "2012Q1") is None
    assert read_book(ledger, "bookings", "2012Q1", source="backtest") is not None


def test_periods_are_listed_newest_first(ledger: Ledger) -> None:
    publish_books(ledger, [book(), book(period="2012Q2"), book(target="revenue", period="2013Q1")])
    assert read_forecast_periods(ledger, "bookings") == ["2012Q2", "2012Q1"]


def test_a_killed_run_knows_what_it_had_written(ledger: Ledger) -> None:
    run_id = new_run(ledger, "backtest")
    write_books(ledger, run_id, [book()])
    assert read_written(ledger, run_id) == {("bookings", "2012Q1", DAY)}


def test_a_book_that_fails_leaves_nothing_behind(ledger: Ledger) -> None:
    run_id = new_run(ledger, "backtest")
    with pytest.raises(ConflictError):
        write_books(ledger, run_id, [book([said(), said()])])
    assert read_written(ledger, run_id) == set()


def test_a_book_twice_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ConflictError):
        write_books(ledger, new_run(ledger, "forecast"), [book(), book()])


def test_an_unknown_target_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="one of bookings"):
        write_books(ledger, new_run(ledger, "forecast"), [book(target="profit")])
    with pytest.raises(UsageError, match="profit"):
        read_book(ledger, "profit", "2012Q1")


@pytest.mark.parametrize(
    "grid", [GRID[:20], (math.nan, *GRID[1:]), (math.inf, *GRID[1:]), GRID[::-1]]
)
def test_quantiles_that_are_none_are_refused(grid: tuple[float, ...]) -> None:
    with pytest.raises(RowsError, match="quantiles of conversion at total"):
        VintageRow.of_grid("total", "conversion", mean_minor=1.0, grid_minor=grid)


@pytest.mark.parametrize("changed", [{"mean_minor": math.nan}, {"parts": {"to_date": math.inf}}])
def test_a_number_that_is_not_finite_is_refused(ledger: Ledger, changed: dict[str, object]) -> None:
    given = {"mean_minor": 1.0, "grid_minor": GRID, **changed}
    row = VintageRow.of_grid("total", "combined", **given)  # type: ignore[arg-type]
    with pytest.raises(RowsError):
        write_books(ledger, new_run(ledger, "forecast"), [book([row])])


@pytest.mark.parametrize("p_hit", [-0.1, 1.1, math.nan])
def test_a_chance_that_is_none_is_refused(ledger: Ledger, p_hit: float) -> None:
    with pytest.raises(RowsError, match="plan"):
        write_books(ledger, new_run(ledger, "forecast"), [with_chance(book(), p_hit)])
