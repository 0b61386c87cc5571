"""The contract frame: one row per account, or per line, with a contract live as of the day."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.attributes import ENTITIES, build_attribute_columns
from features.billing import build_billing, build_earned
from features.clock import ContractClock, any_contract_clock, contract_clock_values
from features.columns import Column
from features.contract import (
    MONTH_DAYS,
    YEAR_DAYS,
    add_move_features,
    add_return,
    build_contracts,
    build_live_lines,
    build_margins,
    build_move_sums,
    build_past,
    build_serve_costs,
)
from features.contract_columns import CONTRACT_COLUMNS, LINE, ZERO_WHEN_ABSENT
from features.contract_context import add_use_peers, build_ended, build_profiles
from features.engagement import build_engagement
from features.frames import empty_frame, save_frame
from features.lines import build_line_spells
from features.merges import build_merges, with_survivors
from features.moves import build_line_moves
from features.pipeline import build_pipeline
from features.support import build_support
from features.survey import AGE_CAP_DAYS, build_survey
from features.usage import build_usage
from lifecycle.snapshot import Snapshot

ContractUnit = Literal["account", "subscription"]
_KEYS: dict[str, tuple[str, ...]] = {
    "account": ("account_id",),
    "subscription": ("account_id", "subscription_id"),
}


def contract_frame(
    snapshot: Snapshot,
    *,
    unit: ContractUnit = "account",
    allow: Collection[str] = (),
    cache_dir: Path | None = None,
) -> pa.Table:
    """Build the features of every account, or line, with a contract live on the eve of the day.

    Accounts that have given notice are in it, marked by ``under_notice``: see
    :func:`split_notice`.

    Parameters
    ----------
    snapshot
        What was known before the instant we stand on.
    unit
        ``subscription``: one row per line; its renewal, contract, price and MRR columns speak of
        the line, all others of its account.
    allow
        Custom fields let in although their names are forbidden: for the alarm's own tests.
    cache_dir
        Folder of frames already built. ``None`` builds afresh.

    Returns
    -------
    pyarrow.Table
        Columns as :data:`features.contract_columns.CONTRACT_COLUMNS` (after ``account_id`` the
        ``subscription_id``, for lines), then ``number:`` and ``text:`` custom fields; strings, and
        float64 with NaN where a value is undefined. Sorted by its ids.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    if cache_dir is None:
        return _build(snapshot, unit, allow)
    path = cache_dir / f"contract_{unit}_{_cache_key(snapshot, allow)}.parquet"
    if path.exists():
        # A file cut short by a full disk or a copy is no frame: build it anew.
        with suppress(pa.ArrowException, OSError):
            return pq.read_table(path)
    frame = _build(snapshot, unit, allow)
    save_frame(frame, path)
    return frame


def split_notice(frame: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Split a frame into the units still open and those that are decided to leave."""
    noticed = pc.equal(frame["under_notice"], 1.0)
    return frame.filter(pc.invert(noticed)), frame.filter(noticed)


def _build(snapshot: Snapshot, unit: ContractUnit, allow: Collection[str]) -> pa.Table:
    if snapshot.holds("subscriptions"):
        clock = any_contract_clock()
        frame = snapshot.answer(
            f"contract_frame_{unit}",
            lambda: build_contract_frame(snapshot, clock, unit),
            clock.parameters(),
            contract_clock_values(snapshot),
        ).combine_chunks()
    else:  # a seller without contracts need not wait for the widest of all queries
        frame = empty_frame(_columns(unit))
    ids = {name: _whole(frame[name]) for name in ENTITIES if name in frame.column_names}
    for name, values in build_attribute_columns(snapshot, ids, allow=allow).items():
        frame = frame.append_column(name, values)
    return frame


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays([pa.array([], column.type), *column.chunks])


def _cache_key(snapshot: Snapshot, allow: Collection[str]) -> str:
    """Digest of the facts, the instant, the zone and the code of this room."""
    parts = [snapshot.version, snapshot.zone.key, *sorted(set(allow))]
    parts += [path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def build_contract_frame(
    snapshot: Snapshot, clock: ContractClock, unit: ContractUnit = "account"
) -> ibis.Table:
    """Build the frame without custom fields as one expression, portable between engines."""
    merges = build_merges(snapshot, clock.as_of)
    merges = None if merges is None else merges.alias("merges")
    spells = build_line_spells(snapshot, clock.as_of, clock.today).alias("spells")
    moves = build_line_moves(snapshot, clock.as_of)
    wide = _build_units(snapshot, clock, spells, moves=moves, unit=unit)
    parts = [build_past(spells, clock), *_account_parts(snapshot, clock, merges)]
    wide = add_return(_join_all(wide, parts))
    wide = _add_context(wide, snapshot, clock, spells)
    wide = add_use_peers(_add_last(wide))
    wide = wide.mutate(month_sin=clock.month_sin, month_cos=clock.month_cos)
    return _select(wide, unit).order_by(*_KEYS[unit])


def _build_units(
    snapshot: Snapshot,
    clock: ContractClock,
    spells: ibis.Table,
    *,
    moves: ibis.Table,
    unit: ContractUnit,
) -> ibis.Table:
    """Build one row per unit with what its own lines say."""
    keys = _KEYS[unit]
    live = build_live_lines(spells, build_margins(snapshot, clock), clock)
    sums = build_move_sums(moves, spells, keys, clock)
    units = build_contracts(live, keys)
    joined = units.left_join(sums, list(keys))
    own = [name for name in sums.columns if name not in keys]
    return add_move_features(joined.select(*units.columns, *own))


def _account_parts(
    snapshot: Snapshot, clock: ContractClock, merges: ibis.Table | None
) -> list[ibis.Table]:
    costs = with_survivors(build_serve_costs(snapshot, clock), merges)
    return [
        *build_billing(snapshot, clock, merges),
        build_earned(snapshot, clock, merges),
        build_usage(snapshot, clock, merges),
        build_support(snapshot, clock, merges),
        build_survey(snapshot, clock, merges),
        *build_engagement(snapshot, clock, merges),
        build_pipeline(snapshot, clock, merges),
        costs.group_by("account_id").agg(served_minor=costs.served_minor.sum()),
        build_profiles(snapshot, clock),
    ]


def _add_context(
    wide: ibis.Table, snapshot: Snapshot, clock: ContractClock, spells: ibis.Table
) -> ibis.Table:
    profiles = build_profiles(snapshot, clock).select("account_id", "segment")
    rows = _join(spells, profiles, "account_id")
    wide = _join(wide, build_ended(rows, "segment", clock), "segment")
    return wide.cross_join(build_ended(rows, None, clock))


def _join_all(left: ibis.Table, parts: list[ibis.Table]) -> ibis.Table:
    """Join accounts' parts at once: one by one, every step would carry all columns along."""
    wide, names = left, list(left.columns)
    for place, part in enumerate(parts):
        key = f"account_{place}"
        renamed = part.rename({key: "account_id"})
        wide = wide.left_join(renamed, left.account_id == renamed[key])
        names += [name for name in part.columns if name != "account_id"]
    return wide.select(*names)


def _join(left: ibis.Table, right: ibis.Table, by: str) -> ibis.Table:
    joined = left.left_join(right, by)
    return joined.select(*left.columns, *(name for name in right.columns if name != by))


def _add_last(wide: ibis.Table) -> ibis.Table:
    """Add what needs columns of several families."""
    seats = (wide.seats_count > 0).ifelse(wide.seats_count, ibis.null()).cast("float64")
    days = wide.customer_days.cast("float64")
    # Of an account younger than a year only its days count, a month at least.
    days = (days > YEAR_DAYS).ifelse(YEAR_DAYS, (days < MONTH_DAYS).ifelse(MONTH_DAYS, days))
    days = days.cast("float64")
    quarter, year = wide.company_ended_90d_share, wide.company_ended_365d_share
    return wide.mutate(
        serve_cost_minor=wide.served_minor * YEAR_DAYS / 12 / days,
        price_peer_ratio=wide.mrr_seat_minor / wide.segment_seat_minor.nullif(0),
        seat_use_28d_ratio=wide.active_28d_rate / seats,
        seat_use_84d_ratio=wide.active_84d_rate / seats,
        events_seat_28d_ratio=wide.events_28d_rate / seats,
        events_seat_84d_ratio=wide.events_84d_rate / seats,
        has_usage=wide.exposed.notnull().ifelse(1, 0),
        tickets_seat_90d_ratio=wide.tickets_90d_count.fill_null(0).cast("float64") / seats,
        nps_missing=wide.nps_score.isnull().ifelse(1, 0),
        nps_age_days=wide.nps_age_days.fill_null(AGE_CAP_DAYS),
        company_ended_ratio=quarter * YEAR_DAYS / 90 / year.nullif(0),
    )


def _columns(unit: ContractUnit) -> tuple[Column, ...]:
    first, *others = CONTRACT_COLUMNS
    return (first, *((LINE,) if unit == "subscription" else ()), *others)


def _select(wide: ibis.Table, unit: ContractUnit) -> ibis.Table:
    """Put the columns in frame order: text as it is, numbers as float64, NaN where undefined."""
    undefined = ibis.literal(math.nan, type="float64")
    columns: dict[str, Any] = {}
    for column in _columns(unit):
        values = wide[column.name]
        if column.unit in ("id", "text"):
            columns[column.name] = values
            continue
        values = values.cast("float64")
        absent = 0 if column.name in ZERO_WHEN_ABSENT else undefined
        columns[column.name] = values.fill_null(absent)
    return wide.select(**columns)
