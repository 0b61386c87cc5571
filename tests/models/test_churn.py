"""Lapse risk: it ranks, it knows the season, and it says when history is too short."""

import numpy as np
import pytest

from lifecycle.errors import NotEnoughHistoryError
from models import accuracy
from models.churn import LAPSE_CANDIDATES, LapseModel, count_events
from tests.models.pastdays import Company, monthly


@pytest.fixture(scope="module")
def company():
    return Company(customers=400)


def after(company, day):
    frame, known = company.frame(day)
    return frame, (company.spend[known, day : day + 90].sum(axis=1) == 0).astype(float)


def test_the_blend_ranks_better_than_recency(company):
    examples = company.examples(monthly(), lapse=True)
    frame, lapsed = after(company, 640)
    blend, rule = (LapseModel(kind).fit(examples) for kind in ("blend", "recency_rule"))
    assert accuracy.auc(lapsed, blend.predict(frame)) > accuracy.auc(lapsed, rule.predict(frame))


def test_the_season_moves_risk_the_right_way(company):
    examples = company.examples(monthly(90, 540), lapse=True)
    model = LapseModel("logistic").fit(examples)
    frame, lapsed = after(company, 610)  # September: the strong months follow
    assert abs(model.predict(frame).mean() - lapsed.mean()) < 0.06
    assert model.predict(frame).mean() < examples.label[-300:].mean()


def test_too_few_lapses_are_named():
    few = Company(customers=8).examples([90, 120], lapse=True)
    with pytest.raises(NotEnoughHistoryError, match="30 or more"):
        LapseModel("logistic").fit(few)


def test_few_events_leave_the_trees_out():
    small = Company(customers=90).examples(range(90, 300, 60), lapse=True)
    assert 30 < count_events(small) < 150
    assert "trees.txt" not in LapseModel("blend").fit(small).to_parts()


def test_overlapping_windows_do_not_multiply_events(company):
    often = count_events(company.examples(range(90, 640, 15), lapse=True))
    seldom = count_events(company.examples(range(90, 640, 90), lapse=True))
    assert often == pytest.approx(seldom, rel=0.25)


def test_candidates_have_names_of_their_own():
    names = [factory().name for factory in LAPSE_CANDIDATES]
    assert len(set(names)) == len(names)
    assert names[0] == "base_rate"


def test_risk_grows_with_silence(company):
    model = LapseModel("recency_rule").fit(company.examples(monthly(), lapse=True))
    frame, _ = company.frame(640)
    silence = frame.column("recency_days").to_numpy()
    assert np.corrcoef(silence, model.predict(frame))[0, 1] > 0.8
