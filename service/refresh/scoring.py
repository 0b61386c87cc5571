"""One release's bundle and a frame → scores, and the ledger's rows of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from ledger.engine import Ledger
from ledger.feature_rows import write_features
from ledger.releases import Release
from ledger.scores import ScoreRow
from models.columns import to_columns
from models.scoring import load_model, score
from models.serving.rows import kinds_of, pack_rows

CHURN, CLV = "churn", "clv"


@dataclass(frozen=True)
class Scored:
    """One release's scores: ``table`` has a row per account of the frame, in its order."""

    release: Release
    table: pa.Table

    @property
    def details(self) -> list[dict[str, Any]]:
        """What the model says of each account beyond its score; empty where it says no more."""
        if "detail" not in self.table.column_names:
            return [{}] * self.table.num_rows
        return [json.loads(text or "{}") for text in self.table["detail"].to_pylist()]


def score_release(release: Release, frame: pa.Table, *, bundles_dir: Path) -> Scored:
    """Score every account of a frame with one release's bundle.

    Raises
    ------
    BundleError
        The bundle is missing or is not the one that was released.
    """
    model = load_model(bundles_dir, release.digest)
    return Scored(release, score(model, frame, horizon_days=release.horizon_days))


def pick_scored(scored: Sequence[Scored], model: str, horizon_days: int) -> Scored | None:
    """Return the model's scores over a horizon (days), or over the nearest one to it."""
    fitting = [one for one in scored if one.release.model == model]
    if not fitting:
        return None
    return min(fitting, key=lambda one: abs(one.release.horizon_days - horizon_days))


def build_score_rows(one: Scored, *, currency: str) -> Iterator[ScoreRow]:
    """Yield the ledger's rows of one release's scores."""
    release = one.release
    money = release.model == CLV
    for row, detail in zip(one.table.to_pylist(), one.details, strict=True):
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
            detail=detail or None,
        )


def keep_features(
    ledger: Ledger, run_id: int, route: str, *, frame: pa.Table, unit: str = "account_id"
) -> None:
    """Keep the rows that a route's scores came from: what-ifs start there, replays read them.

    Parameters
    ----------
    unit
        The column that names a row.

    Raises
    ------
    ConflictError
        The run is closed.
    """
    columns = to_columns(frame)
    kinds = kinds_of(columns, unit)
    write_features(ledger, run_id, route, kinds=kinds, rows=pack_rows(columns, unit))
