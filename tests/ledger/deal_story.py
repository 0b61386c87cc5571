"""A few open deals and two owners in the ledger, for the tests of the ledger and of the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from ledger.deal_outcomes import DealOutcome, write_deal_outcomes
from ledger.deals import DealRow, write_deals
from ledger.engine import Ledger
from ledger.owner_bias import OwnerBiasRow, write_owner_bias
from ledger.releases import read_champion
from ledger.runs import begin_run, publish_run
from tests.ledger.story import DAY, KNOWN, release

REASON = {
    "group": "close_date",
    "label": "Close date pushed, times",
    "column": "push_count",
    "contribution": -0.6,
    "contribution_unit": "log_odds",
    "link": "logit",
    "value": 2.0,
    "peer_median": 0.0,
    "actionable": True,
    "direction": "lowers",
}
EVIDENCE = {"text": "deals pushed twice: 18 % won", "share": 0.18, "n": 214}
DETAIL = {
    "p_win_30d": 0.2,
    "p_win_60d": 0.3,
    "p_win_90d": 0.35,
    "p_win_180d": 0.4,
    "close_p10_days": 12.0,
    "close_p50_days": 40.0,
    "close_p90_days": 120.0,
    "evidence": [EVIDENCE],
}
HISTORY = [
    {"at": "2011-10-01T09:00:00+00:00", "field": "stage", "before": None, "after": "discovery"},
    {"at": "2011-11-02T09:00:00+00:00", "field": "close_on", "before": "2011-12-01",
     "after": "2012-01-15"},
    {"at": "2011-11-20T09:00:00+00:00", "field": "amount_minor", "before": 900_000,
     "after": 1_000_000},
]  # fmt: skip


def deal(opportunity_id: str, p_win: float = 0.3, **changed: object) -> DealRow:
    given: dict[str, object] = {
        "opportunity_id": opportunity_id,
        "account_id": "A00",
        "account_name": "Firm A",
        "owner_id": "W1",
        "team": "north",
        "segment": "mid",
        "kind": "new_business",
        "stage": "proposal",
        "category": "best_case",
        "amount_minor": 1_000_000,
        "currency": "GBP",
        "close_on": date(2012, 1, 15),
        "next_step_on": None,
        "age_days": 70,
        "stage_age_days": 20,
        "push_count": 2,
        "silence_days": 5,
        "p_win": p_win,
        "p_win_quarter": p_win,
        "p_win_eventual": min(1.0, p_win + 0.1),
        "p_slip": 0.6,
        "expected_amount_minor": 910_000,
        "expected_in_quarter_minor": round(p_win * 910_000),
        "stalled": False,
        "stalled_days": None,
        "rank": 1,
        "band": "low",
        "reasons": [REASON],
        "detail": DETAIL,
        "history": HISTORY,
    }
    return DealRow(**{**given, **changed})  # type: ignore[arg-type]


def bias(owner_id: str, **changed: object) -> OwnerBiasRow:
    given: dict[str, object] = {
        "owner_id": owner_id,
        "team": "north",
        "label": None,
        "ratio": 0.98,
        "ratio_low": 0.7,
        "ratio_high": 1.3,
        "p_beyond": 0.5,
        "beside_others": 1.1,
        "deals_count": 5,
        "quarters_count": 3,
        "late_share": 0.5,
        "late_low": 0.2,
        "late_high": 0.8,
        "won_count": 6,
        "commit_minor": 4_000_000,
        "won_minor": 3_900_000,
        "currency": "GBP",
        "measured_on": date(2011, 12, 1),
    }
    return OwnerBiasRow(**{**given, **changed})  # type: ignore[arg-type]


QUARTER = {"quarter_start_on": "2011-10-01", "quarter_ends_before": "2012-01-01"}
HAPPY = {"label": "happy_ears", "ratio": 0.6, "ratio_low": 0.5, "ratio_high": 0.72,
         "p_beyond": 0.99, "deals_count": 31}  # fmt: skip


def deal_outcome(run_id: int, opportunity_id: str, **changed: object) -> DealOutcome:
    given: dict[str, object] = {
        "run_id": run_id,
        "opportunity_id": opportunity_id,
        "release_id": 1,
        "as_of": DAY,
        "quarter_start_on": date(2011, 10, 1),
        "quarter_ends_before": date(2012, 1, 1),
        "chance": 0.3,
        "won": False,
        "closed_on": None,
        "known_on": date(2012, 2, 1),
        "recorded_at": KNOWN,
    }
    return DealOutcome(**{**given, **changed})  # type: ignore[arg-type]


def deal_release(ledger: Ledger, version: str = "deals-1") -> None:
    """Release a model of deals: over the quarter, which has no fixed number of days."""
    release(ledger, "deal_win", version=version, days=0, route="deals")


def publish_deals(
    ledger: Ledger,
    rows: Sequence[DealRow],
    *,
    owners: Sequence[OwnerBiasRow] = (),
    day: date = DAY,
) -> int:
    """Write some deals by the deals' champion, released before, and make the run current."""
    spoke = read_champion(ledger, "deal_win", horizon_days=0, route="deals")
    run_id = begin_run(ledger, "deals", as_of=day, data_as_of=KNOWN, note=QUARTER)
    write_deals(ledger, run_id, spoke, rows=rows)
    write_owner_bias(ledger, run_id, owners)
    publish_run(ledger, run_id)
    return run_id


def fill_deals(ledger: Ledger) -> None:
    """Six deals of two owners, a run after the first, what came of one, and owners' biases."""
    deal_release(ledger)
    day = DAY - timedelta(days=7)
    first = publish_deals(ledger, [deal("O1", 0.2), deal("gone", 0.1)], day=day)
    spoke = read_champion(ledger, "deal_win", horizon_days=0, route="deals").release_id
    lost = deal_outcome(first, "gone", chance=0.1, as_of=day, release_id=spoke, closed_on=DAY)
    write_deal_outcomes(ledger, [lost])
    late = {"owner_id": "W2", "team": "south", "segment": "large"}
    rows = [
        deal("O1", 0.3),
        deal("O2", 0.9, p_slip=0.1, amount_minor=5_000_000, band="high"),
        deal("O3", 0.1, stalled=True, stalled_days=90, p_slip=0.95, **late),
        deal("O4", 0.5, stalled=True, stalled_days=30, close_on=date(2012, 5, 1), **late),
        deal("O5", 0.3, account_id=None, account_name=None, amount_minor=None, currency=None,
             close_on=None, p_slip=None, kind="expansion"),
        deal("O6", 0.4, currency="USD", amount_minor=10**15),
    ]  # fmt: skip
    publish_deals(ledger, rows, owners=[bias("W2"), bias("W1", **HAPPY)])
