"""Direct models, tables and rivals on the weekly question."""

import numpy as np
import pytest

from models import accuracy
from models.classes import load_class
from models.deals.after import After
from models.deals.direct import DirectModel
from models.deals.ladder import (
    DEAL_CANDIDATES,
    DEAL_RULES,
    DEAL_WARNINGS,
    LADDER,
    choose_learner,
    list_needs,
)
from tests.models.deals.funnel import QUARTER_DAYS, Funnel, held_out

NAMES = [one().name for one in DEAL_CANDIDATES]


@pytest.fixture(scope="module")
def examples():
    return Funnel(deals=2500).examples()


@pytest.fixture(scope="module")
def fitted(examples):
    return {one().name: one().fit(examples) for one in DEAL_CANDIDATES}


@pytest.fixture(scope="module")
def rows():
    return held_out()


@pytest.fixture(scope="module")
def happened(rows):
    other, deal, day, _ = rows
    return other.outcomes(deal, day).column("won_in_quarter").to_numpy()


@pytest.mark.parametrize("name", NAMES)
def test_reasons_add_up_to_the_chance(fitted, rows, name):
    why, p = fitted[name].explain(rows[3]), fitted[name].predict(rows[3])
    found = why.base + why.contributions.sum(axis=1)
    np.testing.assert_allclose(found, np.log(p / (1 - p)), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_rebuilt_model_gives_the_same_bits(fitted, rows, name):
    model = fitted[name]
    rebuilt = load_class(type(model).__name__).from_parts(model.to_parts())
    np.testing.assert_array_equal(rebuilt.predict(rows[3]), model.predict(rows[3]))
    assert rebuilt.to_parts() == model.to_parts()


def test_the_logistic_comes_near_the_law(fitted, rows):
    other, deal, _, frame = rows
    true = other.truth(deal, frame.column("quarter_days_left").to_numpy())
    found = fitted["deal_logistic"].predict(frame)
    assert abs(found.mean() / true.mean() - 1) < 0.08
    assert np.sqrt(np.mean((found - true) ** 2)) < 0.05


def test_models_beat_the_table_and_the_table_the_rules(fitted, rows, happened):
    auc = {name: accuracy.auc(happened, fitted[name].predict(rows[3])) for name in NAMES}
    assert auc["deal_blend"] > auc["stage_rate"] + 0.02
    assert auc["stage_week"] > max(auc["rep_commit"], auc["base_rate"])


def test_learning_from_last_states_promises_far_too_much(fitted, rows, happened):
    assert fitted["last_state"].predict(rows[3]).sum() > 1.3 * happened.sum()
    assert abs(fitted["deal_blend"].predict(rows[3]).sum() / happened.sum() - 1) < 0.15
    assert "closed deals" in DEAL_WARNINGS["last_state"]


def test_deals_that_lie_open_for_years_do_not_dominate(rows):
    other, deal, _, frame = rows
    funnel = Funnel(deals=2500, zombies=60)
    examples, deals = funnel.examples(), 2500
    zombie = np.array([int(one[1:]) for one in examples.frame["opportunity_id"].to_pylist()])
    weight = After.read(examples).weights
    plain, held = (zombie >= deals).mean(), weight[zombie >= deals].sum() / weight.sum()
    assert held < 0.6 * plain
    true = other.truth(deal, frame.column("quarter_days_left").to_numpy())
    fresh = frame.column("age_days").to_numpy() < QUARTER_DAYS
    found = DirectModel("blend").fit(examples).predict(frame)
    assert abs(found[fresh].mean() / true[fresh].mean() - 1) < 0.12


def test_weights_do_not_know_how_long_a_deal_will_live(examples):
    later = Funnel(deals=2500)
    later.closed = later.closed + 70
    frame = later.examples().frame
    weights = [dict(zip(zip(one["opportunity_id"].to_pylist(), one["as_of"].to_pylist(),
                            strict=True), w, strict=True))
               for one, w in ((examples.frame, After.read(examples).weights),
                              (frame, After.read(later.examples()).weights))]  # fmt: skip
    assert all(weights[1][key] == value for key, value in weights[0].items())


def test_more_pushes_never_raise_the_chance_of_the_trees(examples, rows):
    trees, frame = DirectModel("trees").fit(examples), rows[3].slice(0, 200)
    place = frame.column_names.index("push_count")
    found = [trees.predict(frame.set_column(place, "push_count", [np.full(200, float(n))]))
             for n in range(6)]  # fmt: skip
    assert (np.diff(found, axis=0) <= 1e-12).all()


def test_rows_whose_quarter_is_open_teach_the_headline_nothing(examples):
    known = np.isfinite(After.read(examples).won_in_quarter)
    held = examples.take(known)
    frame = held.frame.slice(0, 50)
    first = DirectModel("logistic").fit(examples).predict(frame)
    np.testing.assert_array_equal(first, DirectModel("logistic").fit(held).predict(frame))


@pytest.mark.parametrize(
    ("won", "lost", "learner"),
    [
        (39, 900, "stage_week"),
        (900, 39, "stage_week"),
        (40, 40, "deal_logistic"),
        (199, 200, "deal_logistic"),
        (200, 200, "deal_blend"),
    ],
)
def test_the_ladder_has_its_rungs_at_40_and_200(won, lost, learner):
    assert choose_learner(won, lost) == learner


def test_readiness_says_how_much_more_each_rung_needs():
    needs = {one["learner"]: one for one in list_needs(150, 250)}
    assert needs["deal_logistic"]["ready"]
    assert not needs["deal_blend"]["ready"]
    assert (needs["deal_blend"]["more_won"], needs["deal_blend"]["more_lost"]) == (50, 0)


def test_every_rung_is_a_candidate_and_no_warning_is():
    names = {rung.learner for rung in LADDER}
    assert names <= set(NAMES)
    assert set(NAMES) >= DEAL_RULES
    assert not names & set(DEAL_WARNINGS)
