"""Score and forecast as of an instant into the ledger.

Everything is computed first, then written in chunks under a run id, then made visible by one
pointer update: a process that dies on the way leaves the answers of the run before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from features.frames import account_frame
from ledger.engine import Ledger
from ledger.releases import Release, read_champions, read_releases
from ledger.runs import begin_run, publish_run
from ledger.scores import ScoreRow, write_scores
from ledger.views import AtRiskRow, write_at_risk
from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import ModelNotFoundError, RefusedError
from lifecycle.history import open_history
from lifecycle.snapshot import Snapshot
from models.expected_loss import (
    expected_loss,
    lapse_status,
    net_of_credits,
    rank_within,
    value_if_kept,
)
from models.scoring import load_model, score

CHURN, CLV = "churn", "clv"


@dataclass(frozen=True)
class Place:
    """Where things are, and how the company counts.

    Attributes
    ----------
    bundles_dir, frames_dir
        Folders of released bundles and of cached frames.
    currency
        ISO 4217 code of all money.
    first_month
        1-12, the month in which the fiscal year starts.
    horizon_days
        Whose risk ranks the at-risk list, if several horizons are released.
    """

    bundles_dir: Path
    frames_dir: Path
    currency: str
    first_month: int
    horizon_days: int


@dataclass(frozen=True)
class Scored:
    """One release's scores: ``table`` has a row per account of the frame, in its order."""

    release: Release
    table: pa.Table


def open_snapshot(lake_dir: Path, zone: ZoneInfo, day: date) -> Snapshot:
    """Open the lake and return what was known before a day began in the company's zone.

    Raises
    ------
    LakeError
        The lake cannot be read.
    """
    return open_history(lake_dir, zone=zone).as_of(day)


def choose_releases(ledger: Ledger, as_of: date) -> list[Release]:
    """Return, per model and horizon, the release that may speak as of a day.

    The champion, unless it was trained as of a later day: its scores would know the future. Then
    the release trained as of the latest day up to that one takes its place.

    Raises
    ------
    ModelNotFoundError
        Nothing was ever released.
    RefusedError
        All releases were trained as of later days.
    """
    champions = read_champions(ledger)
    if not champions:
        raise ModelNotFoundError(
            "no released model", "a champion in the ledger", "run `truecast train churn` and `clv`"
        )
    known = [release for release in read_releases(ledger) if release.as_of <= as_of]
    chosen = []
    for champion in champions:
        key = (champion.model, champion.horizon_days)
        older = [release for release in known if (release.model, release.horizon_days) == key]
        if champion.as_of <= as_of:
            chosen.append(champion)
        elif older:
            chosen.append(max(older, key=lambda release: (release.as_of, release.release_id)))
    if not chosen:
        raise RefusedError(
            f"every release was trained as of {min(c.as_of for c in champions)} or later",
            f"one trained as of {as_of} or before: a later one would know the future",
            f"run `truecast train MODEL --as-of {as_of}`",
        )
    return chosen


def score_release(release: Release, frame: pa.Table, place: Place) -> Scored:
    """Score every account of a frame with one release's bundle.

    Raises
    ------
    BundleError
        The bundle is missing or is not the one that was released.
    """
    model = load_model(place.bundles_dir, release.digest)
    return Scored(release, score(model, frame, horizon_days=release.horizon_days))


def refresh_scores(
    snapshot: Snapshot, ledger: Ledger, *, place: Place, ticker: Ticker | None = None
) -> dict[str, Any]:
    """Score every account with every release that may speak, and list who is at risk.

    Returns
    -------
    dict
        run_id, accounts, models, at_risk and lapsed counts.

    Raises
    ------
    NotEnoughHistoryError
        No account has bought before the snapshot's instant.
    """
    shown = ticker or SilentTicker()
    frame = account_frame(snapshot, cache_dir=place.frames_dir)
    scored = []
    for release in choose_releases(ledger, snapshot.day):
        scored.append(score_release(release, frame, place))
        shown.advance()
    listed = list(_at_risk_rows(snapshot, frame, scored, place=place))
    run_id = begin_run(
        ledger,
        "scores",
        as_of=snapshot.day,
        data_as_of=read_data_as_of(snapshot),
        note={"frame_version": snapshot.version},
    )
    for one in scored:
        write_scores(ledger, run_id, _score_rows(one, frame, currency=place.currency))
        shown.advance()
    write_at_risk(ledger, run_id, listed)
    publish_run(ledger, run_id)
    lapsed = sum(row.status == "lapsed" for row in listed)
    return {
        "run_id": run_id,
        "accounts": frame.num_rows,
        "models": [f"{one.release.model} {one.release.horizon_days} d" for one in scored],
        "at_risk": len(listed) - lapsed,
        "lapsed": lapsed,
    }


def read_data_as_of(snapshot: Snapshot) -> datetime:
    """Return the UTC instant at which the newest fact of the snapshot was known."""
    orders = snapshot.table("orders")
    newest = snapshot.collect(orders.aggregate(newest=orders.known_at.max()))["newest"][0].as_py()
    return (
        newest
        if newest is not None
        else datetime.combine(snapshot.day, datetime.min.time(), tzinfo=UTC)
    )


def _score_rows(one: Scored, frame: pa.Table, *, currency: str) -> Iterator[ScoreRow]:
    release = one.release
    money = release.model == CLV
    features = frame.drop_columns(["account_id"]).to_pylist() if not money else None
    for index, row in enumerate(one.table.to_pylist()):
        yield ScoreRow(
            account_id=row["account_id"],
            model=release.model,
            horizon_days=release.horizon_days,
            release_id=int(release.release_id or 0),
            route=release.route,
            value=float(round(row["value"])) if money else row["value"],
            unit="minor" if money else "probability",
            currency=currency if money else None,
            rank=row["rank"],
            band=row["band"],
            reasons=json.loads(row["reasons"]),
            # kept once per account: the other models of the run saw the same row
            features=None if features is None else _finite(features[index]),
        )


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in row.items()
    }


def _pick(scored: Sequence[Scored], model: str, horizon_days: int) -> Scored | None:
    """Return the model's scores over a horizon, or over the nearest one to it."""
    fitting = [one for one in scored if one.release.model == model]
    if not fitting:
        return None
    return min(fitting, key=lambda one: abs(one.release.horizon_days - horizon_days))


def _at_risk_rows(
    snapshot: Snapshot, frame: pa.Table, scored: Sequence[Scored], *, place: Place
) -> Iterator[AtRiskRow]:
    churn = _pick(scored, CHURN, place.horizon_days)
    if churn is None:
        return
    horizon = churn.release.horizon_days
    clv = _pick(scored, CLV, horizon)
    risk = churn.table["value"].to_numpy()
    expected = np.zeros_like(risk)
    if clv is not None:
        # the nearest horizon's value, per day, over the horizon of the risk
        expected = clv.table["value"].to_numpy() * horizon / clv.release.horizon_days
    credited = frame["credit_share"].to_numpy()
    kept = np.round(net_of_credits(value_if_kept(risk, expected), credited))
    loss = np.round(expected_loss(risk, kept))
    recency = frame["recency_days"].to_numpy()
    status = lapse_status(recency, horizon)
    ranks = rank_within(loss, status)
    known = _known_accounts(snapshot)
    for index, row in enumerate(churn.table.to_pylist()):
        about = known.get(row["account_id"], {})
        yield AtRiskRow(
            account_id=row["account_id"],
            name=about.get("name"),
            segment=frame["segment"][index].as_py(),
            country=about.get("country"),
            owner_id=about.get("owner_id"),
            route=churn.release.route,
            status=status[index],
            risk=row["value"],
            band=row["band"],
            value_if_kept_minor=float(kept[index]),
            expected_loss_minor=float(loss[index]),
            currency=place.currency,
            rank=ranks[index],
            recency_days=float(recency[index]),
            last_order_on=snapshot.day - timedelta(days=int(recency[index])),
            reasons=json.loads(row["reasons"]),
        )


def _known_accounts(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    accounts = snapshot.table("accounts")
    rows = snapshot.collect(accounts.select("account_id", "name", "country", "owner_id"))
    return {row["account_id"]: row for row in rows.to_pylist()}
