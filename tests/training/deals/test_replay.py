"""Past quarters of deals: what is learned from, what is judged, and what chance would say."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from models import accuracy
from models.deals.direct import DirectModel
from models.deals.tables import DealTable
from training.deals.gate import decide_deals, list_serving
from training.deals.past import DealPast
from training.deals.replay import DealEvaluation, Replay, replay_deals, thin_days
from training.deals.serving import serve_past
from training.evaluate import placebo

CANDIDATES = (
    partial(DealTable, "base_rate"),
    partial(DealTable, "stage_week"),
    partial(DirectModel, "logistic"),
)


@pytest.fixture(scope="module")
def found(past: DealPast) -> DealEvaluation:
    return replay_deals(past, past.plan, CANDIDATES)


def test_quarters_are_judged_by_what_was_known_on_their_first_day(past: DealPast) -> None:
    quarter = past.plan.origins[0]
    learned = past.examples(past.plan.learn_days(quarter.start), quarter.start)
    assert learned.as_of.max() < np.datetime64(quarter.start)
    assert past.known(quarter.start).turns.happened.max() < quarter.start.toordinal() - 719_163


def test_rows_whose_quarter_is_open_are_learned_from_but_not_judged(found: DealEvaluation) -> None:
    for judged in found.found.judged.values():
        assert judged.outcomes is not None
        assert np.isfinite(judged.outcomes.column("won_in_quarter").to_numpy()).all()


def test_a_model_of_an_honest_law_beats_the_base_rate(found: DealEvaluation) -> None:
    verdict = decide_deals(found, list_serving(300, 300))
    assert verdict.beats_baseline
    assert verdict.winner != "base_rate"


def test_few_closed_deals_leave_the_table_alone() -> None:
    assert list_serving(39, 500) == ("base_rate", "stage_week")
    assert list_serving(199, 200)[-1] == "deal_logistic"


def test_placebo_labels_leave_nothing_to_rank(past: DealPast) -> None:
    said = replay_deals(past, past.plan, CANDIDATES[2:], replay=Replay(change=placebo(3)))
    areas = []
    for quarter in said.quarters:
        rows = said.gather("deal_logistic", [quarter])
        # within a week: how many are won by week is known to the shuffled labels too
        for week in np.unique(rows.week):
            here = rows.take(rows.week == week)
            if 0 < here.won.mean() < 1:
                areas.append(accuracy.auc(here.won, here.chance))
    assert abs(np.mean(areas) - 0.5) < 0.05


def test_what_was_served_before_rests_on_earlier_quarters_alone(found: DealEvaluation) -> None:
    served = serve_past(found, "deal_logistic").found
    last = found.quarters[-1].start
    changed = replace(
        found.found,
        actuals={**found.found.actuals, last: 1.0 - found.found.actuals[last]},
    )
    again = serve_past(replace(found, found=changed), "deal_logistic").found
    for day in found.found.origins:
        np.testing.assert_array_equal(
            served.predictions["deal_win", day], again.predictions["deal_win", day]
        )


def test_thinned_landmarks_still_meet_every_week_of_the_quarter(past: DealPast) -> None:
    days = thin_days(past.plan, past.plan.landmarks, every=3)
    weeks = {(day - max(s for s in _starts(past) if s <= day)).days // 7 for day in days}
    assert weeks == set(range(13))
    assert len(days) < 0.4 * len(past.plan.landmarks)


def _starts(past: DealPast) -> list:  # type: ignore[type-arg]
    first = past.plan.origins[0]
    return [first.shift(n).start for n in range(-6, 8)]
