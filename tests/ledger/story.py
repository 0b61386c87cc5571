"""A small company's ledger in a few lines, for the tests of the ledger and of the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ledger.backtests import BacktestRow, write_backtests
from ledger.engine import Ledger, open_ledger
from ledger.forecasts import ForecastRow, write_forecasts
from ledger.releases import Release, write_release
from ledger.runs import begin_run, publish_run
from ledger.scores import ScoreRow, write_scores
from ledger.views import AtRiskRow, write_at_risk
from models.digest import compute_digest

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
    return open_ledger(address(folder))


def address(folder: Path) -> str:
    return f"sqlite:///{folder / 'ledger.sqlite'}"


def release(ledger: Ledger, model: str = "churn", *, version: str = "1", days: int = 90) -> int:
    made = Release(
        model=model,
        horizon_days=days,
        route="non_contractual",
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


def new_run(ledger: Ledger, kind: str = "scores", day: date = DAY) -> int:
    return begin_run(ledger, kind, as_of=day, data_as_of=KNOWN, note={})  # type: ignore[arg-type]


def publish_scores(
    ledger: Ledger, release_id: int, accounts: Sequence[str], *, value: float = 0.25
) -> int:
    """Score some accounts (churn and the list) and make the run current."""
    run_id = new_run(ledger)
    rows = [score(name, release_id, value=value, rank=i + 1) for i, name in enumerate(accounts)]
    write_scores(ledger, run_id, rows)
    write_at_risk(ledger, run_id, [at_risk(name, 10.0 + i // 3) for i, name in enumerate(accounts)])
    publish_run(ledger, run_id)
    return run_id


def forecast(node: str = "total", leg: str = "combined", **changed: object) -> ForecastRow:
    given: dict[str, object] = {
        "period": "2012Q1",
        "origin": DAY,
        "week": 1,
        "node": node,
        "leg": leg,
        "p10_minor": 90_000.0,
        "p50_minor": 100_000.0,
        "p90_minor": 115_000.0,
        "mean_minor": 101_000.0,
        "served": leg == "combined",
        "parts": {"to_date": 21_000.0, "known_customers": 80_000.0} if leg == "combined" else None,
        "actual_to_date_minor": 21_000.0,
        "currency": "GBP",
        "method": {"weights": {"seasonal_naive": 0.4, "auto_ets": 0.6}},
    }
    return ForecastRow(**{**given, **changed})  # type: ignore[arg-type]


def publish_forecast(ledger: Ledger, rows: Sequence[ForecastRow]) -> int:
    run_id = new_run(ledger, "forecast")
    write_forecasts(ledger, run_id, rows)
    publish_run(ledger, run_id)
    return run_id


def vintage(period: str, leg: str, p50: float, *, week: int = 1, actual: float | None = 100.0):
    return BacktestRow(
        period=period,
        origin=DAY - timedelta(days=700 - 7 * week - 90 * int(period[-1])),
        week=week,
        node="total",
        leg=leg,
        p10_minor=p50 - 20.0,
        p50_minor=p50,
        p90_minor=p50 + 20.0,
        mean_minor=p50,
        actual_minor=actual,
        currency="GBP",
    )


def publish_backtest(ledger: Ledger, rows: Sequence[BacktestRow]) -> int:
    run_id = new_run(ledger, "backtest")
    write_backtests(ledger, run_id, rows)
    publish_run(ledger, run_id)
    return run_id


def fill(ledger: Ledger) -> None:
    """One of everything: 12 scored accounts, a forecast with a segment, a backtest."""
    release_id = release(ledger)
    publish_scores(ledger, release_id, [f"A{i:02d}" for i in range(12)])
    legs = ("combined", "seasonal_naive", "auto_ets")
    nodes = ("total", "segment=United Kingdom")
    publish_forecast(ledger, [forecast(node, leg) for node in nodes for leg in legs])
    guesses = {"combined": 110.0, "seasonal_naive": 130.0, "last_quarter": 60.0}
    publish_backtest(
        ledger,
        [
            vintage(f"2011Q{q}", leg, guess, week=week)
            for q in (1, 2, 3)
            for week in (0, 1)
            for leg, guess in guesses.items()
        ],
    )
