"""The served chance to win: one headline, a curve through it, and reasons that add up."""

import itertools

import numpy as np
import pytest

from lifecycle.errors import FeatureMismatchError, ModelError, NotEnoughHistoryError
from models.calibration import CalibratedLapse, Calibration
from models.deals.by_amount import ByAmount
from models.deals.direct import DirectModel
from models.deals.tables import DealTable
from models.deals.win import DealModel
from models.reasons import tell_reasons
from tests.models.deals.funnel import Funnel, held_out


@pytest.fixture(scope="module")
def examples():
    return Funnel().examples()


@pytest.fixture(scope="module")
def rows():
    return held_out(deals=200)


@pytest.fixture(scope="module")
def model(examples):
    inner = CalibratedLapse(DirectModel("blend"), Calibration("platt", (0.1, 0.9, 0.9)))
    return DealModel(inner, ByAmount((0.95, -0.1, 0.02, 0.05), 13.0, 0.8)).fit(examples)


def test_the_curve_passes_through_the_headline_at_the_quarters_end(model, rows):
    frame = rows[3]
    left = frame.column("quarter_days_left").to_numpy()[:, None]
    np.testing.assert_allclose(
        model.win_chances(frame, left)[:, 0], model.predict(frame), atol=1e-7
    )


def test_a_chance_never_falls_as_days_grow(model, rows):
    days = np.array([0.0, 1, 7, 20, 30, 60, 90, 91, 180, 364, 500, 728, 2000, np.inf])
    found = model.win_chances(rows[3], days)
    assert (np.diff(found, axis=1) >= -1e-12).all()
    assert ((found >= 0) & (found <= 1)).all()
    assert (found[:, 0] == 0).all()


def test_reasons_add_up_to_the_served_headline(model, rows):
    why, p = model.explain(rows[3]), model.predict(rows[3])
    found = why.base + why.contributions.sum(axis=1)
    np.testing.assert_allclose(found, np.log(p / (1 - p)), atol=1e-6)
    assert np.abs(why.contributions[:, why.groups.index("calibration")]).max() > 0.01


def test_a_rebuilt_model_gives_the_same_bits(model, rows):
    rebuilt = DealModel.from_parts(model.to_parts())
    np.testing.assert_array_equal(rebuilt.predict(rows[3]), model.predict(rows[3]))
    why = model.explain(rows[3])
    assert rebuilt.detail(rows[3], why) == model.detail(rows[3], why)
    assert rebuilt.to_parts() == model.to_parts()


def test_one_deal_is_scored_as_in_the_crowd(model, rows):
    alone = rows[3].slice(11, 1)
    np.testing.assert_allclose(model.predict(alone), model.predict(rows[3])[11:12], rtol=1e-12)
    every = model.win_chances(rows[3], np.array([30.0]))[11:12]
    np.testing.assert_allclose(model.win_chances(alone, np.array([30.0])), every, rtol=1e-9)


def test_detail_agrees_with_the_headline(model, rows):
    frame, p = rows[3], model.predict(rows[3])
    told = model.detail(frame, model.explain(frame))
    amount = np.array([one["expected_amount_minor"] for one in told])
    due = np.array([one["expected_in_quarter_minor"] for one in told])
    np.testing.assert_allclose(due, p * amount, rtol=1e-6)
    names = ("p_win_30d", "p_win_60d", "p_win_90d", "p_win_180d", "p_win_eventual")
    assert all(one[a] <= one[b] for one in told for a, b in itertools.pairwise(names))
    assert all(one["close_p10_days"] <= one["close_p50_days"] <= one["close_p90_days"]
               for one in told)  # fmt: skip


def test_a_close_date_that_has_passed_is_a_slip_for_sure(model, rows):
    place = rows[3].column_names.index("close_days")
    passed = rows[3].set_column(place, "close_days", [np.full(rows[3].num_rows, -3.0)])
    assert (model.slip_chances(passed) == 1.0).all()


def test_without_a_close_date_nothing_is_said_of_slipping(model, rows):
    place = rows[3].column_names.index("close_days")
    blank = rows[3].set_column(place, "close_days", [np.full(rows[3].num_rows, np.nan)]).slice(0, 9)
    told = model.detail(blank, model.explain(blank))
    assert {one["p_slip"] for one in told} == {None}
    assert all(one["p_win_30d"] is not None for one in told)


def test_slipping_and_winning_by_the_quarters_last_day_are_one(model, rows):
    place = rows[3].column_names.index("close_days")
    last = rows[3].column("quarter_days_left").to_numpy() - 1.0
    due = rows[3].set_column(place, "close_days", [last])
    np.testing.assert_allclose(model.slip_chances(due), 1.0 - model.predict(due), atol=1e-7)


def test_evidence_tells_shares_with_their_number(model, rows):
    told = model.detail(rows[3], model.explain(rows[3]))[0]["evidence"]
    assert 0 < len(told) <= 3
    one = told[0]
    assert one["text"].endswith(f"{one['share']:.0%} won in the end, n = {one['n']}")
    assert one["n"] >= 20


def test_a_table_as_headline_has_a_curve_too(examples, rows):
    model = DealModel(DealTable("stage_week")).fit(examples)
    left = rows[3].column("quarter_days_left").to_numpy()[:, None]
    found = model.win_chances(rows[3], left)[:, 0]
    np.testing.assert_allclose(found, model.predict(rows[3]), atol=1e-7)


def test_too_few_closed_deals_leave_the_headline_alone(rows):
    few = Funnel(deals=40, quarters=3).examples()
    model = DealModel(DealTable("stage_week")).fit(few)
    told = model.detail(rows[3], model.explain(rows[3]))[0]
    assert told["p_win_30d"] is None
    assert told["p_slip"] is None
    with pytest.raises(ModelError, match="quarter's end alone"):
        model.predict(rows[3], horizon_days=30)


def test_reasons_speak_for_the_side_they_are_on(model, rows):
    reasons = tell_reasons(model.explain(rows[3]), rows[3], unit="probability")
    moods = [one for each in reasons for one in each if one["column"] == "sentiment_mean"]
    assert moods
    assert all((one["value"] > one["peer_median"]) == (one["direction"] == "raises")
               for one in moods)  # fmt: skip


def test_a_frame_without_a_column_of_the_fit_is_refused(model, rows):
    with pytest.raises(FeatureMismatchError, match="sentiment_mean"):
        model.predict(rows[3].drop_columns(["sentiment_mean"]))


def test_no_open_deal_is_no_score(model, rows):
    empty = rows[3].slice(0, 0)
    assert len(model.predict(empty)) == 0
    assert model.detail(empty, model.explain(empty)) == []


def test_examples_without_outcomes_are_refused(examples):
    bare = type(examples)(examples.frame, examples.label, examples.as_of, 0)
    with pytest.raises(ModelError, match="without outcomes"):
        DirectModel("logistic").fit(bare)


def test_too_few_wins_in_the_quarter_are_no_model():
    with pytest.raises(NotEnoughHistoryError, match="deal_blend"):
        DirectModel("blend").fit(Funnel(deals=30, quarters=3).examples())
