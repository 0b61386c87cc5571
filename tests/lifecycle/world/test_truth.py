from __future__ import annotations

import numpy as np
import pytest

from lifecycle.errors import UsageError
from lifecycle.world.continuation import open_accounts
from lifecycle.world.presets import preset
from lifecycle.world.simulate import simulate
from lifecycle.world.trace import KINDS, PRODUCT_ADDON, Trace
from lifecycle.world.truth import oracle_risk, oracle_value, realised_value
from lifecycle.world.valuation import base_products

MEDIUM = preset("tiny", accounts=1500, months=30, seed=5)
DAY = 7 * 60 + 3


@pytest.fixture(scope="module")
def trace() -> Trace:
    return simulate(MEDIUM)


def _left(trace: Trace, day: int, horizon_days: int) -> set[str]:
    """Accounts that decided to leave in the horizon, read from the movements."""
    moves = trace.movements[trace.lines.product[trace.movements["line"]] != PRODUCT_ADDON]
    ended = moves[np.isin(moves["kind"], [KINDS.index(f"{name}") for name in ENDS])]
    notice = np.where(ended["kind"] == KINDS.index("nonrenewal"), 1, 0)
    decided = ended["effective_day"] - notice * trace.accounts.notice_days[ended["account"]]
    back = moves[moves["kind"] == KINDS.index("reactivation")]
    inside = ended[(decided >= day) & (decided < day + horizon_days)]
    left = set()
    for row in inside:
        again = back["effective_day"][back["account"] == row["account"]] - row["effective_day"]
        if not ((again >= 0) & (again <= 30)).any():
            left.add(str(trace.accounts.account_id[row["account"]]))
    return left


ENDS = ("nonrenewal", "midterm_cancel", "involuntary_cancel")


def test_the_oracle_is_calibrated_over_many_days(trace: Trace) -> None:
    expected, seen, variance = 0.0, 0, 0.0
    for day in range(70, 700, 91):
        ids, risk = oracle_risk(trace, day, horizon_days=90, draws=16)
        left = _left(trace, day, 90)
        expected += risk.sum()
        seen += sum(one in left for one in ids)
        variance += (risk * (1 - risk)).sum() + (0.12 * risk.sum()) ** 2
    assert abs(seen - expected) < 3.0 * np.sqrt(variance)


def test_the_oracle_tells_who_leaves_from_who_stays(trace: Trace) -> None:
    ids, risk = oracle_risk(trace, DAY, horizon_days=90, draws=16)
    left = _left(trace, DAY, 90)
    gone = np.array([one in left for one in ids])
    ahead = (risk[gone][:, None] > risk[~gone][None, :]).mean()
    assert 0.82 < ahead < 0.93


def test_risk_grows_with_the_horizon(trace: Trace) -> None:
    short = oracle_risk(trace, DAY, horizon_days=30, draws=8)[1]
    longer = oracle_risk(trace, DAY, horizon_days=180, draws=8)[1]
    assert (longer >= short - 1e-9).mean() > 0.98


def test_accounts_under_notice_are_not_at_risk(trace: Trace) -> None:
    ids, _ = oracle_risk(trace, 7 * 60, horizon_days=30, draws=2)
    noticed = trace.accounts.account_id[trace.weekly.noticed[:, 60]]
    assert len(noticed) > 0
    assert not set(ids) & set(noticed)


def test_the_same_seed_gives_the_same_oracle(trace: Trace) -> None:
    first = oracle_risk(trace, DAY, horizon_days=30, draws=4, seed=3)[1]
    again = oracle_risk(trace, DAY, horizon_days=30, draws=4, seed=3)[1]
    assert np.array_equal(first, again)


def test_futures_of_the_world_average_to_the_oracles_value(trace: Trace) -> None:
    expected = oracle_value(trace, DAY, months=24, draws=16)[1].sum()
    futures = [realised_value(trace, DAY, months=24, seed=seed)[1].sum() for seed in range(8)]
    assert np.mean(futures) == pytest.approx(expected, rel=0.03)


def test_a_day_outside_the_world_is_refused(trace: Trace) -> None:
    with pytest.raises(UsageError, match="day 9999"):
        oracle_risk(trace, 9_999, horizon_days=90)


def test_the_oracles_value_is_what_the_world_itself_then_pays(trace: Trace) -> None:
    """The continuation's short cut for won deals must not drift from the deals themselves."""
    rows, _ = open_accounts(trace, 7 * 52)
    weekly, margins = trace.weekly, np.array(trace.params.mix.margin_share)
    base = margins[base_products(trace)[rows]][:, None]
    year = slice(52, 104)
    addon = weekly.addon_mrr_minor[rows, year]
    margin = (weekly.mrr_minor[rows, year] - addon) * base + addon * margins[PRODUCT_ADDON]
    cost = weekly.active[rows, year] * trace.accounts.serve_cost_minor[rows][:, None]
    paid = ((margin - cost) * 7 / 365.25 * 12).sum()
    expected = oracle_value(trace, 7 * 52, months=12, discount_share=0.0, draws=8)[1].sum()
    assert paid == pytest.approx(expected, rel=0.035)
