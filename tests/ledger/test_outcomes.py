"""When an issued score is ripe, how right the scores were, and whether rescue work helped."""

from __future__ import annotations

import random
from datetime import date, timedelta

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ledger.engine import Ledger
from ledger.holdouts import write_holdouts
from ledger.outcomes import read_matured, read_outcomes, write_outcomes
from ledger.rescue import read_rescue
from ledger.runs import publish_run
from ledger.scores import write_scores
from ledger.track_record import TrackRecord, read_track_record
from lifecycle.errors import ConflictError
from tests.ledger.story import (
    DAY,
    draw,
    new_run,
    outcome,
    publish_scores,
    release,
    score,
)

RIPE = DAY + timedelta(days=90)


def records(ledger: Ledger) -> dict[str, TrackRecord]:
    return {one.group: one for one in read_track_record(ledger, "churn")}


@pytest.mark.parametrize(("day", "count"), [(RIPE, 2), (RIPE - timedelta(days=1), 0)])
def test_a_score_is_ripe_when_its_horizon_has_passed(ledger: Ledger, day: date, count: int) -> None:
    publish_scores(ledger, release(ledger), ["A1", "A2"])
    found = read_matured(ledger, "churn", known_on=day)
    assert [one.expected_loss_minor for one in found] == [10.0] * count


def test_what_was_never_published_is_never_judged(ledger: Ledger) -> None:
    write_scores(ledger, new_run(ledger), [score("A1", release(ledger))])
    assert read_matured(ledger, "churn", known_on=RIPE) == []


def test_of_two_refreshes_of_a_day_the_first_is_judged(ledger: Ledger) -> None:
    release_id = release(ledger)
    first = publish_scores(ledger, release_id, ["A1"], value=0.1)
    publish_scores(ledger, release_id, ["A1"], value=0.9)
    found = read_matured(ledger, "churn", known_on=RIPE)
    assert [(one.run_id, one.value) for one in found] == [(first, 0.1)]


def test_a_score_is_judged_once(ledger: Ledger) -> None:
    run_id = publish_scores(ledger, release(ledger), ["A1", "A2"])
    write_outcomes(ledger, [outcome(run_id, "A1")])
    assert [one.account_id for one in read_matured(ledger, "churn", known_on=RIPE)] == ["A2"]
    with pytest.raises(ConflictError):
        write_outcomes(ledger, [outcome(run_id, "A1", happened=True)])
    assert [one.happened for one in read_outcomes(ledger, "churn", account_id="A1")] == [False]


def test_horizons_ripen_each_in_their_time(ledger: Ledger) -> None:
    run_id = new_run(ledger)
    rows = [score("A1", release(ledger, days=days), horizon_days=days) for days in (30, 90)]
    write_scores(ledger, run_id, rows)
    publish_run(ledger, run_id)
    found = read_matured(ledger, "churn", known_on=DAY + timedelta(days=30))
    assert [one.horizon_days for one in found] == [30]


def test_the_record_agrees_with_the_usual_definitions(ledger: Ledger) -> None:
    run_id, rng = new_run(ledger), np.random.default_rng(3)
    risk = np.round(rng.random(400), 2)  # ties on purpose
    left = rng.random(400) < risk
    pairs = zip(risk.tolist(), left.tolist(), strict=True)
    rows = [outcome(run_id, f"A{i}", value=p, happened=y) for i, (p, y) in enumerate(pairs)]
    write_outcomes(ledger, rows)
    found = records(ledger)["all"]
    assert found.auc == pytest.approx(roc_auc_score(left, risk), abs=1e-12)
    assert found.brier == pytest.approx(np.mean((risk - left) ** 2), abs=1e-12)
    assert found.expected_to_seen == pytest.approx(risk.sum() / left.sum())
    assert found.lost_minor == 400.0 * left.sum()
    assert sum(one.n for one in found.bins) == found.n == found.accounts_count == 400


def test_the_lift_looks_at_each_days_highest_tenth(ledger: Ledger) -> None:
    run_id = new_run(ledger)
    days = [DAY, DAY + timedelta(days=7)]
    rows = [
        outcome(run_id, f"A{i}", as_of=day, value=i / 20, happened=i in {18, 19, 3, 4})
        for day in days
        for i in range(20)
    ]
    write_outcomes(ledger, rows)
    found = records(ledger)["all"]
    assert (found.lift_top_tenth, found.days_count) == (pytest.approx(1 / 0.2), 2)


def test_treated_accounts_are_told_apart(ledger: Ledger) -> None:
    run_id = new_run(ledger)
    told = {"T": {"treated": True}, "H": {"arm": "held_out"}, "N": {"happened": True}}
    write_outcomes(ledger, [outcome(run_id, name, **given) for name, given in told.items()])
    found = records(ledger)
    counts = {group: (one.n, one.events_count) for group, one in found.items()}
    assert counts == {"all": (3, 1), "untreated": (2, 1), "treated": (1, 0), "held_out": (1, 0)}
    assert found["treated"].auc is None


def test_one_accounts_many_scores_do_not_narrow_the_interval(ledger: Ledger) -> None:
    run_id = new_run(ledger)
    days = [DAY + timedelta(days=i) for i in range(50)]
    write_outcomes(ledger, [outcome(run_id, "A1", as_of=day) for day in days])
    found = records(ledger)["all"]
    assert (found.n, found.accounts_count) == (50, 1)
    assert found.leave_rate_high > 0.7


def _campaign(ledger: Ledger, *, held_out_leave: float, contact_leave: float) -> None:
    run_id, chance = new_run(ledger), random.Random(5)
    arms = {f"H{i}": "held_out" for i in range(300)} | {f"C{i}": "contact" for i in range(900)}
    write_holdouts(ledger, [draw(name, arm) for name, arm in arms.items()])
    rate = {"held_out": held_out_leave, "contact": contact_leave}
    rows = []
    for name, arm in arms.items():
        left, treated = chance.random() < rate[arm], arm == "contact"
        rows.append(outcome(run_id, name, arm=arm, treated=treated, happened=left))
    write_outcomes(ledger, rows)


@pytest.mark.parametrize(
    ("held_out", "contact", "word"),
    [(0.4, 0.2, "fewer"), (0.2, 0.4, "more"), (0.3, 0.3, "no diff")],
)
def test_the_report_says_what_the_random_arms_say(
    ledger: Ledger, held_out: float, contact: float, word: str
) -> None:
    _campaign(ledger, held_out_leave=held_out, contact_leave=contact)
    report = read_rescue(ledger, "retention")
    assert report.verdict.startswith(word)
    assert [one.n for one in report.arms] == [300, 900, 900, 0]
    assert report.difference_low < report.difference < report.difference_high  # type: ignore[operator]


def test_few_accounts_let_nothing_be_concluded(ledger: Ledger) -> None:
    run_id = new_run(ledger)
    write_holdouts(ledger, [draw("A1", "held_out"), draw("A2"), draw("A3")])
    assert read_rescue(ledger, "retention").verdict.startswith("nothing can be said")
    write_outcomes(ledger, [outcome(run_id, "A1"), outcome(run_id, "A2")])
    report = read_rescue(ledger, "retention")
    assert (report.drawn_count, report.held_out_count, report.waiting_count) == (3, 1, 1)
    assert report.verdict.startswith("too few")


def test_a_score_from_before_the_draw_counts_for_no_arm(ledger: Ledger) -> None:
    run_id = new_run(ledger)
    write_holdouts(ledger, [draw("A1", "held_out")])
    write_outcomes(ledger, [outcome(run_id, "A1", as_of=DAY - timedelta(days=1))])
    assert read_rescue(ledger, "retention").arms[0].n == 0
