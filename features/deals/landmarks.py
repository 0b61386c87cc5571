"""The deal frame: one row per deal open on a landmark day, as known before that day began.

One reading of the facts at the snapshot's instant serves all landmarks at once: what a row holds
is what a snapshot of its own day would have told, bit by bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.days import day_number
from features.deals.accounts import build_account_columns
from features.deals.activity import build_activity_columns
from features.deals.amounts import build_amount_columns
from features.deals.calendar import build_calendar_columns
from features.deals.days import as_dates
from features.deals.facts import DealFacts, Rows, read_deal_facts
from features.deals.moves import build_close_columns, build_move_columns
from features.deals.own_fields import build_own_field_columns
from features.deals.owners import build_owner_columns
from features.deals.paths import build_path_columns
from features.deals.people import build_people_columns
from features.deals.profiles import read_profiles
from features.deals.states import open_rows
from features.deals.timing import build_timing_columns
from features.frames import save_frame
from lifecycle.errors import UsageError
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar
from lifecycle.snapshot import Snapshot


def deal_frame(
    snapshot: Snapshot,
    *,
    days: Sequence[date] | None = None,
    facts: DealFacts | None = None,
    calendar: FiscalCalendar = CALENDAR_YEAR,
    cache_dir: Path | None = None,
) -> pa.Table:
    """Build the features of every deal open on each landmark, renewals left out.

    Parameters
    ----------
    snapshot
        What was known before the instant we stand on.
    days
        Landmarks, none later than the snapshot's day; without them that day alone.
    facts
        Those of the snapshot, if they were read already.
    calendar
        The company's fiscal calendar.
    cache_dir
        Folder of frames already built. ``None`` builds afresh.

    Returns
    -------
    pyarrow.Table
        Columns as :data:`features.deal_columns.DEAL_COLUMNS`, then ``number:`` and ``text:``
        custom fields; strings, dates, and float64 with NaN where a value is undefined. Sorted by
        ``as_of`` and ``opportunity_id``.

    Raises
    ------
    UsageError
        A landmark lies after the snapshot's day.
    LakeError
        The lake's files cannot be read.
    """
    asked = _landmarks(snapshot, days)
    if cache_dir is None:
        return _build(snapshot, facts, asked, calendar)
    path = cache_dir / f"deals_{_cache_key(snapshot, asked, calendar)}.parquet"
    if path.exists():
        # A file cut short by a full disk or a copy is no frame: build it anew.
        with suppress(pa.ArrowException, OSError):
            return pq.read_table(path)
    frame = _build(snapshot, facts, asked, calendar)
    save_frame(frame, path)
    return frame


def build_deal_columns(
    facts: DealFacts, rows: Rows, snapshot: Snapshot, *, calendar: FiscalCalendar
) -> dict[str, Any]:
    """Build all columns of landmark rows, aligned with them, by name and in frame order."""
    profiles = read_profiles(snapshot, facts)
    return {
        **_keys(facts, rows),
        "team": profiles.teams_of(facts, rows),
        **{name: facts.text(name, rows) for name in ("stage", "category", "source")},
        "segment": profiles.segments_of(facts, rows),
        **build_move_columns(facts, rows),
        **build_timing_columns(facts, rows),
        **build_close_columns(facts, rows, calendar=calendar),
        **build_amount_columns(facts, rows, profiles),
        **build_activity_columns(facts, rows),
        **build_people_columns(facts, rows, snapshot),
        **build_calendar_columns(rows),
        **build_owner_columns(facts, rows, snapshot),
        **build_account_columns(facts, rows, snapshot),
        **build_path_columns(facts, rows),
        **build_own_field_columns(facts, rows, snapshot),
    }


def _landmarks(snapshot: Snapshot, days: Sequence[date] | None) -> np.ndarray[Any, Any]:
    asked = sorted(set(days)) if days is not None else [snapshot.day]
    if asked and asked[-1] > snapshot.day:
        raise UsageError(
            f"landmark {asked[-1]}, after the snapshot's day {snapshot.day}",
            "days that the snapshot knows all about", "take a later snapshot",
        )  # fmt: skip
    return np.array([day_number(day) for day in asked], np.int64)


def _build(
    snapshot: Snapshot,
    facts: DealFacts | None,
    days: np.ndarray[Any, Any],
    calendar: FiscalCalendar,
) -> pa.Table:
    facts = read_deal_facts(snapshot) if facts is None else facts
    rows = open_rows(facts, days, calendar=calendar)
    built = build_deal_columns(facts, rows, snapshot, calendar=calendar)
    order = pa.array(np.lexsort((rows.deal, rows.day)))
    return pa.table({name: _column(values).take(order) for name, values in built.items()})


def _keys(facts: DealFacts, rows: Rows) -> dict[str, pa.Array]:
    """Return what names each row and stands beside it."""
    return {
        "opportunity_id": facts.ids.take(pa.array(rows.deal)),
        "account_id": facts.text("account", rows),
        "owner_id": facts.text("owner", rows),
        "as_of": as_dates(rows.day.astype(np.float64)),
        "kind": facts.text("kind", rows),
        "currency": facts.text("currency", rows),
        "product_id": facts.text("product", rows),
        "close_on": as_dates(facts.at("close_on", rows)),
        "next_step_on": as_dates(facts.at("next_step", rows)),
    }


def _column(values: Any) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    return values if isinstance(values, pa.Array) else pa.array(np.asarray(values, np.float64))


def _cache_key(snapshot: Snapshot, days: np.ndarray[Any, Any], calendar: FiscalCalendar) -> str:
    """Digest of the facts, the instant, the zone, the landmarks and the code of this room."""
    room = Path(__file__).parent
    parts = [snapshot.version, snapshot.zone.key, str(calendar), *map(str, days.tolist())]
    parts += [path.read_text() for path in sorted([*room.glob("*.py"), *room.parent.glob("*.py")])]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
