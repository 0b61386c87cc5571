from __future__ import annotations

import pytest

from ledger.engine import Ledger
from ledger.ladder import LADDER, Duel, Ladder, read_ladder
from ledger.vintages import Wanted
from lifecycle.errors import UsageError
from tests.ledger.forecast_story import past_book, publish_judged

WANTED = Wanted("bookings")
PERIODS = ("2011Q1", "2011Q2", "2011Q3", "2011Q4")
ACTUALS = dict.fromkeys(PERIODS, 100.0)


def _ladder(ledger: Ledger, *legs: dict[str, float]) -> Ladder:
    """A backtest in which the legs of each quarter spoke at two origins."""
    pairs = list(zip(PERIODS, legs, strict=False))
    books = [past_book(period, said, week=week) for period, said in pairs for week in (0, 1)]
    publish_judged(ledger, books, {period: 100.0 for period, _ in pairs})
    return read_ladder(ledger, WANTED)


def _duel(ladder: Ladder, leg: str, rival: str) -> Duel:
    return next(one for one in ladder.duels if (one.leg, one.rival) == (leg, rival))


def test_quarters_are_counted_not_weeks(ledger: Ledger) -> None:
    legs = [{"combined": guess, "last_quarter": 120.0} for guess in (110.0, 130.0, 120.0, 120.0)]
    duel = _duel(_ladder(ledger, *legs), "combined", "last_quarter")
    assert (duel.n, duel.won, duel.lost, duel.tied) == (8, 1, 1, 2)
    assert duel.wape_ratio == pytest.approx((10 + 30 + 20 + 20) / 80)
    assert [one.period for one in duel.quarters] == list(PERIODS)


def test_only_origins_where_both_spoke_are_compared(ledger: Ledger) -> None:
    both = {"combined": 110.0, "conversion": 120.0}
    duel = _duel(_ladder(ledger, {"combined": 900.0}, both, both), "combined", "conversion")
    assert (duel.n, duel.wape, duel.rival_wape) == (4, pytest.approx(0.1), pytest.approx(0.2))


def test_each_leg_is_held_against_every_plainer_one(ledger: Ledger) -> None:
    guesses = {leg: 100.0 + place for place, leg in enumerate(LADDER[:-1])}
    found = [(one.leg, one.rival) for one in _ladder(ledger, *[guesses] * 4).duels]
    assert found == [(leg, rival) for at, leg in enumerate(LADDER) for rival in LADDER[:at]]


def test_the_nearest_rival_is_named_where_what_was_served_won(ledger: Ledger) -> None:
    legs = {"combined": 110.0, "conversion": 115.0, "last_quarter": 130.0}
    found = _ladder(ledger, *[legs] * 4)
    assert found.simple is None
    assert "beat every plain rule; the nearest is conversion, WAPE 0.150" in found.verdict


def test_where_a_plain_rule_was_nearer_it_should_be_used(ledger: Ledger) -> None:
    legs = {"combined": 110.0, "conversion": 105.0, "last_quarter": 108.0}
    found = _ladder(ledger, *[legs] * 4)
    assert found.simple == "conversion"
    assert found.verdict.startswith("use the simple one: conversion, WAPE 0.050 against 0.100")


def test_one_bad_quarter_does_not_hand_the_forecast_to_a_rule(ledger: Ledger) -> None:
    legs = [{"combined": 100.0 + off, "conversion": 106.0} for off in (40, 2, 3, 4)]
    found = _ladder(ledger, *legs)
    assert _duel(found, "combined", "conversion").wape_ratio == pytest.approx(49 / 24)
    assert found.simple is None
    assert found.verdict.startswith("too early to tell")


def test_a_rule_as_near_is_enough(ledger: Ledger) -> None:
    legs = {"combined": 110.0, "conversion": 90.0}
    assert _ladder(ledger, *[legs] * 4).simple == "conversion"


def test_one_quarter_proves_nothing(ledger: Ledger) -> None:
    found = _ladder(ledger, {"combined": 110.0, "conversion": 100.0})
    assert (found.simple, found.verdict) == (
        None,
        "not yet judged against a plain rule (1 quarters)",
    )


def test_our_own_legs_are_no_plain_rules(ledger: Ledger) -> None:
    legs = {"combined": 110.0, "simulation": 101.0}
    assert _ladder(ledger, *[legs] * 4).simple is None


def test_a_rival_without_error_gives_no_ratio(ledger: Ledger) -> None:
    legs = {"combined": 110.0, "conversion": 100.0}
    found = _ladder(ledger, *[legs] * 4)
    assert _duel(found, "combined", "conversion").wape_ratio is None
    assert found.simple == "conversion"


def test_quarters_of_nothing_have_no_ladder_of_shares(ledger: Ledger) -> None:
    books = [past_book(period, {"combined": 10.0, "conversion": 0.0}) for period in PERIODS]
    publish_judged(ledger, books, dict.fromkeys(PERIODS, 0.0))
    found = read_ladder(ledger, WANTED)
    assert _duel(found, "combined", "conversion").wape is None
    assert found.simple is None


def test_a_week_can_be_asked_for(ledger: Ledger) -> None:
    legs = {"combined": 110.0, "conversion": 120.0}
    _ladder(ledger, *[legs] * 4)
    assert _duel(read_ladder(ledger, WANTED, week=1), "combined", "conversion").n == 4


@pytest.mark.parametrize(
    "wanted", [Wanted("bookings", node=None), Wanted("bookings", leg="commit")]
)
def test_a_ladder_is_one_nodes_and_all_legs(ledger: Ledger, wanted: Wanted) -> None:
    with pytest.raises(UsageError, match="one node"):
        read_ladder(ledger, wanted)
