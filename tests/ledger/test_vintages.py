from __future__ import annotations

from datetime import timedelta

import pytest

from ledger.engine import Ledger
from ledger.vintages import Wanted, read_vintages
from lifecycle.errors import UsageError
from tests.ledger.forecast_story import book, past_book, publish_books, said
from tests.ledger.story import DAY


def test_a_leg_is_followed_through_weeks_and_quarters(ledger: Ledger) -> None:
    legs = {"combined": 100.0, "conversion": 90.0}
    weeks = [("2011Q1", 0), ("2011Q1", 1), ("2011Q2", 0)]
    publish_books(ledger, [past_book(*one[:1], legs, week=one[1]) for one in weeks], "backtest")
    found = read_vintages(ledger, Wanted("bookings", leg="conversion"))
    assert [(one.period, one.week, one.row.p50_minor) for one in found] == [
        (period, week, 90.0) for period, week in weeks
    ]


def test_a_newer_backtest_replaces_the_one_before(ledger: Ledger) -> None:
    publish_books(ledger, [past_book("2011Q1", {"combined": 90.0})], "backtest")
    publish_books(ledger, [past_book("2011Q2", {"combined": 95.0})], "backtest")
    found = read_vintages(ledger, Wanted("bookings"))
    assert [one.period for one in found] == ["2011Q2"]


def test_a_backtest_of_another_target_hides_nothing(ledger: Ledger) -> None:
    publish_books(ledger, [past_book("2011Q1", {"combined": 90.0})], "backtest")
    publish_books(ledger, [past_book("2011Q1", {"combined": 9.0}, target="revenue")], "backtest")
    assert [one.row.p50_minor for one in read_vintages(ledger, Wanted("bookings"))] == [90.0]


def test_of_live_forecasts_all_origins_count_and_the_first_said_of_each(ledger: Ledger) -> None:
    publish_books(ledger, [book([said(p50=90.0)])])
    publish_books(ledger, [book([said(p50=95.0)])])
    publish_books(ledger, [book([said(p50=99.0)], origin=DAY + timedelta(days=1))])
    found = read_vintages(ledger, Wanted("bookings", source="live"))
    assert [one.row.p50_minor for one in found] == [90.0, 99.0]


def test_nodes_and_periods_can_be_asked_for(ledger: Ledger) -> None:
    rows = [said(), said(node="segment=smb"), said(node="segment=mid")]
    publish_books(ledger, [book(rows), book(rows, period="2012Q2")])
    one = read_vintages(ledger, Wanted("bookings", "live", node="segment=smb", period="2012Q2"))
    assert [(found.period, found.row.node) for found in one] == [("2012Q2", "segment=smb")]
    assert len(read_vintages(ledger, Wanted("bookings", "live", node=None))) == 6


def test_an_unknown_target_is_no_empty_answer(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="profit"):
        read_vintages(ledger, Wanted("profit"))
