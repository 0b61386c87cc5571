"""A calibration is kept only where past origins show that it helps."""

from datetime import date

import numpy as np
import pytest
from scipy.special import expit, logit

from models.calibration import Calibration, choose_calibration, fit_calibration

DAYS = [date(2020, month, 1) for month in (1, 4, 7, 10)]


def world(bend, seed=3, n=3000):
    """Origins whose predictions are ``bend`` times too sure."""
    rng = np.random.default_rng(seed)
    truth = {day: expit(rng.normal(0, 1.5, n)) for day in DAYS}
    happened = {day: (rng.random(n) < truth[day]).astype(float) for day in DAYS}
    return {day: expit(bend * logit(truth[day])) for day in DAYS}, happened


def test_true_probabilities_are_left_alone():
    assert choose_calibration(*world(1.0)).calibration.kind == "none"


def test_overconfidence_is_corrected():
    risks, happened = world(2.0)
    choice = choose_calibration(risks, happened)
    assert choice.calibration.kind in {"platt", "beta"}
    assert choice.gain > choice.gain_se
    fixed = choice.calibration.apply(np.array([expit(2.0)]))
    assert fixed[0] == pytest.approx(expit(1.0), abs=0.03)


def test_two_origins_are_too_few():
    risks, happened = world(2.0)
    few = {day: risks[day] for day in DAYS[:2]}
    assert choose_calibration(few, happened).calibration.kind == "none"


def test_no_calibration_changes_no_bit():
    risk = np.array([0.0, 0.3, 1.0])
    assert Calibration("none").apply(risk) is risk


def test_platt_holds_both_weights_equal():
    risks, happened = world(2.0)
    weights = fit_calibration("platt", risks[DAYS[0]], happened[DAYS[0]]).weights
    assert weights[1] == weights[2]


def test_few_cases_do_not_run_away():
    made = fit_calibration("beta", np.array([0.2, 0.9]), np.array([0.0, 1.0]))
    assert np.isfinite(made.weights).all()
