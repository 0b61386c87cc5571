"""Presets, seeds, macro, dates, hazards: each part of the world's law by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from lifecycle.errors import UsageError
from lifecycle.world.dates import as_days, shift_months
from lifecycle.world.hazards import Hazards, Span, weekly_hazards
from lifecycle.world.macro import build_macro
from lifecycle.world.presets import Risk, Variant, WorldParams, preset
from lifecycle.world.seeds import Streams
from lifecycle.world.simulate import simulate
from lifecycle.world.state import State, state_at

TINY = preset("tiny", accounts=100, months=12)


@pytest.fixture(scope="module")
def state() -> State:
    return state_at(simulate(TINY), 20)


def _hazards(state: State, params: WorldParams, span: Span | None = None) -> Hazards:
    return weekly_hazards(state, params, span or Span(140, 147), 0.0)


@pytest.mark.parametrize(
    ("over", "named"),
    [
        ({"accounts": 3}, "3 accounts"),
        ({"months": 1}, "1 months"),
        ({"variant": "wild"}, "wild"),
        ({"start": date(2021, 1, 5)}, "2021-01-05"),
        ({"colour": 1}, "colour"),
    ],
)
def test_an_impossible_world_is_refused_by_name(over: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        preset("tiny", **over)


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(UsageError, match="huge"):
        preset("huge")


def test_what_is_not_given_stays_as_the_preset_has_it() -> None:
    assert preset("demo", accounts=None, seed=9) == replace(preset("demo"), seed=9)


def test_a_stream_does_not_depend_on_who_drew_before() -> None:
    first, second = Streams(7), Streams(7)
    second.rng("tickets").random(1000)
    assert np.array_equal(first.rng("usage").random(5), second.rng("usage").random(5))


def test_streams_of_other_names_and_seeds_differ() -> None:
    draws = {Streams(seed).rng(name).random() for seed in (1, 2) for name in ("a", "b")}
    assert len(draws) == 4


def test_macro_shocks_keep_their_declared_spread() -> None:
    params = preset("tiny", months=1200)
    churn = build_macro(params, Streams(1).rng("macro")).churn
    assert abs(churn.mean()) < 0.06
    assert churn.std() == pytest.approx(params.shocks.churn_sd, rel=0.15)


def test_a_shock_world_breaks_where_it_says() -> None:
    plain, broken = (
        build_macro(replace(TINY, variant=name), Streams(1).rng("macro"))
        for name in ("plain", "shock")
    )
    lift = broken.churn - plain.churn
    assert (lift[: TINY.break_week] == 0).all()
    assert np.allclose(lift[TINY.break_week :], TINY.shocks.break_churn)


def test_a_month_without_the_day_ends_on_its_last() -> None:
    start = date(2021, 1, 4)
    ends = as_days(shift_months([27, 27], [1, 2], start), start)
    assert ends.astype(str).tolist() == ["2021-02-28", "2021-03-31"]


def test_nobody_decides_on_a_renewal_away_from_the_deadline(state: State) -> None:
    deadline = state.term_ends_day - state.notice_days
    elsewhere = (deadline < 140) | (deadline >= 147)
    hazards = _hazards(state, TINY)
    assert (hazards.nonrenewal[elsewhere] == 0).all()
    assert (hazards.nonrenewal[~elsewhere & state.staying] > 0).all()


def test_who_gave_notice_or_left_cannot_leave_again(state: State) -> None:
    hazards = _hazards(state, TINY)
    assert (~state.staying).any()
    assert (hazards.total()[~state.staying] == 0).all()


def test_worse_health_means_more_risk(state: State) -> None:
    worse = state.take(np.arange(len(state)))
    worse.base = worse.base - 1.0
    here, there = _hazards(state, TINY).total(), _hazards(worse, TINY).total()
    assert (there[here > 0] > here[here > 0]).all()


def test_half_a_week_holds_half_of_the_steady_hazard(state: State) -> None:
    whole, half = _hazards(state, TINY), _hazards(state, TINY, Span(140, 143))
    assert half.midterm == pytest.approx(whole.midterm * 3 / 7)
    assert half.involuntary == pytest.approx(whole.involuntary * 3 / 7)


def test_second_thoughts_make_lasting_hazards_smaller(state: State) -> None:
    hazards = _hazards(state, TINY)
    total, lasting = hazards.total(), hazards.lasting(state, TINY)
    assert (lasting <= total).all()
    assert (lasting[total > 0] < total[total > 0]).all()


def test_coefficients_mean_what_they_say(state: State) -> None:
    """The health coefficient is recovered from the odds of not renewing."""
    worse = state.take(np.arange(len(state)))
    worse.base = worse.base - 1.0
    due = _hazards(state, TINY).nonrenewal > 0
    odds = [one.nonrenewal[due] for one in (_hazards(worse, TINY), _hazards(state, TINY))]
    steps = np.log(odds[0] / (1 - odds[0])) - np.log(odds[1] / (1 - odds[1]))
    assert steps == pytest.approx(np.full(len(steps), Risk().health))


@pytest.mark.parametrize("variant", ["misspecified", "drift"])
def test_variants_bend_the_law(state: State, variant: Variant) -> None:
    bent = replace(TINY, variant=variant)
    late = Span(7 * TINY.weeks - 7, 7 * TINY.weeks)
    straight = weekly_hazards(state, TINY, late, 0.0).total()
    assert not np.allclose(weekly_hazards(state, bent, late, 0.0).total(), straight)
