"""Manners of every candidate: exact reasons, exact round trips, no surprises."""

import numpy as np
import pytest

from lifecycle.errors import BundleError, FeatureMismatchError, ModelError
from models.baselines import BaseRate, RunRate
from models.calibration import CalibratedLapse, Calibration
from models.churn import LapseModel
from models.clv.combined import CombinedValue
from models.clv.rivals import HurdleValue, TweedieValue
from tests.models.pastdays import Company, monthly

LAPSE = (
    "base_rate",
    "recency_rule",
    "overdue_rule",
    "logistic",
    "trees",
    "pace",
    "blend",
    "calibrated",
)
VALUE = ("run_rate", "tweedie", "hurdle", "combined")


def build(kind):
    made = {
        "base_rate": BaseRate,
        "run_rate": RunRate,
        "tweedie": TweedieValue,
        "hurdle": HurdleValue,
        "combined": CombinedValue,
        "calibrated": lambda: CalibratedLapse(
            LapseModel("logistic"), Calibration("beta", (0.1, 0.9, 1.2))
        ),
    }
    return made[kind]() if kind in made else LapseModel(kind)


@pytest.fixture(scope="module")
def company():
    return Company()


@pytest.fixture(scope="module")
def frame(company):
    return company.frame(670)[0]


@pytest.fixture(scope="module")
def fitted(company):
    lapse, value = company.examples(monthly(), lapse=True), company.examples(monthly())
    models = {kind: build(kind).fit(lapse) for kind in LAPSE}
    return models | {kind: build(kind).fit(value) for kind in VALUE}


@pytest.mark.parametrize("kind", LAPSE + VALUE)
def test_reasons_add_up_to_the_prediction(fitted, frame, kind):
    why, predicted = fitted[kind].explain(frame), fitted[kind].predict(frame)
    linked = {
        "logit": lambda p: np.log(p / (1 - p)),
        "log": np.log,
        "identity": lambda p: p,
    }[why.link](predicted)
    np.testing.assert_allclose(why.base + why.contributions.sum(axis=1), linked, atol=1e-6)


@pytest.mark.parametrize("kind", LAPSE + VALUE)
def test_a_rebuilt_model_gives_the_same_bits(fitted, frame, kind):
    rebuilt = type(fitted[kind]).from_parts(fitted[kind].to_parts())
    np.testing.assert_array_equal(rebuilt.predict(frame), fitted[kind].predict(frame))
    assert rebuilt.to_parts() == fitted[kind].to_parts()


@pytest.mark.parametrize("kind", LAPSE + VALUE)
def test_one_row_is_scored_as_in_the_crowd(fitted, frame, kind):
    alone = fitted[kind].predict(frame.slice(11, 1))
    np.testing.assert_allclose(alone, fitted[kind].predict(frame)[11:12], rtol=1e-12)


@pytest.mark.parametrize("kind", ["blend", "combined", "hurdle"])
def test_the_same_examples_give_the_same_text(company, fitted, kind):
    again = company.examples(monthly(), lapse=kind == "blend")
    assert build(kind).fit(again).to_parts() == fitted[kind].to_parts()


@pytest.mark.parametrize("kind", LAPSE + VALUE)
def test_an_empty_frame_gets_an_empty_answer(fitted, frame, kind):
    none = frame.slice(0, 0)
    assert fitted[kind].predict(none).shape == (0,)
    assert fitted[kind].explain(none).contributions.shape[0] == 0


@pytest.mark.parametrize("kind", ["logistic", "blend", "combined", "tweedie"])
def test_a_frame_without_a_column_of_the_fit_is_refused(fitted, frame, kind):
    with pytest.raises(FeatureMismatchError, match="spend_90d_minor"):
        fitted[kind].predict(frame.drop_columns(["spend_90d_minor"]))


@pytest.mark.parametrize("kind", ["base_rate", "blend", "combined", "hurdle"])
def test_another_horizon_is_refused(fitted, frame, kind):
    with pytest.raises(ModelError, match="fitted for 90"):
        fitted[kind].predict(frame, horizon_days=30)


@pytest.mark.parametrize("kind", LAPSE + VALUE)
def test_missing_parts_are_a_bundle_error(fitted, kind):
    with pytest.raises(BundleError):
        type(fitted[kind]).from_parts({})


@pytest.mark.parametrize("kind", ["blend", "combined"])
def test_a_new_segment_and_missing_numbers_are_survived(fitted, frame, kind):
    strange = frame.set_column(
        frame.column_names.index("segment"), "segment", [["nowhere"] * frame.num_rows]
    )
    holes = [[float("nan")] * frame.num_rows]
    place = frame.column_names.index("overdue_ratio")
    assert np.isfinite(
        fitted[kind].predict(strange.set_column(place, "overdue_ratio", holes))
    ).all()
