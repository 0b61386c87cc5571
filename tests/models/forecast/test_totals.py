"""Time series of totals: silent when young, and never below zero."""

from __future__ import annotations

import numpy as np

from models.forecast.totals import TotalsForecaster

GROWING = np.array([[100.0, 104, 101, 107, 110, 108, 113, 116, 115, 120, 119, 124]])


def test_every_model_answers_for_every_node_and_step():
    found = TotalsForecaster().extend(np.vstack([GROWING, GROWING / 2]), steps=2)
    assert {name: one.shape for name, one in found.items()} == {
        "auto_ets": (2, 2),
        "auto_theta": (2, 2),
        "auto_arima": (2, 2),
    }


def test_answers_lie_near_the_last_totals():
    found = TotalsForecaster().extend(GROWING, steps=1)
    assert all(110 < float(one[0, 0]) < 135 for one in found.values())


def test_a_model_that_needs_more_periods_is_silent():
    assert set(TotalsForecaster().extend(GROWING[:, :6], steps=1)) == {"auto_theta"}
    assert TotalsForecaster().extend(GROWING[:, :3], steps=1) == {}


def test_a_total_is_never_expected_below_zero():
    falling = np.array([[90.0, 80, 70, 60, 50, 40, 30, 20, 10, 1]])
    found = TotalsForecaster().extend(falling, steps=6)
    assert min(float(one.min()) for one in found.values()) >= 0.0
