"""The oracle of bookings: what it says comes true, and it looks at nothing that is yet to come."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from lifecycle.errors import UsageError
from lifecycle.world.deals_ahead import chances_to_win
from lifecycle.world.deals_to_come import Newcomers
from lifecycle.world.deals_truth import opp_week_truth
from lifecycle.world.forecast_truth import (
    BookingsTruth,
    _open_deals,
    bookings_truth,
    quarter_bounds,
    won_between,
)
from lifecycle.world.presets import preset
from lifecycle.world.simulate import simulate
from lifecycle.world.trace import Trace

WEEK = 66


@cache
def world() -> Trace:
    return simulate(preset("tiny", accounts=600, seed=3))


@cache
def told(week: int) -> BookingsTruth:
    return bookings_truth(world(), week)


def starts() -> list[int]:
    """The first weeks of the quarters that are whole, but for the first two."""
    quarter = world().pipeline.calendar.quarter[: world().params.weeks]
    return (np.flatnonzero(np.diff(quarter) > 0) + 1)[1:-1].tolist()


def actual(week: int) -> float:
    return won_between(world().pipeline, *quarter_bounds(world().pipeline.calendar, week))


def newcomers(week: int, *, weeks: int = 12) -> Newcomers:
    rng = np.random.default_rng(1)
    return Newcomers(
        world(), world().pipeline, week=week, volume=np.zeros((1, weeks)), rng=rng
    )  # fmt: skip


def test_what_the_oracle_expects_of_quarters_comes_true():
    made = np.array([actual(week) for week in starts()])
    gap = np.array([told(week).mean_minor for week in starts()]) - made
    spread = np.array([told(week).draws_minor.std() for week in starts()])
    assert abs(gap.sum()) < 2.5 * np.sqrt(np.sum(spread**2))


def test_most_quarters_lie_inside_the_oracles_interval():
    seen = [(actual(week), *np.quantile(told(week).draws_minor, [0.05, 0.95])) for week in starts()]
    assert np.mean([low <= made <= high for made, low, high in seen]) > 0.6


def test_draws_and_mean_tell_of_one_distribution():
    found = told(WEEK)
    error = found.draws_minor.std() / np.sqrt(len(found.draws_minor))
    assert abs(found.draws_minor.mean() - found.mean_minor) < 4 * error


def test_no_quarter_ends_below_what_is_won():
    found = told(WEEK)
    assert found.closed_minor > 0
    assert found.draws_minor.min() >= found.closed_minor


def test_the_oracle_is_surer_towards_the_end_of_a_quarter():
    first = starts()[2]
    assert told(first + 11).draws_minor.std() < 0.7 * told(first).draws_minor.std()


def test_the_economy_to_come_is_not_looked_at():
    macro = world().macro
    later = {name: getattr(macro, name).copy() for name in ("win", "volume")}
    for path in later.values():
        path[WEEK + 1 :] += 1.0
    other = bookings_truth(replace(world(), macro=replace(macro, **later)), WEEK)
    assert np.array_equal(other.draws_minor, told(WEEK).draws_minor)


def test_a_better_economy_now_brings_more():
    macro = world().macro
    win = macro.win.copy()
    win[WEEK] += 0.5
    other = bookings_truth(replace(world(), macro=replace(macro, win=win)), WEEK)
    assert other.mean_minor > told(WEEK).mean_minor


def test_chances_are_those_of_the_truth_about_open_deals():
    record = world().pipeline
    truth = opp_week_truth(record, world().macro, weeks=[WEEK], draws=32)
    deals = _open_deals(record, WEEK)
    weeks = int(np.sum(record.calendar.quarter[WEEK:] == record.calendar.quarter[WEEK]))
    calm = np.repeat(world().macro.win[WEEK], weeks) * 0.97 ** np.arange(weeks)
    rng = np.random.default_rng(2)
    found = chances_to_win(record, deals, week=WEEK, win=np.tile(calm, (32, 1)), rng=rng)
    p_win = truth["p_win_quarter"].to_numpy()[truth["alive"].to_numpy(zero_copy_only=False)]
    assert np.corrcoef(found.mean(axis=1), p_win)[0, 1] > 0.99
    assert found.mean() == pytest.approx(p_win.mean(), rel=0.05)


def test_as_many_deals_are_expected_as_are_opened():
    deals, expected, opened = world().pipeline.deals, 0.0, 0
    for week in starts():
        coming = newcomers(week)
        expected += len(coming.under_way())
        expected += sum(float(count[:, 0].sum()) for _, count in coming.to_come())
        opened += int(np.sum((deals["week"] >= week) & (deals["week"] < week + 12)))
    assert expected == pytest.approx(opened, rel=0.08)


def test_leads_that_become_deals_are_known_but_not_those_of_later():
    leads = world().pipeline.leads
    due = newcomers(WEEK).under_way()
    became = (leads["deal"] >= 0) & (leads["created"] < 7 * WEEK)
    assert len(due) == np.sum(became & (leads["closed"] >= 7 * WEEK))


@pytest.mark.parametrize("week", [-1, 104])
def test_a_week_outside_the_world_is_refused(week):
    with pytest.raises(UsageError, match=f"week {week} of a world"):
        bookings_truth(world(), week)
