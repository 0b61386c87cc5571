"""The at-risk list of accounts without a contract: risk x what they would buy in a year.

expected = spend of the value release nearest to a year, scaled to 365 days
value if kept = expected / max(1 - risk, least stay), net of credits;  expected loss = risk x it

A year, as of contracts: both routes rank in one list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from ledger.views import AtRiskRow
from lifecycle.snapshot import Snapshot
from models.expected_loss import (
    expected_loss,
    lapse_status,
    net_of_credits,
    value_if_kept,
)
from service.refresh.owners import NO_POST, read_posts
from service.refresh.place import Place
from service.refresh.routes import RouteFrame
from service.refresh.scoring import CHURN, CLV, Scored, pick_scored

YEAR_DAYS = 365
About = Mapping[str, Mapping[str, Any]]


def list_orderers(
    snapshot: Snapshot, route: RouteFrame, scored: Sequence[Scored], *, place: Place
) -> Iterator[AtRiskRow]:
    """Yield the rows of accounts that only order, unranked; none without a churn release."""
    churn = pick_scored(scored, CHURN, place.horizon_days)
    if churn is None:
        return
    frame, horizon = route.frame, churn.release.horizon_days
    clv = pick_scored(scored, CLV, YEAR_DAYS)
    risk = churn.table["value"].to_numpy()
    expected = np.zeros_like(risk)
    if clv is not None:
        expected = clv.table["value"].to_numpy() * YEAR_DAYS / clv.release.horizon_days
    credited = frame["credit_share"].to_numpy()
    kept = np.round(net_of_credits(value_if_kept(risk, expected), credited))
    loss = np.round(expected_loss(risk, kept))
    recency = frame["recency_days"].to_numpy()
    status = lapse_status(recency, horizon)
    known = read_about(snapshot)
    for index, row in enumerate(churn.table.to_pylist()):
        yield AtRiskRow(
            account_id=row["account_id"],
            **describe_account(known, row["account_id"]),
            segment=frame["segment"][index].as_py(),
            route=route.route,
            status=status[index],
            risk=row["value"],
            band=row["band"],
            value_if_kept_minor=float(kept[index]),
            expected_loss_minor=float(loss[index]),
            currency=place.currency,
            rank=0,
            recency_days=float(recency[index]),
            last_order_on=snapshot.day - timedelta(days=int(recency[index])),
            reasons=json.loads(row["reasons"]),
        )


def read_about(snapshot: Snapshot) -> About:
    """Return name, country, owner and the owner's team and region by account id, as known then."""
    accounts, posts = snapshot.table("accounts"), read_posts(snapshot)
    rows = snapshot.collect(accounts.select("account_id", "name", "country", "owner_id"))
    return {
        row["account_id"]: {**row, **posts.get(row["owner_id"], NO_POST)}
        for row in rows.to_pylist()
    }


def describe_account(known: About, account_id: str) -> dict[str, Any]:
    """Return an account's name, country, owner, team and region; each ``None`` if unknown."""
    about = known.get(account_id, {})
    return {name: about.get(name) for name in ("name", "country", "owner_id", "team", "region")}
