"""Scored accounts of both routes with their feature rows and bundles, without a lake."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from ledger.deals import write_deals
from ledger.engine import Ledger
from ledger.releases import Release, write_release
from ledger.runs import begin_run, publish_run
from ledger.scores import write_scores
from models.base import ScoreModel
from models.baselines import RunRate
from models.bundle import save_bundle
from models.churn import LapseModel
from models.contract.risk import finish_risk
from models.contract.tables import ContractTable
from models.scoring import score
from service.refresh.deal_rows import build_deal_rows
from service.refresh.deals import score_deals
from service.refresh.scoring import Scored, build_score_rows, keep_features
from tests.models.contract.pastmonths import Book
from tests.models.pastdays import Company, monthly
from tests.models.serving.released import fit_deals

DAY = date(2024, 5, 1)
ROWS = 40


@cache
def orders() -> tuple[ScoreModel, ScoreModel, ScoreModel, pa.Table]:
    """Two models of churn, one of value, and the accounts to score."""
    company = Company(customers=120)
    lapse = company.examples(monthly(), lapse=True)
    frame = company.frame(670)[0].slice(0, ROWS)
    value = RunRate().fit(company.examples(monthly()))
    return LapseModel("trees").fit(lapse), LapseModel("logistic").fit(lapse), value, frame


@cache
def contracts() -> tuple[ScoreModel, pa.Table]:
    book = Book(accounts=120, days=6)
    examples = book.examples()
    risk = finish_risk(ContractTable("renewal_table").fit(examples), examples)
    frame = book.at(25)[0].slice(0, ROWS)
    place = frame.column_names.index("account_id")
    return risk, frame.set_column(place, "account_id", [[f"C{i:03d}" for i in range(ROWS)]])


@cache
def open_deals() -> pa.Table:
    """Forty deals, each on one day."""
    frame = fit_deals()[1]
    _, first = np.unique(frame["opportunity_id"].to_numpy(zero_copy_only=False), return_index=True)
    return frame.take(first[:ROWS])


def release(
    ledger: Ledger, folder: Path, model: ScoreModel, name: str, version: str, **changed: object
) -> Release:
    """Save a model's bundle and make it champion over 90 days."""
    digest = save_bundle(folder / "bundles", type(model).__name__, model.to_parts(), {})
    made = Release(
        name, 90, "non_contractual", model.name, version, digest, DAY, datetime.now(UTC), {}, {}
    )
    made = replace(made, **changed)  # type: ignore[arg-type]
    return replace(made, release_id=write_release(ledger, made))


def publish(ledger: Ledger, spoken: list[tuple[Release, ScoreModel, pa.Table]]) -> int:
    """Score, keep the feature rows, and publish, as a refresh does."""
    known = datetime.now(UTC) - timedelta(hours=1)
    run_id = begin_run(ledger, "scores", as_of=datetime.now(UTC).date(), data_as_of=known)
    for route in dict.fromkeys(made.route for made, _, _ in spoken):
        frame = next(frame for made, _, frame in spoken if made.route == route)
        keep_features(ledger, run_id, route, frame=frame)
    for made, model, frame in spoken:
        scored = Scored(made, score(model, frame, horizon_days=90))
        write_scores(ledger, run_id, build_score_rows(scored, currency="GBP"))
    publish_run(ledger, run_id)
    return run_id


def fill_company(ledger: Ledger, folder: Path) -> int:
    """Release and score churn of both routes, and value of one."""
    trees, _, value, frame = orders()
    risk, lines = contracts()
    return publish(
        ledger,
        [
            (release(ledger, folder, trees, "churn", "t1"), trees, frame),
            (release(ledger, folder, value, "clv", "v1"), value, frame),
            (release(ledger, folder, risk, "churn", "c1", route="contractual"), risk, lines),
        ],
    )


def fill_deals(ledger: Ledger, folder: Path) -> int:
    """Release and score deals, as a refresh does; return the run."""
    (model, _, horizon), frame = fit_deals(), open_deals()
    where = {"route": "deals", "horizon_days": horizon}
    made = release(ledger, folder, model, "deal_win", "d1", **where)
    known = datetime.now(UTC) - timedelta(hours=1)
    run_id = begin_run(ledger, "deals", as_of=datetime.now(UTC).date(), data_as_of=known)
    keep_features(ledger, run_id, "deals", frame=frame, unit="opportunity_id")
    scored = score_deals(model, frame, horizon_days=horizon)
    write_deals(ledger, run_id, made, rows=build_deal_rows(frame, scored, names={}, moves={}))
    publish_run(ledger, run_id)
    return run_id
