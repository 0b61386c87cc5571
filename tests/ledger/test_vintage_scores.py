from __future__ import annotations

import math
from datetime import timedelta

import pytest

from ledger.books import write_books
from ledger.engine import Ledger
from ledger.runs import publish_run
from ledger.vintage_scores import (
    ActualRow,
    read_actuals,
    read_unscored,
    read_unscored_periods,
    write_actuals,
    write_vintage_scores,
)
from ledger.vintages import Wanted, read_vintages
from lifecycle.errors import ConflictError, RowsError, UsageError
from models.forecast.scoring import score_grid
from tests.ledger.forecast_story import (
    GRID,
    book,
    past_book,
    publish_books,
    publish_judged,
)
from tests.ledger.story import DAY, new_run

LEGS = {"combined": 105.0, "conversion": 90.0}
ROW = next(score_grid([GRID], [100.0], [100.0]).rows())


def test_a_vintage_shows_what_came_of_it(ledger: Ledger) -> None:
    publish_judged(ledger, [past_book("2011Q1", LEGS), past_book("2011Q2", LEGS)], {"2011Q1": 99.0})
    found = read_vintages(ledger, Wanted("bookings", leg="combined"))
    assert [(one.period, one.actual_minor) for one in found] == [("2011Q1", 99.0), ("2011Q2", None)]


def test_published_vintages_wait_for_their_scores(ledger: Ledger) -> None:
    run_id = publish_books(ledger, [past_book("2011Q1", LEGS), past_book("2011Q2", LEGS)])
    first = read_unscored(ledger, "bookings", "2011Q1")
    assert [(one.leg, one.range_minor[1]) for one in first] == list(LEGS.items())
    ids = [one.id for one in first]
    open_run = new_run(ledger, "forecast")
    write_vintage_scores(ledger, open_run, [(one, ROW) for one in ids], known_on=DAY)
    assert read_unscored(ledger, "bookings", "2011Q1", run_id=run_id) == []
    write_actuals(ledger, open_run, [ActualRow("bookings", "2011Q1", "total", 99.0, DAY)])
    write_books(ledger, open_run, [book(target="revenue")])
    publish_run(ledger, open_run)
    waiting = [("bookings", "2011Q2"), ("revenue", "2012Q1")]
    assert read_unscored_periods(ledger) == waiting


def test_a_quarter_whose_actual_died_with_its_run_waits_for_another(ledger: Ledger) -> None:
    publish_books(ledger, [past_book("2011Q1", LEGS)])
    ids = [one.id for one in read_unscored(ledger, "bookings", "2011Q1")]
    dead = new_run(ledger, "forecast")
    write_actuals(ledger, dead, [ActualRow("bookings", "2011Q1", "total", 99.0, DAY)])
    write_vintage_scores(ledger, dead, [(one, ROW) for one in ids], known_on=DAY)
    assert read_actuals(ledger, "bookings") == []
    assert read_unscored_periods(ledger) == [("bookings", "2011Q1")]


def test_an_open_runs_vintages_wait_only_for_itself(ledger: Ledger) -> None:
    run_id = new_run(ledger, "backtest")
    publish_books(ledger, [book(target="revenue")])
    assert read_unscored_periods(ledger) == [("revenue", "2012Q1")]
    assert read_unscored(ledger, "bookings", "2012Q1", run_id=run_id) == []


def test_a_vintage_is_judged_once(ledger: Ledger) -> None:
    publish_books(ledger, [book()])
    (one,) = read_unscored(ledger, "bookings", "2012Q1")
    write_vintage_scores(ledger, new_run(ledger, "forecast"), [(one.id, ROW)], known_on=DAY)
    with pytest.raises(ConflictError):
        write_vintage_scores(ledger, new_run(ledger, "forecast"), [(one.id, ROW)], known_on=DAY)


def test_the_newest_knowledge_of_an_actual_counts(ledger: Ledger) -> None:
    for amount, days in ((100.0, 0), (97.0, 30), (98.0, 10)):
        run_id = new_run(ledger, "forecast")
        day = DAY + timedelta(days=days)
        write_actuals(ledger, run_id, [ActualRow("bookings", "2011Q1", "total", amount, day)])
        write_books(ledger, run_id, [book()])
        publish_run(ledger, run_id)
    assert [one.actual_minor for one in read_actuals(ledger, "bookings")] == [97.0]


def test_an_actual_of_an_unpublished_run_is_not_known(ledger: Ledger) -> None:
    write_actuals(
        ledger, new_run(ledger, "forecast"), [ActualRow("bookings", "2011Q1", "total", 1.0, DAY)]
    )
    assert read_actuals(ledger, "bookings") == []


def test_bad_actuals_are_refused(ledger: Ledger) -> None:
    run_id, row = new_run(ledger, "forecast"), ActualRow("bookings", "2011Q1", "total", 1.0, DAY)
    with pytest.raises(RowsError):
        write_actuals(ledger, run_id, [ActualRow("bookings", "2011Q1", "total", math.nan, DAY)])
    with pytest.raises(ConflictError):
        write_actuals(ledger, run_id, [row, row])
    with pytest.raises(UsageError, match="profit"):
        write_actuals(ledger, run_id, [ActualRow("profit", "2011Q1", "total", 1.0, DAY)])
