"""One release's bundle and a frame → scores, and the ledger's rows of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ledger.releases import Release
from ledger.scores import ScoreRow
from models.scoring import load_model, score

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


def build_score_rows(one: Scored, frame: pa.Table, *, currency: str) -> Iterator[ScoreRow]:
    """Yield the ledger's rows of one release's scores."""
    release = one.release
    money = release.model == CLV
    features = frame.drop_columns(["account_id"]).to_pylist() if not money else None
    for index, (row, detail) in enumerate(zip(one.table.to_pylist(), one.details, strict=True)):
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
            detail=detail or None,
        )


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in row.items()
    }
