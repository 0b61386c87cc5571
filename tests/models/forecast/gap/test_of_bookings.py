from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from lifecycle.errors import UsageError
from models.forecast.changes import explain_change
from models.forecast.gap.answer import Past, Shown, build_gap
from models.forecast.gap.of_bookings import BookingsAgain, bookings_ground, bookings_items
from models.forecast.grid import grid_of
from models.forecast.items import ForecastItems
from models.forecast.whatif import Change
from tests.models.forecast.gap.kept_inputs import NODES, bookings, raw_of
from tests.models.forecast.gap.quarter_story import target

AGAIN = BookingsAgain(bookings(), seed=5)


def items(inputs: object = None, *, week: int = 0) -> ForecastItems:
    made = bookings() if inputs is None else inputs
    again = BookingsAgain(made, seed=5)  # type: ignore[arg-type]
    raw = raw_of("bookings", again.draws(), again.inputs.to_date_minor)
    raw = replace(raw, origin=raw.origin + timedelta(weeks=week))
    served = float(again.draws()[0].mean())
    return bookings_items(again.inputs, raw, served_minor=served, won_minor={"W1": 6e5})


def test_the_units_sum_to_the_simulations_mean() -> None:
    draws = AGAIN.draws()[0]
    noise = float(draws.std()) / np.sqrt(len(draws))
    assert items().expected_minor.sum() == pytest.approx(draws.mean(), abs=3 * noise)


def test_wins_that_no_deal_names_are_one_unit() -> None:
    found = items()
    unit = found.units.index("won before, by deals not named")
    assert found.expected_minor[unit] == pytest.approx(9e5 - 6e5)


def test_nothing_changed_is_simulated_once() -> None:
    assert AGAIN.draws() is AGAIN.draws(Change())


def test_a_deal_that_was_not_open_cannot_be_changed() -> None:
    with pytest.raises(UsageError):
        AGAIN.draws(Change(outcomes={"X": "won"}))


def test_open_pipeline_due_is_told_by_node() -> None:
    due = bookings_ground(AGAIN).open_due_minor
    assert due["total"] == pytest.approx(due["owner=R1"] + due["owner=R2"])
    assert due["total"] == pytest.approx(AGAIN.inputs.amount_minor[AGAIN.inputs.due].sum())


def test_every_lever_of_bookings_moves_the_median_up() -> None:
    raw = raw_of("bookings", AGAIN.draws(), AGAIN.inputs.to_date_minor)
    shown = Shown(raw, grid_of(AGAIN.draws()), "EUR", bookings_ground(AGAIN))
    goal = target(amount_minor=round(float(shown.grid_minor[0, 10]) * 1.1))
    told = build_gap(shown, [goal], Past())
    assert {one["kind"] for one in told["levers"]} == {"win_rate", "recover", "pull_in", "create"}
    assert min(one["delta_p50_minor"] for one in told["levers"]) > 0
    assert told["pipeline"]["yield_share"] == pytest.approx(0.2, rel=0.15)
    assert told["plan"]["closes"]


def test_a_won_deal_is_told_as_closed() -> None:
    later = bookings()
    kept = later.deal_id != "D1"
    rows = ("deal_id", "stage", "owner", "places", "log_odds", "next_chance", "amount_minor",
            "haircut", "due", "slipped")  # fmt: skip
    less = replace(later, **{name: getattr(later, name)[kept] for name in rows})
    before, after = items(), items(less, week=1)
    won = dict(zip(after.units, after.expected_minor, strict=True))["W1"]
    renamed = replace(after, units=tuple("D1" if one == "W1" else one for one in after.units))
    found = explain_change(before, renamed)
    chance = before.expected_minor[before.units.index("D1")]
    worth = before.amount_minor[before.units.index("D1")]
    # W1 left the list of wins in this story, so its money moves as well
    assert found.parts_minor["closed"] == pytest.approx(worth - chance - won, abs=2)
    assert sum(found.parts_minor.values()) == found.difference_minor


def test_a_book_without_deals_still_has_what_is_to_come() -> None:
    names = ("deal_id", "stage", "owner", "log_odds", "next_chance", "amount_minor", "haircut",
             "due", "slipped")  # fmt: skip
    empty = {name: getattr(bookings(), name)[:0] for name in names}
    found = items(bookings(**empty, places=np.zeros((0, 2), np.int64)))
    assert found.units == ("W1", "won before, by deals not named", "deals yet to be created")
    assert len(NODES) == len(bookings_ground(AGAIN).open_due_minor)
