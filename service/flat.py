"""Scores and forecasts as flat rows: what the files of the command line hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from lifecycle.snapshot import Snapshot
from service.refresh.place import Place
from service.refresh.releases import speaks_of_lines
from service.refresh.scoring import CLV, Scored


def flatten_scores(
    scored: Scored, frame: pa.Table, snapshot: Snapshot, *, place: Place
) -> Iterator[dict[str, Any]]:
    """Yield one row per account, or per contract line, of one release's scores."""
    release = scored.release
    money = release.model.startswith(CLV)
    lines = frame["subscription_id"].to_pylist() if speaks_of_lines(release) else None
    rows = zip(scored.table.to_pylist(), scored.details, strict=True)
    for index, (row, detail) in enumerate(rows):
        yield {
            "id": row["account_id"],
            **({} if lines is None else {"subscription_id": lines[index]}),
            "value": row["value"],
            "unit": "minor" if money else "probability",
            "currency": place.currency if money else None,
            "rank": row["rank"],
            "band": row["band"],
            "reasons": row["reasons"],
            "detail": json.dumps(detail, separators=(",", ":")),
            "route": release.route,
            "model_version": release.version,
            "horizon_days": release.horizon_days,
            "as_of": snapshot.day.isoformat(),
            "synthetic": place.synthetic,
        }


def flatten_forecast(one: Any, snapshot: Snapshot, place: Place) -> Iterator[dict[str, Any]]:
    """Yield one row per node and leg of one quarter's forecast."""
    for leg in one.legs:
        yield {
            "period": str(one.quarter),
            "as_of": snapshot.day.isoformat(),
            "week": one.week,
            "node": leg.node,
            "leg": leg.leg,
            "served": one.served.get(leg.node) == leg.leg,
            "p10": round(leg.p10_minor),
            "p50": round(leg.p50_minor),
            "p90": round(leg.p90_minor),
            "mean": round(leg.mean_minor),
            "unit": "minor",
            "currency": place.currency,
            "synthetic": place.synthetic,
        }
