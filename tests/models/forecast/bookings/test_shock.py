"""The filter hears a shock that lasts, forgets it at a quarter's start, and is judged by record."""

from __future__ import annotations

import numpy as np
import pytest

from models.forecast.bookings.shock import Law, Shock, Weeks, learn_law, run_filter, shock_on

LAW = Law(0.2, 0.96, 0.5)
EXPECTED = 15.0


def weeks(lift: float, *, count: int = 104, seed: int = 1) -> Weeks:
    """Two years of weeks whose wins are Poisson around the expected ones times a lift."""
    day = 7 * np.arange(count)
    won = np.random.default_rng(seed).poisson(EXPECTED * lift, count).astype(float)
    return Weeks(day, day // 91 * 91, won, np.full(count, EXPECTED))


def test_wins_above_expectation_raise_the_shock() -> None:
    found = run_filter(weeks(1.3), LAW)[0][-1]
    assert found.mean == pytest.approx(np.log(1.3), abs=0.15)
    assert found.variance < LAW.size**2


def test_wins_as_expected_leave_no_shock() -> None:
    assert abs(run_filter(weeks(1.0), LAW)[0][-1].mean) < 0.12


def test_a_week_that_is_not_over_says_nothing() -> None:
    told = weeks(1.3)
    changed = Weeks(told.day, told.quarter, np.append(told.won[:-1], 500.0), told.expected)
    last = int(told.day[-1])
    assert shock_on(told, last, 91 * 7).mean == shock_on(changed, last, 91 * 7).mean


def test_a_new_quarter_keeps_only_part_of_it() -> None:
    told = weeks(1.4, count=91)
    inside = shock_on(told, 637, int(told.quarter[-1])).mean
    after = shock_on(told, 637, 637).mean
    assert 0 < after < 0.8 * inside


def test_the_shock_ahead_fades_and_grows_unsure() -> None:
    shock = Shock(0.3, 0.01, LAW)
    near, far = shock.over(1), shock.over(13, ahead=1, wait=6)
    assert near[0] == pytest.approx(0.3)
    assert far[0] < 0.15
    assert far[1] > near[1]


def test_calm_years_are_told_from_rough_ones() -> None:
    rough = np.repeat([1.0, 1.5, 0.7, 1.4, 0.6, 1.5, 0.7, 1.0], 13)
    told = weeks(1.0)
    shaken = Weeks(told.day, told.quarter, np.round(EXPECTED * rough), told.expected)
    assert learn_law(told).size < learn_law(shaken).size


def test_without_a_week_the_prior_stands() -> None:
    none = np.zeros(0)
    found = shock_on(Weeks(none.astype(int), none.astype(int), none, none), 100, 91)
    assert (found.mean, found.variance) == (0.0, pytest.approx(0.15**2))
