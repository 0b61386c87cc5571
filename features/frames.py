"""The account frame: one row per account that had purchased before the as-of instant."""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from features.clock import Clock, any_clock, clock_values
from features.columns import ACCOUNT_COLUMNS, CONTEXT, Column
from features.context import build_accounts, build_first_order_day, build_peers
from features.orders import (
    add_order_features,
    build_credit_sums,
    build_known_orders,
    build_purchase_sums,
    build_purchases,
)
from lifecycle.snapshot import Snapshot

_TEXT = ("account_id", *CONTEXT)


def account_frame(snapshot: Snapshot, *, cache_dir: Path | None = None) -> pa.Table:
    """Build the features of every account with at least one purchase known before ``as_of``.

    Parameters
    ----------
    snapshot
        What was known before the instant we stand on.
    cache_dir
        Folder of frames already built; a frame is read from there if the visible facts, the
        instant, the zone and the feature code are the same. ``None`` builds afresh.

    Returns
    -------
    pyarrow.Table
        Columns as :data:`features.columns.ACCOUNT_COLUMNS`, sorted by ``account_id``; strings,
        and float64 with NaN where a value is undefined.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    if cache_dir is None:
        return _build(snapshot)
    path = cache_dir / f"account_{_cache_key(snapshot)}.parquet"
    if path.exists():
        # A file cut short by a full disk or a copy is no frame: build it anew.
        with suppress(pa.ArrowException, OSError):
            return pq.read_table(path)
    frame = _build(snapshot)
    save_frame(frame, path)
    return frame


def _build(snapshot: Snapshot) -> pa.Table:
    if not snapshot.holds("orders"):
        return empty_frame(ACCOUNT_COLUMNS)
    clock = any_clock()
    answer = snapshot.answer(
        "account_frame",
        lambda: build_account_frame(snapshot, clock),
        clock.parameters(),
        clock_values(snapshot),
    )
    return answer.combine_chunks()


def _cache_key(snapshot: Snapshot) -> str:
    """Digest of the facts, the instant, the zone, the columns and the code that builds them."""
    parts = [snapshot.version, snapshot.zone.key, *map(repr, ACCOUNT_COLUMNS)]
    parts += [path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def save_frame(frame: pa.Table, path: Path) -> None:
    """Write beside, then rename: a reader sees a whole frame or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        pq.write_table(frame, part)
    os.replace(part.name, path)


def empty_frame(columns: Iterable[Column]) -> pa.Table:
    """Return a frame without rows: strings for ids and texts, float64 for all else."""
    kinds = {
        one.name: pa.string() if one.unit in ("id", "text") else pa.float64() for one in columns
    }
    return pa.schema(list(kinds.items())).empty_table()


def build_account_frame(snapshot: Snapshot, clock: Clock) -> ibis.Table:
    """Build the frame as one expression, portable between engines; NaN where undefined."""
    orders = build_known_orders(snapshot, clock)
    sums = build_purchase_sums(build_purchases(orders))
    sums = _join(sums, build_accounts(snapshot, clock), "account_id")
    # Named, so that the engine computes it once: peers and accounts both read it.
    sums = _join(sums, build_credit_sums(orders), "account_id").alias("account_sums")
    wide = add_order_features(sums)
    for by in ("segment", "country"):
        wide = _join(wide, build_peers(sums, by), by)
    wide = wide.cross_join(build_peers(sums, None))
    wide = wide.cross_join(build_first_order_day(snapshot, clock))
    return _select(_add_context(wide, clock)).order_by("account_id")


def _join(left: ibis.Table, right: ibis.Table, by: str) -> ibis.Table:
    joined = left.left_join(right, by)
    return joined.select(*left.columns, *(name for name in right.columns if name != by))


def _add_context(wide: ibis.Table, clock: Clock) -> ibis.Table:
    whole = wide.company_spend.nullif(0)
    return wide.mutate(
        tenure_days=ibis.greatest(wide["T"], wide.created_days.fill_null(0)),
        credits_count=wide.credits_count.fill_null(0),
        credit_365d_minor=wide.credit_365d_minor.fill_null(0),
        credit_share=wide.credit_minor.fill_null(0) / wide.spend_minor,
        segment_spend_share=wide.segment_spend / whole,
        country_spend_share=wide.country_spend / whole,
        company_share=wide.spend_365d_minor / whole,
        month_sin=clock.month_sin,
        month_cos=clock.month_cos,
        day_of_year=clock.day_of_year,
    )


def _select(wide: ibis.Table) -> ibis.Table:
    """Put the columns in frame order: text as it is, numbers as float64, NaN where undefined."""
    undefined = ibis.literal(math.nan, type="float64")
    return wide.select(
        **{
            column.name: wide[column.name]
            if column.name in _TEXT
            else wide[column.name].cast("float64").fill_null(undefined)
            for column in ACCOUNT_COLUMNS
        }
    )
