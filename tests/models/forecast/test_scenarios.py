from __future__ import annotations

import json
from typing import Any

import pytest

from lifecycle.errors import UsageError
from models.forecast.scenario_run import Base, run_scenario
from models.forecast.scenarios import (
    Scenario,
    Toggle,
    change_of,
    from_document,
    to_document,
)
from models.forecast.whatif import Change
from tests.models.forecast.gap.quarter_story import QUARTER
from tests.models.forecast.gap.toy_quarter import ground


def scenario(**changed: Any) -> Scenario:
    given: dict[str, Any] = {
        "name": "more of everything",
        "rationale": "the board asked",
        "author": "Kim",
        "target": "bookings",
        "period": str(QUARTER),
    }
    return Scenario(**{"extra_pipeline_minor": 1000.0, **given, **changed})


def base(**changed: Any) -> Base:
    place = ground()
    given = {
        "quarter": QUARTER,
        "simulator": place.simulator,
        "deals": frozenset(f"D{n}" for n in range(24)),
        "accounts": frozenset(f"A{n}" for n in range(12)),
    }
    return Base(**{**given, **changed})


def test_a_scenario_is_told_beside_its_base_with_intervals() -> None:
    told = run_scenario(scenario(), base())
    assert told["delta"]["mean_minor"] == 300
    assert told["delta"]["p50_minor"] == (told["scenario"]["p50_minor"] - told["base"]["p50_minor"])
    assert [one["level"] for one in told["scenario"]["intervals"]] == [0.5, 0.8, 0.95]
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_the_difference_is_the_changes_alone_the_luck_being_the_same() -> None:
    delta = run_scenario(scenario(), base())["delta"]
    assert delta["p10_minor"] == delta["p90_minor"] == 300


def test_keeping_accounts_has_an_unsure_effect_that_is_never_a_loss() -> None:
    keep = scenario(extra_pipeline_minor=0.0, saved=("A11", "A10"))
    delta = run_scenario(keep, base())["delta"]
    assert delta["p10_minor"] == 0 < delta["mean_minor"] < delta["p90_minor"]


def test_a_scenario_moves_the_served_forecast_and_its_chance_to_hit() -> None:
    goal = run_scenario(scenario(), base())["base"]["p50_minor"] + 100
    told = run_scenario(scenario(), base(goals_minor={"total": goal}))
    assert told["base"]["p_hit"] < 0.5 < told["scenario"]["p_hit"]
    assert told["delta"]["p_hit"] == told["scenario"]["p_hit"] - told["base"]["p_hit"]


def test_a_deal_closing_in_the_quarter_is_won_and_in_a_later_one_moved() -> None:
    toggles = (
        Toggle("A", "won"),
        Toggle("B", "lost"),
        Toggle("C", str(QUARTER), 500),
        Toggle("D", str(QUARTER.shift(1))),
        Toggle("E", amount_minor=700),
    )
    assert change_of(scenario(toggles=toggles, extra_pipeline_minor=0.0)) == Change(
        outcomes={"A": "won", "B": "lost", "C": "won", "D": "moved"},
        amounts_minor={"C": 500.0, "E": 700.0},
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rationale": "  "}, "say its rationale"),
        ({"author": ""}, "say its author"),
        ({"name": "x" * 101}, "say its name"),
        ({"extra_pipeline_minor": 0.0}, "supposes nothing"),
        ({"toggles": (Toggle("D1", "won"), Toggle("D1", "lost"))}, "'D1' is won and lost"),
        ({"toggles": (Toggle("D1", "won"), Toggle("D1", None, 5))}, "one outcome per deal"),
        ({"toggles": (Toggle("D1"),)}, "without a change"),
        ({"toggles": (Toggle("D1", "lost", 5),)}, "is lost and has an amount"),
        ({"shocks": {"weather": 1.0}}, "weather"),
        ({"saved": ("A1",), "leaving": ("A1",)}, "both saved and leaving"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_written(
    changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        scenario(**changed)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"toggles": (Toggle("D99", "won"),)}, "1 deals that this forecast does not know: 'D99'"),
        ({"saved": ("A99",)}, "1 accounts"),
        ({"toggles": (Toggle("D1", "2011Q4"),)}, "2012Q1 or later"),
        ({"toggles": (Toggle("D1", "soon"),)}, "a quarter such as"),
        ({"toggles": (Toggle("X1", "won"),)}, "'X1' was won on 2012-01-09"),
        ({"period": "2012Q2"}, "run it on that quarter"),
    ],
)
def test_what_the_forecast_does_not_hold_is_refused_when_it_is_run(
    changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        run_scenario(scenario(**changed), base(elsewhere={"X1": "was won on 2012-01-09"}))


def test_a_scenario_comes_back_from_its_document() -> None:
    kept = scenario(
        toggles=(Toggle("D1", "won", 5),), shocks={"win": 0.1}, saved=("A1",), hiring_factor=1.2
    )
    assert from_document(vars(kept), json.loads(json.dumps(to_document(kept)))) == kept
