"""A small company's ledger in a few lines, for the tests of the ledger and of the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from ledger.engine import Ledger, open_ledger
from ledger.feature_rows import Kind, write_features
from ledger.holdouts import Holdout, write_holdouts
from ledger.outcomes import ScoreOutcome, write_outcomes
from ledger.releases import Release, write_release
from ledger.runs import begin_run, publish_run
from ledger.scores import ScoreRow, write_scores
from ledger.views import AtRiskRow, write_at_risk
from models.digest import compute_digest
from tests.postgresql import find_address, make_address

DAY = date(2011, 12, 10)
# of a bundle that holds an empty bundle.json
DIGEST = compute_digest({"bundle.json": b"{}"})
KNOWN = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
REASON = {
    "group": "recency",
    "label": "Days since the last order",
    "column": "recency_days",
    "contribution": 0.4,
    "link": "logit",
    "value": 31.0,
    "peer_median": 12.0,
    "actionable": True,
    "direction": "raises",
}


def new_ledger(folder: Path) -> Ledger:
    return open_ledger(make_address(folder))


def address(folder: Path) -> str:
    return find_address(folder)


def release(
    ledger: Ledger, model: str = "churn", *, version: str = "1", days: int = 90, **changed: Any
) -> int:
    made = Release(
        model=model,
        horizon_days=days,
        route=changed.get("route", "non_contractual"),
        candidate="lightgbm_logistic_blend",
        version=version,
        digest=DIGEST,
        as_of=DAY,
        created_at=KNOWN,
        metrics={"auc": 0.81},
        card={"purpose": "who will not order again"},
    )
    return write_release(ledger, made)


def score(account_id: str, release_id: int, **changed: object) -> ScoreRow:
    given: dict[str, object] = {
        "account_id": account_id,
        "model": "churn",
        "horizon_days": 90,
        "release_id": release_id,
        "route": "non_contractual",
        "value": 0.25,
        "unit": "probability",
        "currency": None,
        "rank": 1,
        "band": "medium",
        "reasons": [REASON],
    }
    return ScoreRow(**{**given, **changed})  # type: ignore[arg-type]


def at_risk(account_id: str, loss: float = 100.0, **changed: object) -> AtRiskRow:
    given: dict[str, object] = {
        "account_id": account_id,
        "name": None,
        "segment": "United Kingdom",
        "country": "United Kingdom",
        "owner_id": None,
        "route": "non_contractual",
        "status": "at_risk",
        "risk": 0.25,
        "band": "medium",
        "value_if_kept_minor": 4 * loss,
        "expected_loss_minor": loss,
        "currency": "GBP",
        "rank": 1,
        "recency_days": 31.0,
        "last_order_on": DAY - timedelta(days=31),
        "reasons": [REASON],
    }
    return AtRiskRow(**{**given, **changed})  # type: ignore[arg-type]


CONTRACT = {
    "route": "contractual",
    "risk": 0.4,
    "band": "high",
    "recency_days": None,
    "last_order_on": None,
    "curve": {"30": 0.1, "60": 0.3, "90": 0.4, "180": 0.5, "365": 0.6, "renewal": 0.55},
    "causes": {"nonrenewal": 0.7, "midterm": 0.2, "involuntary": 0.1},
    "risk_low": 0.3,
    "risk_high": 0.5,
    "renewal_on": DAY + timedelta(days=75),
    "notice_by_on": DAY + timedelta(days=45),
    "days_to_act": 45,
    "mrr_minor": 10_000.0,
    "arr_at_risk_minor": 48_000.0,
}


def contract(account_id: str, loss: float = 100.0, **changed: object) -> AtRiskRow:
    """One account of the contractual route."""
    return at_risk(account_id, loss, **{**CONTRACT, **changed})


def draw(account_id: str, arm: str = "contact", day: date = DAY) -> Holdout:
    return Holdout("retention", account_id, day, KNOWN, arm, 0.5, 0.1, "ab" * 32)


def outcome(run_id: int, account_id: str, **changed: object) -> ScoreOutcome:
    given: dict[str, object] = {
        "run_id": run_id,
        "account_id": account_id,
        "model": "churn",
        "horizon_days": 90,
        "route": "non_contractual",
        "as_of": DAY,
        "value": 0.25,
        "happened": False,
        "happened_on": None,
        "cause": None,
        "arm": "none",
        "treated": False,
        "value_if_kept_minor": 400.0,
        "expected_loss_minor": 100.0,
        "currency": "GBP",
        "known_on": DAY + timedelta(days=90),
        "recorded_at": KNOWN,
    }
    return ScoreOutcome(**{**given, **changed})  # type: ignore[arg-type]


def new_run(ledger: Ledger, kind: str = "scores", day: date = DAY) -> int:
    return begin_run(ledger, kind, as_of=day, data_as_of=KNOWN, note={})  # type: ignore[arg-type]


def publish_scores(
    ledger: Ledger, release_id: int, accounts: Sequence[str], *, value: float = 0.25
) -> int:
    """Score some accounts (churn and the list) and make the run current."""
    run_id = new_run(ledger)
    rows = [score(name, release_id, value=value, rank=i + 1) for i, name in enumerate(accounts)]
    write_scores(ledger, run_id, rows)
    kept = [(name, "ab" * 32, [31.0, None]) for name in accounts]
    kinds: dict[str, Kind] = {"recency_days": "number", "segment": "text"}
    write_features(ledger, run_id, "non_contractual", kinds=kinds, rows=kept)
    write_at_risk(ledger, run_id, [at_risk(name, 10.0 + i // 3) for i, name in enumerate(accounts)])
    publish_run(ledger, run_id)
    return run_id


def publish_both_routes(ledger: Ledger) -> int:
    """Two accounts without contract, two with, one that gave notice; all but it are scored."""
    release_id = release(ledger)
    other = release(ledger, version="c1", route="contractual")
    run_id, detail = new_run(ledger), {"curve": CONTRACT["curve"], "low": 0.3, "high": 0.5}
    rows = [score(name, release_id) for name in ("A1", "A2")]
    given: dict[str, object] = {"route": "contractual", "value": 0.4, "detail": detail}
    write_scores(ledger, run_id, rows + [score(name, other, **given) for name in ("C1", "C2")])
    leaver = contract("C3", 0.0, status="notice_given", risk=1.0, leaving_on=DAY)
    listed = [at_risk("A1", 50.0), at_risk("A2", 150.0), contract("C1", 100.0), leaver]
    listed.append(contract("C2", 200.0, days_to_act=3, treatment="held_out"))
    write_at_risk(ledger, run_id, listed)
    publish_run(ledger, run_id)
    return run_id


def fill(ledger: Ledger) -> None:
    """Twelve scored accounts, two of them drawn for a campaign and judged."""
    release_id = release(ledger)
    run_id = publish_scores(ledger, release_id, [f"A{i:02d}" for i in range(12)])
    write_holdouts(ledger, [draw("A00", "held_out"), draw("A01")])
    left = {"happened": True, "happened_on": DAY + timedelta(days=40), "cause": "lapsed"}
    write_outcomes(ledger, [outcome(run_id, "A00", **left), outcome(run_id, "A01")])
