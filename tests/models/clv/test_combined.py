"""Value: the right total, a better rank than the run rate, and a floor for the dormant."""

import numpy as np
import pytest

from lifecycle.errors import NotEnoughHistoryError
from models import accuracy
from models.baselines import RunRate
from models.clv.candidates import CLV_CANDIDATES
from models.clv.combined import CombinedValue, Part
from models.clv.rate import choose_floor, run_rate
from models.trees import Growth
from tests.models.pastdays import Company, monthly


@pytest.fixture(scope="module")
def company():
    return Company(customers=400)


@pytest.fixture(scope="module")
def model(company):
    return CombinedValue().fit(company.examples(monthly(90, 540)))


def after(company, day):
    frame, known = company.frame(day)
    return frame, company.spend[known, day : day + 90].sum(axis=1)


def test_the_total_follows_the_season_where_the_run_rate_cannot(company, model):
    frame, spent = after(company, 610)
    rate = RunRate(365).fit(company.examples([540])).predict(frame)
    assert abs(model.predict(frame).sum() / spent.sum() - 1) < 0.2
    assert rate.sum() / spent.sum() < 0.8


def test_it_ranks_no_worse_than_the_run_rate(company, model):
    frame, spent = after(company, 610)
    ours = accuracy.spearman(spent, model.predict(frame))
    assert ours > accuracy.spearman(spent, run_rate(frame, 90)) - 0.02


def test_a_dormant_account_is_worth_little_but_not_nothing(company, model):
    frame, _ = company.frame(640)
    dormant = frame.column("spend_365d_minor").to_numpy() == 0
    assert dormant.any()
    assert (model.predict(frame) > 0).all()
    assert model.predict(frame)[dormant].mean() < 0.2 * model.predict(frame)[~dormant].mean()


def test_a_year_ahead_is_learned_without_a_season(company):
    model = CombinedValue().fit(company.examples(monthly(180, 390), horizon=365))
    frame, _ = company.frame(395)
    assert np.isfinite(model.predict(frame, horizon_days=365)).all()


def test_too_little_spend_is_named():
    with pytest.raises(NotEnoughHistoryError, match="300 or more"):
        CombinedValue().fit(Company(customers=10).examples([90, 120]))


def test_a_day_without_spend_after_it_is_named(company):
    examples = company.examples(monthly())
    silent = examples.as_of == examples.as_of[0]
    examples.label[silent] = 0.0
    with pytest.raises(NotEnoughHistoryError, match="nobody bought"):
        CombinedValue().fit(examples)


def test_the_floor_needs_somebody_who_spent():
    with pytest.raises(NotEnoughHistoryError, match="no account spent"):
        choose_floor(np.zeros(3))


def test_spreading_a_clipped_multiple_stays_exact():
    part = Part("quantile", 1.0, Growth("quantile"))
    parts, start = part.spread(np.array([[-2.0, 0.5], [0.2, 0.1]]), 0.4)
    assert (start + parts.sum(axis=1)).round(6).tolist() == [0.0, 0.7]


def test_candidates_start_with_the_run_rate():
    names = [factory().name for factory in CLV_CANDIDATES]
    assert names[0] == "run_rate_365"
    assert len(set(names)) == len(names)
