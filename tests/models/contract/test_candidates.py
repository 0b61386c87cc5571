"""Manners of every contract candidate: exact reasons, exact round trips, the truth where it is."""

import numpy as np
import pyarrow as pa
import pytest

from lifecycle.errors import BundleError, FeatureMismatchError, ModelError, NotEnoughHistoryError
from models import accuracy
from models.base import Examples, Explanation
from models.calibration import CalibratedLapse, Calibration
from models.classes import load_class
from models.contract.candidates import CONTRACT_CANDIDATES, CONTRACT_RULES
from models.contract.events import count_events
from models.contract.headline import ContractModel
from models.contract.health_score import HealthScore
from models.contract.tables import ContractTable
from models.reasons import build_reasons, tell_reasons
from tests.models.contract.pastmonths import Book, true_risk

KINDS = ("base_rate", "renewal_table", "health_score", "logistic", "blend", "trees", "calibrated")


def build(kind):
    if kind == "calibrated":
        return CalibratedLapse(ContractModel("blend"), Calibration("beta", (0.1, 0.9, 1.2)))
    if kind == "health_score":
        return HealthScore()
    return ContractTable(kind) if kind in CONTRACT_RULES else ContractModel(kind)


@pytest.fixture(scope="module")
def book():
    return Book(accounts=900, days=14)


@pytest.fixture(scope="module")
def examples(book):
    return book.examples()


@pytest.fixture(scope="module")
def fitted(examples):
    return {kind: build(kind).fit(examples) for kind in KINDS}


@pytest.fixture(scope="module")
def later(book, fitted):
    return book.at(25)


def put(frame, **cells):
    """The frame with whole columns changed."""
    for name, cell in cells.items():
        column = pa.array([cell] * frame.num_rows, frame.schema.field(name).type)
        frame = frame.set_column(frame.column_names.index(name), name, column)
    return frame


@pytest.mark.parametrize("kind", KINDS)
def test_reasons_add_up_to_the_prediction(fitted, later, kind):
    why, risk = fitted[kind].explain(later[0]), fitted[kind].predict(later[0])
    found = why.base + why.contributions.sum(axis=1)
    assert found == pytest.approx(np.log(risk / (1.0 - risk)), abs=1e-6)
    assert why.route == "contractual"


@pytest.mark.parametrize("kind", KINDS)
def test_a_reloaded_model_predicts_the_same_bits(fitted, later, kind):
    again = load_class(type(fitted[kind]).__name__).from_parts(fitted[kind].to_parts())
    assert (again.predict(later[0]) == fitted[kind].predict(later[0])).all()


@pytest.mark.parametrize("kind", KINDS)
def test_parts_are_json_and_tree_text_alone(fitted, kind):
    assert {name.rsplit(".")[-1] for name in fitted[kind].to_parts()} <= {"json", "txt"}


@pytest.mark.parametrize("kind", ["base_rate", "health_score", "logistic", "blend", "trees"])
def test_equal_examples_give_equal_bits(fitted, examples, kind):
    assert build(kind).fit(examples).to_parts() == fitted[kind].to_parts()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_may_come_in_any_order(fitted, later, kind):
    turned = np.arange(later[0].num_rows)[::-1]
    found = fitted[kind].predict(later[0].take(turned))[turned]
    assert found == pytest.approx(fitted[kind].predict(later[0]), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_frame_has_no_answers(fitted, later, kind):
    empty = later[0].slice(0, 0)
    assert fitted[kind].predict(empty).shape == (0,)
    assert fitted[kind].explain(empty).contributions.shape[0] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_another_horizon_is_refused(fitted, later, kind):
    with pytest.raises(ModelError, match="horizon"):
        fitted[kind].predict(later[0], horizon_days=365)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_part_is_a_bundle_error(fitted, kind):
    with pytest.raises(BundleError):
        load_class(type(fitted[kind]).__name__).from_parts({})


@pytest.mark.parametrize("kind", ["base_rate", "logistic", "trees"])
def test_a_frame_without_a_column_is_refused(fitted, later, kind):
    with pytest.raises(FeatureMismatchError):
        fitted[kind].predict(later[0].drop_columns(["segment"]))


@pytest.mark.parametrize("kind", ["logistic", "blend", "trees", "calibrated"])
def test_the_true_risk_is_found(fitted, later, kind):
    frame, logits = later
    found, true = fitted[kind].predict(frame), true_risk(logits)
    assert np.corrcoef(np.log(found), np.log(true))[0, 1] > 0.85


@pytest.mark.parametrize("kind", ["base_rate", "renewal_table", "logistic", "blend", "trees"])
def test_expected_departures_are_those_of_the_truth(fitted, later, kind):
    assert fitted[kind].predict(later[0]).mean() == pytest.approx(
        true_risk(later[1]).mean(), rel=0.12
    )


@pytest.mark.parametrize("kind", ["logistic", "blend"])
def test_risk_is_as_spread_out_as_the_outcomes(fitted, later, kind):
    true = true_risk(later[1])
    happened = (np.random.default_rng(5).random((40, len(true))) < true).astype(float)
    risk = np.tile(fitted[kind].predict(later[0]), 40)
    assert 0.85 < accuracy.calibration_slope(happened.ravel(), risk) < 1.15


def test_each_rung_of_the_staircase_is_better(fitted, later):
    frame, logits = later
    happened = (np.random.default_rng(6).random((40, len(logits))) < true_risk(logits)).ravel()
    kinds = ("base_rate", "renewal_table", "logistic")
    auc = [accuracy.auc(happened + 0.0, np.tile(fitted[k].predict(frame), 40)) for k in kinds]
    assert auc == sorted(auc)


def test_no_answer_to_a_survey_is_information(book):
    examples = book.examples()
    silent = np.isnan(examples.frame.column("nps_score").to_numpy())
    told = Examples(examples.frame, silent.astype(float), examples.as_of, 90, examples.outcomes)
    model = ContractModel("logistic").fit(told)
    quiet, spoke = put(examples.frame, nps_score=np.nan), put(examples.frame, nps_score=1.0)
    assert model.predict(quiet).min() > model.predict(spoke).max()


def test_a_category_never_seen_is_scored(fitted, later):
    odd = put(later[0], segment="galactic", **{"text:plan": "bespoke"})
    assert np.isfinite(fitted["blend"].predict(odd)).all()


def test_more_of_a_good_thing_never_raises_the_risk_of_trees(fitted, later):
    risks = [
        fitted["trees"].predict(put(later[0], events_84d_364d_log=x)) for x in (-1.0, 0.0, 1.0)
    ]
    assert (np.diff(risks, axis=0) <= 1e-12).all()


@pytest.mark.parametrize(
    ("level", "share"), [(-9.2, None), (-7.2, 0.0), (-5.7, 0.3)], ids=["tables", "linear", "some"]
)
def test_trees_have_a_say_by_the_number_of_departures(level, share):
    few = Book(accounts=300, days=8, level=level).examples()
    rungs = {None: (0, 30), 0.0: (30, 150), 0.3: (150, 500)}
    assert rungs[share][0] <= count_events(few) < rungs[share][1]
    if share is None:
        with pytest.raises(NotEnoughHistoryError):
            ContractModel("blend").fit(few)
    else:
        assert ContractModel("blend").fit(few).share == share


def test_few_departures_allow_ten_columns_only():
    few = Book(accounts=300, days=8, level=-7.2).examples()
    model = ContractModel("logistic").fit(few)
    assert {row["field"] for row in model.report} == {"segment"}


def test_one_departure_seen_from_many_days_counts_once(examples):
    assert count_events(examples) <= examples.label.sum()
    twice = Examples(
        pa.concat_tables([examples.frame] * 2),
        np.tile(examples.label, 2),
        np.tile(examples.as_of, 2),
        90,
        pa.concat_tables([examples.outcomes] * 2),
    )
    assert count_events(twice) == count_events(examples)


def test_simple_candidates_come_first_and_have_names_of_their_own():
    names = [make().name for make in CONTRACT_CANDIDATES]
    assert len(set(names)) == len(names)
    assert set(names[:3]) == CONTRACT_RULES


def test_reasons_name_a_column_its_value_and_its_peers(fitted, later):
    found = [reason for row in build_reasons(fitted["calibrated"], later[0]) for reason in row]
    assert {"trend", "survey", "support"} <= {reason["group"] for reason in found}
    assert "calibration" not in {reason["group"] for reason in found}
    trend = next(reason for reason in found if reason["group"] == "trend")
    assert trend["column"] == "events_84d_364d_log"
    assert trend["actionable"]
    assert (trend["value"] > trend["peer_median"]) == (trend["direction"] == "lowers")


def test_the_steps_of_a_value_are_told_in_words_of_their_own(later):
    worth = np.zeros((later[0].num_rows, 1))
    worth[np.argmax(later[0].column("mrr_minor").to_numpy())] = 1e6
    why = Explanation(0.0, ("contract",), worth, "identity", route="contractual")
    told = [row for row in tell_reasons(why, later[0], unit="minor") if row]
    assert [row[0]["label"] for row in told] == ["monthly recurring revenue"]
