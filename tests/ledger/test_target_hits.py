from __future__ import annotations

import pytest

from ledger.books import Book
from ledger.engine import Ledger
from ledger.target_hits import read_hit_record
from ledger.vintages import Wanted
from tests.ledger.forecast_story import past_book, publish_judged, with_chance

WANTED = Wanted("bookings")
LEGS = {"combined": 100.0}


def _said(period: str, p_hit: float, week: int = 0) -> Book:
    return with_chance(past_book(period, LEGS, week=week), p_hit, 95.0)


def test_a_target_is_hit_when_the_actual_is_at_least_it(ledger: Ledger) -> None:
    books = [_said("2011Q1", 0.8), _said("2011Q2", 0.4), _said("2011Q3", 0.1)]
    publish_judged(ledger, books, {"2011Q1": 95.0, "2011Q2": 94.0, "2011Q3": 110.0})
    found = read_hit_record(ledger, WANTED)
    assert found is not None
    assert (found.n, found.hits_count) == (3, 2)
    assert found.brier == pytest.approx((0.2**2 + 0.4**2 + 0.9**2) / 3)
    assert found.brier_skill == pytest.approx(1 - found.brier / (2 / 9))


def test_a_quarter_that_has_not_ended_is_no_miss(ledger: Ledger) -> None:
    publish_judged(ledger, [_said("2011Q1", 0.8), _said("2011Q2", 0.4)], {"2011Q1": 95.0})
    found = read_hit_record(ledger, WANTED)
    assert found is not None
    assert (found.n, found.brier_skill) == (1, None)


def test_weeks_of_one_target_are_one_target(ledger: Ledger) -> None:
    books = [_said("2011Q1", 0.8, week) for week in range(5)]
    publish_judged(ledger, books, {"2011Q1": 95.0})
    found = read_hit_record(ledger, WANTED)
    assert found is not None
    assert (found.n, found.targets_count, found.bins[0].n) == (5, 1, 5)


def test_no_chances_give_no_record(ledger: Ledger) -> None:
    publish_judged(ledger, [past_book("2011Q1", LEGS)], {"2011Q1": 95.0})
    assert read_hit_record(ledger, WANTED) is None
