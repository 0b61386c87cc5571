import json

import numpy as np
import pyarrow as pa
import pytest

from lifecycle.errors import BundleError, FeatureMismatchError, ModelError, NotEnoughHistoryError
from models.base import Examples
from models.clv.parametric import FITS, PART, ParametricLapse, ParametricValue
from tests.models.clv.worlds import pareto_world

MODELS = [(kind, process) for kind in (ParametricLapse, ParametricValue) for process in FITS]


def frame_of(counts, seed=1):
    rng = np.random.default_rng(seed)
    x = counts.frequency
    worth = np.where(x > 0, rng.gamma(6 * np.maximum(x, 1)) / rng.gamma(4, 1 / 900, len(x)), np.nan)
    columns = {
        "account_id": [f"c{i}" for i in range(len(x))],
        "frequency": x,
        "recency": np.ceil(counts.recency),
        "T": np.ceil(counts.age),
        "monetary_value": worth / np.maximum(x, 1),
    }
    return pa.table(columns)


@pytest.fixture(scope="module")
def examples():
    counts, later = pareto_world(
        6, 1500, r=0.9, alpha=60.0, s=0.7, beta=90.0, until=365, horizon=90
    )
    frame = frame_of(counts)
    days = np.full(len(later), np.datetime64("2011-06-01"))
    return Examples(frame, (later == 0).astype(float), days, 90)


@pytest.mark.parametrize(("kind", "process"), MODELS)
def test_reasons_add_up_to_the_prediction(examples, kind, process):
    model = kind(process).fit(examples)
    why, answer = model.explain(examples.frame), model.predict(examples.frame)
    linked = np.log(answer / (1 - answer)) if why.link == "logit" else answer
    assert np.abs(why.base + why.contributions.sum(axis=1) - linked).max() < 1e-6


@pytest.mark.parametrize(("kind", "process"), MODELS)
def test_parts_give_back_the_same_bits(examples, kind, process):
    model = kind(process).fit(examples)
    again = kind.from_parts(model.to_parts())
    assert (again.predict(examples.frame) == model.predict(examples.frame)).all()
    assert again.name == model.name
    assert again.to_parts() == model.to_parts()


@pytest.mark.parametrize("process", FITS)
def test_the_lapse_risk_is_calibrated_in_its_own_world(examples, process):
    model = ParametricLapse(process).fit(examples)
    assert model.predict(examples.frame).mean() == pytest.approx(examples.label.mean(), abs=0.03)


def test_only_the_latest_day_is_learned_from(examples):
    n = examples.frame.num_rows
    old = np.where(np.arange(n) % 2, np.datetime64("2011-05-01"), np.datetime64("2011-06-01"))
    mixed = Examples(examples.frame, examples.label, old, 90)
    half = ParametricLapse().fit(mixed)
    alone = ParametricLapse().fit(mixed.take(old == np.datetime64("2011-06-01")))
    assert half.to_parts() == alone.to_parts()


def test_a_longer_horizon_is_worth_more_and_lapses_less(examples):
    risk, worth = ParametricLapse().fit(examples), ParametricValue().fit(examples)
    frame = examples.frame
    assert (risk.predict(frame, horizon_days=365) <= risk.predict(frame)).all()
    assert (worth.predict(frame, horizon_days=365) >= worth.predict(frame)).all()


def test_the_order_of_rows_does_not_matter(examples):
    model = ParametricValue("pareto_nbd").fit(examples)
    order = np.random.default_rng(2).permutation(examples.frame.num_rows)
    shuffled = model.predict(examples.frame.take(order))
    assert shuffled == pytest.approx(model.predict(examples.frame)[order], rel=1e-12)


def test_a_frame_without_its_columns_is_refused(examples):
    model = ParametricLapse().fit(examples)
    with pytest.raises(FeatureMismatchError, match="recency"):
        model.predict(examples.frame.drop_columns(["recency"]))


def test_too_few_customers_are_refused(examples):
    with pytest.raises(NotEnoughHistoryError):
        ParametricLapse().fit(examples.take(np.arange(5)))


def test_an_unknown_process_or_an_unfitted_model_is_refused(examples):
    with pytest.raises(ModelError, match="one of"):
        ParametricLapse("guess")
    with pytest.raises(ModelError, match="not fitted"):
        ParametricLapse().predict(examples.frame)


@pytest.mark.parametrize("part", [b"{", b"{}", json.dumps({"process": "x"}).encode()])
def test_a_damaged_part_is_a_bundle_error(part):
    with pytest.raises(BundleError):
        ParametricValue.from_parts({PART: part})
