"""Scores and forecasts as flat rows: what the files of the command line hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from ledger.books import Book
from lifecycle.snapshot import Snapshot
from models.forecast.grid import LEVELS
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


def flatten_book(book: Book, *, synthetic: bool) -> Iterator[dict[str, Any]]:
    """Yield one row per node and leg of one target's quarter, with all its quantiles.

    Parameters
    ----------
    synthetic
        Whether the facts are made up.
    """
    for row in book.rows:
        quantiles = row.quantiles or (None,) * len(LEVELS)
        yield {
            "definition": book.target,
            "period": book.period,
            "as_of": book.origin.isoformat(),
            "week": book.week,
            "node": row.node,
            "leg": row.leg,
            "served": row.served,
            "p10": round(row.p10_minor),
            "p50": round(row.p50_minor),
            "p90": round(row.p90_minor),
            "mean": round(row.mean_minor),
            "to_date": None if row.to_date_minor is None else round(row.to_date_minor),
            **{f"q{level:g}": one for level, one in zip(LEVELS, quantiles, strict=True)},
            "unit": "minor",
            "currency": book.currency,
            "model_version": book.model_version,
            "synthetic": synthetic,
        }
