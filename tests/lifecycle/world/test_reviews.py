"""Competitors are heard of late and sometimes wrongly; talks end after the decision they missed."""

import numpy as np
import pyarrow.compute as pc

from lifecycle.world.reviews import DECISIONS, draw_reviews
from lifecycle.world.trace import JUMPS, KINDS
from tests.lifecycle.world.worlds import facts, tiny


def talks():
    rows = facts()["opportunities"]
    return rows.filter(pc.equal(rows["kind"], "renewal"))


def test_most_competitors_are_heard_of_within_weeks():
    drawn, state = draw_reviews(tiny()), tiny().weekly
    jumps = tiny().jumps[tiny().jumps["kind"] == JUMPS.index("competitor")]
    jumps = jumps[(jumps["week"] < tiny().params.weeks - 6) & (jumps["week"] > 0)]
    jumps = jumps[state.active[jumps["account"], np.minimum(jumps["week"] + 5, 104)]]
    heard = [
        ((drawn.account == one["account"]) & (np.abs(drawn.opened - 7 * one["week"] - 16) < 15))
        .any()
        for one in jumps
    ]  # fmt: skip
    assert 0.5 < np.mean(heard) < 0.95


def test_no_talk_is_lost_before_the_customer_decided():
    drawn, moves = draw_reviews(tiny()), tiny().movements
    moves = moves[np.isin(moves["kind"], [KINDS.index(one) for one in DECISIONS])]
    decided = {(one["account"], one["decided_day"]) for one in moves}
    for account, closed in zip(drawn.account[drawn.outcome == 2],
                               drawn.closed[drawn.outcome == 2], strict=True):  # fmt: skip
        assert any((account, int(closed) - back) in decided for back in range(1, 13))


def test_every_talk_names_a_competitor_and_closes_in_a_later_version():
    assert talks()["competitor"].null_count == 0
    grouped = talks().group_by("opportunity_id").aggregate([("known_at", "count_distinct")])
    assert set(grouped["known_at_count_distinct"].to_pylist()) == {1, 2}


def test_the_stages_of_talks_are_those_of_all_deals():
    known = facts()["stage_maps"]["source_stage"].unique().to_pylist()
    assert set(talks()["stage"].unique().to_pylist()) <= set(known)
