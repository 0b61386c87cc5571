from __future__ import annotations

import numpy as np
import pytest

from lifecycle.world.presets import preset
from lifecycle.world.simulate import simulate
from lifecycle.world.trace import KINDS, Records, Trace

TINY = preset("tiny", accounts=150, months=24)


@pytest.fixture(scope="module")
def trace() -> Trace:
    return simulate(TINY)


def _kind(trace: Trace, name: str) -> Records:
    chosen: Records = trace.movements[trace.movements["kind"] == KINDS.index(name)]
    return chosen


def test_the_same_parameters_give_the_same_world(trace: Trace) -> None:
    again = simulate(TINY)
    assert again.movements.tobytes() == trace.movements.tobytes()
    assert again.weekly.health.tobytes() == trace.weekly.health.tobytes()


def test_another_seed_gives_another_world(trace: Trace) -> None:
    other = simulate(preset("tiny", accounts=150, seed=2))
    assert other.movements.tobytes() != trace.movements.tobytes()


def test_movements_add_up_to_mrr_to_the_cent_every_week(trace: Trace) -> None:
    moves = trace.movements
    change = moves["mrr_after_minor"] - moves["mrr_before_minor"]
    for week in range(0, trace.params.weeks + 1, 8):
        known = moves["effective_day"] < 7 * week
        total = change[known].sum()
        if week:
            assert total == trace.weekly.mrr_minor[:, week].sum()


def test_each_movement_begins_where_the_line_stood(trace: Trace) -> None:
    moves = trace.movements[np.argsort(trace.movements["line"], kind="stable")]
    same = moves["line"][1:] == moves["line"][:-1]
    assert np.array_equal(moves["mrr_before_minor"][1:][same], moves["mrr_after_minor"][:-1][same])
    assert (moves["effective_day"][1:][same] >= moves["effective_day"][:-1][same]).all()


def test_every_line_begins_with_a_new_or_a_comeback(trace: Trace) -> None:
    first = trace.movements[np.unique(trace.movements["line"], return_index=True)[1]]
    allowed = [KINDS.index("new"), KINDS.index("reactivation")]
    assert len(first) == len(trace.lines.account)
    assert np.isin(first["kind"], allowed).all()


def test_notice_comes_the_notice_period_before_the_term_ends(trace: Trace) -> None:
    notices = _kind(trace, "notice")
    ahead = trace.lines.notice_days[notices["line"]]
    assert len(notices) > 10
    assert np.array_equal(notices["decided_day"], notices["term_ends_day"] - ahead)


def test_a_kept_notice_ends_the_line_at_its_term(trace: Trace) -> None:
    ended = _kind(trace, "nonrenewal")
    assert np.array_equal(ended["effective_day"], ended["term_ends_day"])
    assert (ended["mrr_after_minor"] == 0).all()


def test_a_contraction_takes_at_least_five_percent(trace: Trace) -> None:
    moves = _kind(trace, "contraction")
    assert len(moves) > 0
    assert (moves["mrr_after_minor"] <= 0.95 * moves["mrr_before_minor"]).all()


def test_a_line_is_live_exactly_between_its_days(trace: Trace) -> None:
    week = 60
    lines, day = trace.lines, 7 * 60
    live = (lines.started_day < day) & (lines.ended_day >= day)
    again = np.zeros(len(trace.accounts.segment), dtype=bool)
    again[lines.account[live]] = True
    known = trace.weekly.active[:, week]
    assert (again != known).mean() < 0.01


def test_latents_of_an_account_not_yet_born_are_missing(trace: Trace) -> None:
    born = trace.accounts.created_week
    late = np.flatnonzero(born > 50)
    assert len(late) > 0
    assert np.isnan(trace.weekly.health[late, 50]).all()
    assert not trace.weekly.active[late, 50].any()


def test_jumps_lower_health(trace: Trace) -> None:
    jumps = trace.jumps[trace.jumps["week"] < trace.params.weeks]
    before = trace.weekly.health[jumps["account"], jumps["week"]]
    after = trace.weekly.health[jumps["account"], jumps["week"] + 1]
    assert (after - before).mean() < -0.6
