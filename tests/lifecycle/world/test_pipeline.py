"""The sales side: the same seed sells the same, wins are handed over once and in their week."""

import time
from itertools import pairwise

import numpy as np
import pytest

from lifecycle.world.deals_new import EXPANSION, NEW_BUSINESS
from lifecycle.world.deals_record import COMMIT, IN_PLAY, LOST, WON
from lifecycle.world.presets import REGIONS, TERMS, preset
from lifecycle.world.seams import account_name
from lifecycle.world.seeds import Streams
from lifecycle.world.sellers import NEVER, REP
from tests.lifecycle.world.sales import sell, sold


def test_the_same_seed_sells_the_same():
    params = preset("tiny", accounts=60, months=12)
    first, second = (sell(params, Streams(5))[0].tables() for _ in range(2))
    assert all(first[name].equals(second[name]) for name in first)


def test_another_seed_sells_something_else():
    params = preset("tiny", accounts=60, months=12)
    first, second = (sell(params, Streams(seed))[0] for seed in (5, 6))
    assert len(first.deals["kind"]) != len(second.deals["kind"])


def test_what_activities_draw_changes_no_deal():
    params = preset("tiny", accounts=60, months=12)
    streams = Streams(5)
    streams.rng("selling_activities").random(1000)
    plain, other = sell(params, Streams(5))[0], sell(params, streams)[0]
    assert not np.array_equal(plain.activities["at"], other.activities["at"])
    assert all(np.array_equal(plain.versions[name], other.versions[name], equal_nan=True)
               for name in plain.versions)  # fmt: skip


def test_about_one_deal_in_five_is_won():
    deals = sold()[0].deals
    for kind in (NEW_BUSINESS, EXPANSION):
        ours = deals["kind"] == kind
        assert 0.15 < (deals["state"][ours] == WON).mean() < 0.27


def test_new_business_brings_about_as_many_accounts_as_the_world_needs():
    trace, wins, _ = sold()
    won = sum(len(week.new_business.account_id) for week in wins)
    wanted = trace.params.wins_year * trace.params.weeks / 52.18
    assert 0.75 < won / wanted < 1.35


def test_a_prospect_becomes_a_customer_once():
    _, wins, _ = sold()
    ids = np.concatenate([week.new_business.account_id for week in wins])
    assert len(set(ids)) == len(ids)
    assert min(ids) >= account_name(sold()[0].params.initial_accounts)


def test_wins_fall_into_their_week():
    _, wins, _ = sold()
    for week, won in enumerate(wins):
        days = np.concatenate([won.new_business.closed_day, won.expansions.closed_day])
        assert np.all((days >= 7 * week) & (days < 7 * week + 7))


def test_a_customer_is_known_before_it_signs():
    _, wins, _ = sold()
    for won in wins:
        assert np.all(won.new_business.lead_day <= won.new_business.closed_day)


def test_what_is_handed_over_is_a_contract():
    _, wins, _ = sold()
    for won in (week.new_business for week in wins):
        assert np.all(won.mrr_minor > 0)
        assert np.all(won.seats >= 1)
        assert np.isin(won.term_months, TERMS).all()
        assert np.all((won.discount_share >= 0) & (won.discount_share < 0.6))
        assert np.all(won.region < len(REGIONS))


def test_deals_of_customers_that_leave_are_lost():
    params = preset("tiny", accounts=60, months=6)
    trace, _, _ = sell(params, Streams(2))
    expansions = trace.deals["kind"] == EXPANSION
    assert set(np.unique(trace.deals["state"][expansions])) <= {IN_PLAY, WON, LOST}
    assert np.all(trace.deals["account"][expansions] < params.initial_accounts)


def test_more_is_won_in_the_last_weeks_of_a_quarter():
    trace = sold()[0]
    closed = trace.deals["closed"][trace.deals["state"] == WON]
    week = (closed // 7).astype(int)
    late = trace.calendar.weeks_left[week] <= 2
    assert late.mean() > 1.3 * (3 / 13)


def test_a_bold_seller_commits_to_more():
    trace = sold()[0]
    versions, people = trace.versions, trace.people
    reps = people["role"][versions["owner"]] == REP
    bold = people["bias"][versions["owner"]]
    commits = versions["category"] == COMMIT
    assert commits[reps & (bold > 0.6)].mean() > 1.3 * commits[reps & (bold < -0.6)].mean()


def test_nobody_holds_two_posts_on_one_day():
    posts = sold()[0].posts
    for owner in np.unique(posts["owner"]):
        mine = {int(posts["from_day"][row]): int(posts["to_day"][row])
                for row in np.flatnonzero(posts["owner"] == owner)}  # fmt: skip
        spans = sorted(mine.items())
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
        assert spans[-1][1] == NEVER or people_left(int(owner))


def people_left(owner: int) -> bool:
    return bool(sold()[0].people["left_week"][owner] != NEVER)


def test_open_deals_belong_to_sellers_who_are_still_there():
    trace = sold()[0]
    owners = trace.deals["owner"][trace.deals["state"] == IN_PLAY]
    assert np.all(trace.people["left_week"][owners] == NEVER)


@pytest.mark.bench
def test_a_large_company_sells_two_years_in_minutes():
    started = time.perf_counter()
    params = preset("bench")
    trace, _, _ = sell(params, Streams(1))
    rows = sum(table.num_rows for table in trace.tables().values())
    assert rows > 1_000_000
    assert time.perf_counter() - started < 180
