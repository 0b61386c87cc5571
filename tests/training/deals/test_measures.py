"""How right chances of deals are, on figures worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.deals.measures import (
    Judged,
    amount_bias,
    calibration_error,
    calibration_intercept,
    find_early,
    measure_weeks,
)


def judged(**given: Any) -> Judged:
    n = len(given["won"])
    columns = {"chance": np.full(n, 0.5), "base": np.full(n, 0.5), "week": np.zeros(n),
               "deal": np.arange(n).astype(str), "closed_days": np.full(n, 10.0),
               "expected_minor": np.full(n, 100.0), "final_minor": np.full(n, np.nan)}  # fmt: skip
    return Judged(**{**columns, **{name: np.asarray(one) for name, one in given.items()}})


def test_amount_bias_is_expected_over_actual_money() -> None:
    rows = judged(won=[1.0, 0.0], chance=[0.6, 0.5], final_minor=[100.0, np.nan])
    assert amount_bias(rows) == pytest.approx(0.1)


def test_wins_without_an_amount_count_on_neither_side() -> None:
    rows = judged(won=[1.0, 1.0], chance=[1.0, 0.9], final_minor=[100.0, np.nan])
    assert amount_bias(rows) == pytest.approx(0.0)


def test_the_intercept_is_what_makes_chances_add_up() -> None:
    won = np.repeat([1.0, 0.0], [1, 3])
    assert calibration_intercept(won, np.full(4, 0.5)) == pytest.approx(np.log(1 / 3))


def test_the_calibration_error_weighs_bins_by_their_rows() -> None:
    won = np.repeat([0.0, 1.0], 10)
    assert calibration_error(won, np.repeat([0.1, 0.9], 10)) == pytest.approx(0.1)


def test_a_win_is_found_at_its_first_landmark_over_the_operating_point() -> None:
    rows = judged(won=[1.0, 1.0, 0.0], chance=[0.9, 0.95, 0.1], closed_days=[30.0, 9.0, 5.0],
                  deal=["a", "a", "b"])  # fmt: skip
    assert find_early(rows) == {"found_share": 1.0, "early_days": 30.0}


def test_weeks_are_measured_apart() -> None:
    rows = judged(won=[1.0, 0.0, 1.0], week=[0.0, 0.0, 12.0])
    assert [(one["week"], one["rows_count"]) for one in measure_weeks(rows)] == [(0, 2), (12, 1)]
