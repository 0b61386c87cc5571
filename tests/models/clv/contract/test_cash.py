"""Money from months: discount, lag, costs, and steps that add up."""

import numpy as np
import pytest

from models.clv.contract.cash import GROUPS, Plan, explain_value, shift_months


def plan(**over):
    given = {
        "hazard": np.full((2, 60), 0.02),
        "lag": np.array([0.0, 2.0]),
        "mrr": np.array([100.0, 50.0]),
        "level": np.ones((2, 60)),
        "margin": np.array([0.8, 1.0]),
        "cost": np.array([5.0, 0.0]),
    }
    return Plan(**{**given, **over})


def test_a_contract_for_ever_is_worth_its_annuity():
    safe = plan(hazard=np.zeros((2, 60)))
    annuity = sum(1.1 ** (-(k + 0.5) / 12) for k in range(60))
    assert safe.value() == pytest.approx([annuity * (80 - 5), annuity * 50])


def test_a_flat_hazard_melts_the_annuity_month_by_month():
    alive = np.exp(-0.02 * np.arange(61))
    mean = (alive[1:] + alive[:-1]) / 2
    found = plan(lag=np.zeros(2), discount=0.0).revenue(months=12)
    assert found == pytest.approx(np.array([100, 50]) * mean[:12].sum())


def test_revenue_runs_on_from_the_decision_to_its_effect():
    soon = np.zeros((1, 60))
    soon[0, 0] = 50.0  # the decision falls in the first month, surely
    one = {name: getattr(plan(), name)[:1] for name in ("mrr", "level", "margin", "cost")}
    prompt, later = (Plan(hazard=soon, lag=np.array([lag]), **one) for lag in (0.0, 2.0))
    gained = later.revenue(months=60) - prompt.revenue(months=60)
    assert gained == pytest.approx(2 * one["mrr"])


def test_a_curve_is_never_shifted_before_its_start():
    curve = np.array([[0.0, 1.0, 3.0]])
    assert shift_months(curve, np.array([5.0])).tolist() == [[0.0, 0.0, 0.0]]


def test_the_steps_add_up_to_the_value():
    some = plan(level=np.tile(np.linspace(1.0, 1.4, 60), (2, 1)))
    steps = explain_value(some)
    assert steps.sum(axis=1) == pytest.approx(some.value(), rel=1e-9)
    signs = np.sign(steps[0])
    assert dict(zip(GROUPS, signs, strict=True)) == {
        "contract": 1, "survival": -1, "tail": -1, "expansion": 1, "costs": -1, "discount": -1,
    }  # fmt: skip
