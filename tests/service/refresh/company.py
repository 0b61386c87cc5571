"""A small company with contracts and plain orders, and one release for each of them.

Contracts C00 … C39 run for a year from 1 July 2020 on, each five days after the one before, with
thirty days' notice, at 100.00 a month; shoppers A00 … A09 buy every twenty days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from features.contract_frame import contract_frame
from features.frames import account_frame
from ledger.engine import Ledger
from ledger.releases import Release, write_release
from lifecycle.history import History, open_history
from lifecycle.periods import FiscalCalendar
from lifecycle.snapshot import Snapshot
from models.base import Examples, ScoreModel
from models.baselines import BaseRate, RunRate
from models.bundle import save_bundle
from models.contract.risk import finish_risk
from models.contract.tables import ContractTable
from service.refresh.place import Place
from tests.builders import account, build_lake, fact, noon, order

START = date(2020, 7, 1)
TRAINED_ON = date(2021, 3, 1)
FIRST, LATER = date(2021, 6, 1), date(2021, 10, 5)
MRR = 10_000
CONTRACTS, SHOPPERS = 40, 10
NOTICED_BEFORE = {0: date(2021, 5, 20), 1: date(2021, 5, 25)}
NOTICED_AFTER = {2: date(2021, 6, 10), 3: date(2021, 6, 12), 30: date(2021, 9, 10)}
STOPPED = 8  # A08 and A09 buy no more from May 2021 on


def build_company(folder: Path, *, shoppers: bool = True, contracts: bool = True) -> Place:
    """Write the lake and say where it is; without contracts it is scored sooner."""
    facts = _contracts() if contracts else {}
    accounts = [account(f"C{i:02d}", START, segment="mid" if i % 2 else "small", name=f"Firm {i}")
                for i in range(CONTRACTS)]  # fmt: skip
    build_lake(folder, accounts=accounts, orders=_orders() if shoppers else [], **facts)
    return place_of(folder)


def place_of(folder: Path) -> Place:
    return Place(
        data_dir=folder,
        lake_dir=folder / "lake",
        bundles_dir=folder / "bundles",
        frames_dir=folder / "frames",
        ledger_address=f"sqlite:///{folder / 'ledger.sqlite'}",
        zone=ZoneInfo("UTC"),
        currency="GBP",
        calendar=FiscalCalendar(1),
        horizon_days=90,
    )


def stand_on(place: Place, day: date) -> Snapshot:
    return open_once(place.lake_dir).as_of(day)


@cache
def open_once(lake_dir: Path) -> History:
    return open_history(lake_dir, zone=ZoneInfo("UTC"))


def _contracts() -> dict[str, list[dict[str, Any]]]:
    lines, changes = [], []
    for i in range(CONTRACTS):
        start = START + timedelta(days=5 * i)
        ends = start + timedelta(days=365)
        held = {"subscription_id": f"s{i:02d}", "account_id": f"C{i:02d}"}
        term = {"term_started_on": start, "term_ends_on": ends, "term_months": 12}
        lines.append(
            fact(start, **held, started_on=start, **term, auto_renew=True, notice_days=30,
                 mrr_minor=MRR, currency="GBP", seats_count=5.0)
        )  # fmt: skip
        left = (NOTICED_BEFORE | NOTICED_AFTER).get(i)
        if left is not None:
            changes.append(_change("notice", left, held, on=ends))
            changes.append(_change("nonrenewal", ends, held, on=ends, after=0))
    return {"subscriptions": lines, "subscription_changes": changes}


def _change(kind: str, day: date, held: dict[str, str], *, on: date, after: int = MRR) -> Any:
    return fact(
        day,
        change_id=f"{held['subscription_id']}-{kind}",
        **held,
        kind=kind,
        changed_at=noon(day),
        effective_on=on,
        mrr_before_minor=MRR,
        mrr_after_minor=after,
        currency="GBP",
    )


def _orders() -> list[dict[str, Any]]:
    rows = []
    for i in range(SHOPPERS):
        end = date(2021, 5, 1) if i >= STOPPED else date(2021, 10, 5)
        day = START + timedelta(days=i)
        while day < end:
            rows.append(order(f"A{i:02d}", day, amount_minor=1_000 + 100 * i))
            day += timedelta(days=20)
    # a firm with a contract that orders beside it is still of the contractual route
    rows.append(order("C05", date(2021, 5, 2), amount_minor=5_000))
    return rows


def release_model(
    ledger: Ledger, place: Place, model: ScoreModel, *, name: str, route: str
) -> None:
    """Save a fitted model and make it champion over 90 days."""
    digest = save_bundle(place.bundles_dir, type(model).__name__, model.to_parts(), {})
    now = datetime.now(UTC)
    version = f"{name}-{route}"
    write_release(
        ledger,
        Release(name, 90, route, model.name, version, digest, TRAINED_ON, now, {}, {}),
    )


def examples_of(frame: pa.Table, label: Sequence[float], **outcomes: Any) -> Examples:
    days = np.full(frame.num_rows, np.datetime64(TRAINED_ON))
    after = pa.table(outcomes) if outcomes else None
    return Examples(frame, np.asarray(label, dtype=float), days, 90, after)


def release_orders(ledger: Ledger, place: Place) -> None:
    """Release churn and value of accounts that only order."""
    frame = account_frame(stand_on(place, TRAINED_ON))
    churn = BaseRate().fit(examples_of(frame, [i % 3 == 0 for i in range(frame.num_rows)]))
    release_model(ledger, place, churn, name="churn", route="non_contractual")
    value = RunRate().fit(examples_of(frame, [0.0] * frame.num_rows))
    release_model(ledger, place, value, name="clv", route="non_contractual")


def release_contracts(ledger: Ledger, place: Place) -> None:
    """Release churn of accounts with a contract: a table with a curve, causes and a band."""
    _release_contracts(ledger, place, contract_frame(stand_on(place, TRAINED_ON)), name="churn")


def release_lines(ledger: Ledger, place: Place) -> None:
    """Release churn of contract lines."""
    frame = contract_frame(stand_on(place, TRAINED_ON), unit="subscription")
    _release_contracts(ledger, place, frame, name="churn_subscription")


def _release_contracts(ledger: Ledger, place: Place, frame: pa.Table, *, name: str) -> None:
    left = np.arange(frame.num_rows) % 4 == 0
    days = np.where(left, 40.0, np.nan)
    outcomes = {
        "decided_days": days,
        "effective_days": days + 30,
        "cause": np.where(left, "nonrenewal", None).tolist(),
        "observed_days": np.full(frame.num_rows, 180.0),
    }
    examples = examples_of(frame, left.astype(float), **outcomes)
    risk = finish_risk(ContractTable("base_rate").fit(examples), examples)
    release_model(ledger, place, risk, name=name, route="contractual")
