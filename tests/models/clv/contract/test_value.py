"""The value of contracts: right in total, better than rules, and honest about doubt."""

import numpy as np
import pyarrow as pa
import pytest

from lifecycle.errors import BundleError, FeatureMismatchError, ModelError, NotEnoughHistoryError
from models.base import Examples
from models.clv.contract.candidates import CONTRACT_CLV_CANDIDATES, serve_residual
from models.clv.contract.rivals import KINDS, ContractRule
from models.clv.contract.value import ContractValue
from tests.models.clv.contract.book import MARGIN, build_book, build_examples, make_world, realise

SEEDS = range(8)


@pytest.fixture(scope="module")
def fits():
    made = []
    for seed in SEEDS:
        world = make_world(seed)
        model = ContractValue().fit(build_examples(world))
        made.append((model, build_book(world, world.months)[0], realise(world, world.months)))
    return made


@pytest.fixture(scope="module")
def fit(fits):
    return fits[0]


def test_the_total_residual_value_is_right_on_average(fits):
    found = [model.predict(frame, horizon_days=1825).sum() for model, frame, _ in fits]
    assert sum(found) == pytest.approx(sum(real for _, _, real in fits), rel=0.05)


def test_the_portfolio_interval_holds_most_books(fits):
    held = 0
    for model, frame, real in fits:
        book = model.portfolio(frame, count=200)
        held += book.p10_minor <= real <= book.p90_minor
    assert held >= 5


def test_the_flat_formula_is_no_better_than_the_value_on_customers_who_differ(fits):
    ours, flat = [], []
    for seed, (model, frame, real) in zip(SEEDS, fits, strict=True):
        rule = ContractRule("flat_churn").fit(build_examples(make_world(seed)))
        for one, bias in ((model, ours), (rule, flat)):
            bias.append(one.predict(frame, horizon_days=1825).sum() / real - 1)
    assert np.mean(flat) < np.mean(ours) - 0.05


def deviance(label, mean):
    """Poisson deviance: least for the true mean (absolute error is least for the median)."""
    ratio = np.where(label > 0, label, 1.0) / mean
    return (np.where(label > 0, label * np.log(ratio), 0.0) - label + mean).sum()


def test_revenue_within_the_label_s_horizon_is_right_and_beats_the_rules():
    examples, later = build_examples(make_world(3)), build_examples(make_world(99))
    model = ContractValue().fit(examples)
    found = model.predict(later.frame)
    assert found.sum() == pytest.approx(later.label.sum(), rel=0.05)
    for kind in KINDS:
        rule = ContractRule(kind).fit(examples)
        assert deviance(later.label, found) < deviance(later.label, rule.predict(later.frame))


def test_explanations_add_up_to_the_residual_value(fit):
    model, frame, _ = fit
    why, value = model.explain(frame), model.predict(frame, horizon_days=1825)
    assert why.link == "identity"
    assert why.base + why.contributions.sum(axis=1) == pytest.approx(value, rel=1e-6)


def test_the_mean_of_the_futures_is_the_expected_value(fit):
    model, frame, _ = fit
    total = model.draws(frame, 400).mean(axis=0).sum()
    assert total == pytest.approx(model.predict(frame, horizon_days=1825).sum(), rel=0.02)


def test_one_account_s_interval_is_wider_than_the_book_s(fit):
    model, frame, _ = fit
    points, book = model.intervals(frame), model.portfolio(frame, count=200)
    assert (np.diff(points, axis=1) >= 0).all()
    own = ((points[:, 2] - points[:, 0]) / points[:, 1].mean()).mean()
    assert own > 2 * (book.p90_minor - book.p10_minor) / book.p50_minor


def test_implied_net_retention_is_near_the_trailing_one(fits):
    gaps = []
    for model, frame, _ in fits:
        book = model.retention(frame)[0]
        gaps.append(book.implied - book.trailing)
    assert abs(np.mean(gaps)) < 0.03


def test_an_unknown_margin_makes_the_value_revenue_based_and_says_so(fit):
    model, frame, _ = fit
    place = frame.column_names.index("margin_share")
    blind = frame.set_column(place, "margin_share", pa.nulls(frame.num_rows, pa.float64()))
    detail = model.detail(blind, model.explain(blind))
    assert not any(one["margin_known"] for one in detail)
    known, unknown = (model.plan(one).margin for one in (frame, blind))
    assert (set(known), set(unknown)) == ({MARGIN}, {1.0})


def test_historic_and_residual_are_told_apart_and_their_sum(fit):
    model, frame, _ = fit
    paid = frame.append_column("revenue_total_minor", pa.array(np.full(frame.num_rows, 1e7)))
    for one, earned in ((frame, False), (paid, True)):
        first = model.detail(one, model.explain(one))[0]
        assert (first["historic_minor"] is not None) == earned
    assert first["total_minor"] == pytest.approx(first["historic_minor"] + first["residual_minor"])


@pytest.mark.parametrize("make", CONTRACT_CLV_CANDIDATES)
def test_a_candidate_travels_as_parts_and_serves_the_residual(make):
    examples = build_examples(make_world(5, count=300), step=4)
    model = serve_residual(make().fit(examples), examples)
    again = type(model).from_parts(model.to_parts())
    assert again.name == model.name
    for horizon in (None, 365, 1825):
        found = again.predict(examples.frame, horizon_days=horizon)
        assert (found == model.predict(examples.frame, horizon_days=horizon)).all()
    assert (again.predict(examples.frame) == model.predict(examples.frame, horizon_days=1825)).all()


def test_few_leavers_leave_the_year_to_the_segment_s_curve():
    examples = build_examples(make_world(2, count=40), step=6)
    model = ContractValue().fit(examples)
    assert "hazard.json" not in model.to_parts()
    assert (model.predict(examples.frame, horizon_days=1825) > 0).all()


def test_a_model_refuses_what_it_cannot_answer(fit):
    model, frame, _ = fit
    with pytest.raises(ModelError):
        model.predict(frame, horizon_days=90)
    with pytest.raises(ModelError):
        ContractValue().predict(frame)
    with pytest.raises(FeatureMismatchError):
        model.predict(frame.drop_columns(["mrr_minor"]))
    with pytest.raises(BundleError):
        ContractValue.from_parts({})


def test_no_outcomes_or_hardly_a_row_is_no_fit():
    examples = build_examples(make_world(5, count=60), step=12)
    blind = Examples(examples.frame, examples.label, examples.as_of, 365)
    with pytest.raises(ModelError):
        ContractValue().fit(blind)
    with pytest.raises(NotEnoughHistoryError):
        ContractValue().fit(examples.take(np.arange(9)))
