"""Past forecasts come back as numbers, one book an origin, the one that counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger.books import write_books
from ledger.engine import Ledger
from ledger.issued_books import Source
from ledger.past_books import PastBook, PastRow, read_past_books
from ledger.vintages import Wanted
from lifecycle.errors import UsageError
from tests.ledger.forecast_story import book, publish_books, said
from tests.ledger.story import DAY, new_run

LATER = DAY + timedelta(days=7)


def read(ledger: Ledger, source: Source = "live", target: str = "bookings") -> list[PastBook]:
    return read_past_books(ledger, Wanted(target, source))


def p50(found: list[PastBook]) -> list[float]:
    return [one.rows[0].p50_minor for one in found]


def test_every_leg_of_every_node_comes_back(ledger: Ledger) -> None:
    rows = [said(served=True), said("commit", 90.0), said("commit", 40.0, node="segment=smb")]
    publish_books(ledger, [book(rows)])
    (found,) = read(ledger)
    assert (found.period, found.origin, found.week) == ("2012Q1", DAY, 1)
    assert sorted(found.rows) == [
        PastRow("segment=smb", "commit", 41.0, 24.0, 40.0, 56.0, 20.0),
        PastRow("total", "combined", 101.0, 84.0, 100.0, 116.0, 20.0),
        PastRow("total", "commit", 91.0, 74.0, 90.0, 106.0, 20.0),
    ]


def test_notes_come_back_as_they_were_written(ledger: Ledger) -> None:
    notes = {"scales": {"combined": {"total": 1.25}}}
    publish_books(ledger, [book(notes=notes)])
    assert read(ledger)[0].notes == notes


def test_a_row_is_a_plain_tuple_of_seven(ledger: Ledger) -> None:
    publish_books(ledger, [book()])
    node, leg, mean, *ends, to_date = read(ledger)[0].rows[0]
    assert (node, leg, mean, ends, to_date) == ("total", "combined", 101.0, [84, 100, 116], 20.0)


def test_books_come_by_origin_and_period(ledger: Ledger) -> None:
    told = [("2012Q2", DAY), ("2012Q1", LATER), ("2012Q1", DAY)]
    publish_books(ledger, [book(period=period, origin=origin) for period, origin in told])
    found = [(one.period, one.origin) for one in read(ledger)]
    assert found == [("2012Q1", DAY), ("2012Q2", DAY), ("2012Q1", LATER)]


def test_of_live_books_of_one_origin_the_first_published_counts(ledger: Ledger) -> None:
    publish_books(ledger, [book([said("combined", 100.0, served=True)])])
    publish_books(ledger, [book([said("combined", 300.0, served=True)])])
    assert p50(read(ledger)) == [100.0]


def test_of_backtests_the_newest_counts_alone(ledger: Ledger) -> None:
    publish_books(ledger, [book(), book(origin=LATER)], "backtest")
    publish_books(ledger, [book([said("combined", 300.0, served=True)])], "backtest")
    assert p50(read(ledger, "backtest")) == [300.0]


def test_live_and_backtest_are_kept_apart(ledger: Ledger) -> None:
    publish_books(ledger, [book()], "backtest")
    assert (len(read(ledger)), len(read(ledger, "backtest"))) == (0, 1)


def test_targets_are_kept_apart(ledger: Ledger) -> None:
    publish_books(ledger, [book(), book(target="orders", period="2011Q4")])
    assert [one.period for one in read(ledger)] == ["2012Q1"]
    assert [one.period for one in read(ledger, target="orders")] == ["2011Q4"]


def test_a_run_that_was_never_published_is_not_seen(ledger: Ledger) -> None:
    write_books(ledger, new_run(ledger, "forecast"), [book()])
    assert read(ledger) == []


def test_an_unknown_target_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UsageError):
        read(ledger, target="profit")
