"""The at-risk list of accounts with a contract: risk x a year's margin, and the time left to act.

value if kept = 12 x MRR x margin (MRR alone where no margin is known)
expected loss = risk x value if kept;  money at risk = risk x 12 x MRR;  both 0 once notice was
given, for then the loss is certain
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from features.lines import build_lines
from ledger.views import AtRiskRow
from lifecycle.snapshot import Snapshot
from models.base import FloatArray
from service.refresh.listing import About, describe_account, read_about
from service.refresh.place import Place
from service.refresh.routes import RouteFrame
from service.refresh.scoring import CHURN, Scored, pick_scored

MONTHS = 12
NOTICE_GIVEN = "notice_given"


def list_contracts(
    snapshot: Snapshot, route: RouteFrame, scored: Sequence[Scored], *, place: Place
) -> Iterator[AtRiskRow]:
    """Yield the rows of accounts with a contract, unranked: those at risk, then the leaving ones.

    Without a churn release only those that gave notice are listed.
    """
    known = read_about(snapshot)
    churn = pick_scored(scored, CHURN, place.horizon_days)
    if churn is not None:
        yield from _at_risk(route.frame, churn, known, day=snapshot.day, place=place)
    if route.noticed.num_rows:
        leaving = read_leaving(snapshot)
        yield from _leaving(route.noticed, known, leaving, day=snapshot.day, place=place)


def read_leaving(snapshot: Snapshot) -> Mapping[str, tuple[date, str | None]]:
    """Return, by account, the day from which its last contract line is over, and why."""
    found: dict[str, tuple[date, str | None]] = {}
    for line in build_lines(snapshot).to_pylist():
        ended, name = line["ended_on"], line["account_id"]
        if ended is not None and (name not in found or ended > found[name][0]):
            found[name] = (ended, line["cause"])
    return found


def _at_risk(
    frame: pa.Table, churn: Scored, known: About, *, day: date, place: Place
) -> Iterator[AtRiskRow]:
    risk = churn.table["value"].to_numpy()
    yearly = _yearly(frame)
    kept = np.round(yearly * _margin(frame))
    facts = frame.to_pylist()
    for index, (row, detail) in enumerate(zip(churn.table.to_pylist(), churn.details, strict=True)):
        yield AtRiskRow(
            account_id=row["account_id"],
            **describe_account(known, row["account_id"]),
            segment=facts[index]["segment"],
            route=churn.release.route,
            status="at_risk",
            risk=row["value"],
            band=row["band"],
            value_if_kept_minor=float(kept[index]),
            expected_loss_minor=float(round(risk[index] * kept[index])),
            currency=place.currency,
            rank=0,
            recency_days=None,
            last_order_on=None,
            reasons=json.loads(row["reasons"]),
            curve=_in_order(detail.get("curve")),
            causes=detail.get("causes"),
            risk_low=detail.get("low"),
            risk_high=detail.get("high"),
            **_dates(facts[index], day),
            mrr_minor=float(yearly[index] / MONTHS),
            arr_at_risk_minor=float(round(risk[index] * yearly[index])),
        )


def _leaving(
    frame: pa.Table,
    known: About,
    leaving: Mapping[str, tuple[date, str | None]],
    *,
    day: date,
    place: Place,
) -> Iterator[AtRiskRow]:
    """Yield accounts under notice: the loss is certain, so nothing of it is expected any more."""
    yearly = _yearly(frame)
    kept = np.round(yearly * _margin(frame))
    for index, facts in enumerate(frame.to_pylist()):
        leaving_on, cause = leaving.get(facts["account_id"], (None, None))
        yield AtRiskRow(
            account_id=facts["account_id"],
            **describe_account(known, facts["account_id"]),
            segment=facts["segment"],
            route="contractual",
            status=NOTICE_GIVEN,
            risk=1.0,
            band="high",
            value_if_kept_minor=float(kept[index]),
            expected_loss_minor=0.0,
            currency=place.currency,
            rank=0,
            recency_days=None,
            last_order_on=None,
            reasons=[],
            causes=None if cause is None else {cause: 1.0},
            **{**_dates(facts, day), "notice_by_on": None, "days_to_act": None},
            mrr_minor=float(yearly[index] / MONTHS),
            arr_at_risk_minor=0.0,
            leaving_on=leaving_on,
        )


def _yearly(frame: pa.Table) -> FloatArray:
    yearly: FloatArray = np.nan_to_num(frame["mrr_minor"].to_numpy()) * MONTHS
    return yearly


def _margin(frame: pa.Table) -> FloatArray:
    margin = frame["margin_share"].to_numpy()
    share: FloatArray = np.where(np.isfinite(margin), np.clip(margin, 0.0, 1.0), 1.0)
    return share


def _in_order(curve: Mapping[str, float | None] | None) -> dict[str, float | None] | None:
    """Return a curve from the nearest day to the farthest, the renewal last."""
    if curve is None:
        return None
    return dict(sorted(curve.items(), key=lambda one: (not one[0].isdigit(), one[0].zfill(6))))


def _dates(facts: Mapping[str, Any], day: date) -> dict[str, Any]:
    """Return the next renewal, the day to give notice by, and the days left until then."""
    renewal, deadline = facts["renewal_days"], facts["notice_deadline_days"]
    left = int(deadline) if np.isfinite(deadline) else None
    return {
        "renewal_on": day + timedelta(days=int(renewal)) if np.isfinite(renewal) else None,
        "notice_by_on": None if left is None else day + timedelta(days=left),
        "days_to_act": left if left is not None and left >= 0 else None,
    }
