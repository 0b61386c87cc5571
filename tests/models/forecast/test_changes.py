from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.errors import RowsError, UsageError
from models.forecast.changes import PARTS, exact_parts, explain_change, round_parts
from models.forecast.items import ForecastItems, pack_items, unpack_items
from models.forecast.unit_moves import UnitMoves
from tests.models.forecast.deals_items import A, B, items


def moved(before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, int]:
    sides = [[] if one is None else [{"id": "D", "x": 100.0, **one}] for one in (before, after)]
    found = explain_change(items(A, *sides[0]), items(B, *sides[1]))
    return {part: minor for part, minor in found.parts_minor.items() if minor}


CASES = {
    "a win brings the rest of the deal": ({"q": 0.3}, {"state": "won", "q": 1}, {"closed": 70}),
    "a win at another amount splits at the amount": (
        {"q": 0.3},
        {"state": "won", "q": 1, "x": 90.0},
        {"closed": 70, "amount_changed": -10},
    ),
    "a win dated outside the quarter slipped": (
        {},
        {"state": "won", "q": 0, "due": False},
        {"slipped": -50},
    ),
    "a close taken back undoes the win": (
        {"state": "won", "q": 1},
        {"q": 0.4},
        {"closed": -60},
    ),
    "a lost deal takes its expectation with it": ({}, {"state": "lost", "q": 0}, {"lost": -50}),
    "a deal that vanished is lost": ({}, None, {"lost": -50}),
    "a deal pushed out of the quarter slipped": ({}, {"due": False, "q": 0.1}, {"slipped": -40}),
    "a deal brought into the quarter is pulled in": (
        {"due": False, "q": 0.1},
        {"q": 0.6},
        {"pulled_in": 50},
    ),
    "another stage explains another chance": ({}, {"stage": "t", "q": 0.7}, {"stage_moved": 20}),
    "nothing but time explains the rest": ({}, {"q": 0.4}, {"time_passed": -10}),
    "another amount counts at the chance before": (
        {},
        {"x": 200.0, "q": 0.6},
        {"amount_changed": 50, "time_passed": 20},
    ),
    "the shock is told apart from the chance": (
        {"shock": 5.0},
        {"q": 0.4, "shock": -3.0},
        {"shock": -8, "time_passed": -10},
    ),
    "a new deal is new pipeline": (None, {"q": 0.2}, {"new_pipeline": 20}),
    "a contract that gave notice is churn": (
        {"kind": "contract", "state": "live", "q": 0.9},
        {"kind": "contract", "state": "noticed", "q": 0.2},
        {"churn_renewal": -70},
    ),
    "a contract that goes on has no close to slip": (
        {"kind": "contract", "state": "live", "q": 0.9},
        {"kind": "contract", "state": "live", "q": 0.8, "due": False},
        {"time_passed": -10},
    ),
    "days to come of a contract turn into time passed": (
        {"kind": "contract", "state": "live", "q": 0.9},
        {"kind": "contract", "state": "live", "q": 0.9, "x": 80.0},
        {"time_passed": -18},
    ),
    "a contract that pays another amount changed": (
        {"kind": "contract", "state": "live", "q": 0.5},
        {"kind": "contract", "state": "live", "q": 0.4, "x": 200.0, "stage": "t"},
        {"amount_changed": 50, "time_passed": -20},
    ),
    "what is in already counts to the part it names": (
        {"kind": "earned", "state": "time_passed", "q": 1.0},
        {"kind": "earned", "state": "time_passed", "q": 1.0, "x": 130.0},
        {"time_passed": 30},
    ),
    "what is in for the first time counts there too": (
        None,
        {"kind": "earned", "state": "churn_renewal", "q": 1.0},
        {"churn_renewal": 100},
    ),
    "a contract that is gone is churn": (
        {"kind": "contract", "state": "live", "q": 0.9},
        None,
        {"churn_renewal": -90},
    ),
}


@pytest.mark.parametrize(("before", "after", "parts"), CASES.values(), ids=CASES)
def test_each_step_of_a_unit_has_its_cause(
    before: dict[str, Any] | None, after: dict[str, Any] | None, parts: dict[str, int]
) -> None:
    assert moved(before, after) == parts


def test_new_deals_count_against_what_was_to_be_created() -> None:
    pool = {"id": "pool", "kind": "pool", "q": 1.0}
    before = items(A, {**pool, "x": 300.0})
    after = items(B, {**pool, "x": 240.0}, {"id": "D", "x": 100.0})
    assert explain_change(before, after).parts_minor["new_pipeline"] == 50 - 60


def test_what_the_items_do_not_sum_to_is_the_combination() -> None:
    found = explain_change(items(A, served=10.0), items(B, served=17.0))
    assert found.parts_minor["combination"] == found.difference_minor == 7


def test_a_changed_model_is_told_apart_where_the_earlier_items_were_scored_again() -> None:
    before, after = items(A, {"id": "D", "x": 100.0}), items(B, {"id": "D", "x": 100.0, "q": 0.8})
    again = items(A, {"id": "D", "x": 100.0, "q": 0.7})
    parts = explain_change(before, after, rescored=again).parts_minor
    assert (parts["model_version"], parts["time_passed"]) == (20, 10)


def test_a_changed_model_that_is_not_told_apart_is_said() -> None:
    before, after = items(A), replace(items(B), model_version="n")
    assert "models changed" in explain_change(before, after).told()["notes"][0]


def test_the_units_that_moved_most_are_named_first() -> None:
    before = items(A, *[{"id": f"D{n}", "x": 100.0 * n} for n in range(1, 9)])
    told = explain_change(before, items(B)).largest["lost"]
    assert told[0] == ("D8", -400)
    assert len(told) == 5


def random_items(origin: date, seed: int) -> ForecastItems:
    rng = np.random.default_rng(seed)
    rows = [
        {
            "id": f"U{unit}",
            "kind": ("deal", "contract", "pool", "earned")[unit % 4],
            "state": "time_passed" if unit % 4 == 3 else rng.choice(["open", "won", "lost"]),
            "stage": rng.choice(["s", "t"]),
            "due": bool(rng.integers(2)),
            "x": float(rng.lognormal(10, 2)),
            "q": float(rng.random()),
            "shock": float(rng.normal(0, 1000)),
        }
        for unit in rng.choice(40, size=rng.integers(0, 30), replace=False)
    ]
    return items(origin, *rows, served=float(rng.normal(1e6, 1e6)))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_parts_sum_to_the_difference_to_the_cent(first: int, second: int) -> None:
    before, after = random_items(A, first), random_items(B, second)
    found = explain_change(before, after)
    assert list(found.parts_minor) == list(PARTS)
    assert sum(found.parts_minor.values()) == round(after.served_minor) - round(before.served_minor)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_before_rounding_nothing_is_left_over(first: int, second: int) -> None:
    before, after = random_items(A, first), random_items(B, second)
    parts = exact_parts(before, after, moves=UnitMoves(before, after), rescored=before)
    gap = after.served_minor - before.served_minor
    assert sum(parts.values()) == pytest.approx(gap, abs=1e-3)


def test_rounding_gives_what_is_left_over_to_the_largest_part() -> None:
    assert round_parts({"a": 0.4, "b": -100.4, "c": 0.4}, -100) == {"a": 0, "b": -100, "c": 0}


def test_items_come_back_from_bytes_as_they_were() -> None:
    kept = random_items(A, 3)
    back = unpack_items(pack_items(kept))
    assert back.units == kept.units
    assert back.expected_minor.tobytes() == kept.expected_minor.tobytes()
    assert explain_change(back, random_items(B, 4)) == explain_change(kept, random_items(B, 4))


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(RowsError, match="no items"):
        unpack_items(b"something else")


def test_a_unit_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(RowsError, match="twice"):
        items(A, {"id": "D", "x": 1.0}, {"id": "D", "x": 2.0})


@pytest.mark.parametrize(
    "changed", [{"target": "revenue"}, {"period": "2012Q2"}, {"origin": date(2012, 1, 2)}]
)
def test_forecasts_that_cannot_be_compared_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        explain_change(items(A), replace(items(B), **changed))
