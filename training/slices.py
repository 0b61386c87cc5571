"""How a past day of each route is read: its frame, and what happened after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.frames import account_frame
from features.routes import contract_accounts
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.history import History
from lifecycle.merges import read_survivors
from lifecycle.snapshot import Snapshot
from models.base import FloatArray
from training.labels import build_spend_labels

Frames = Mapping[date, pa.Table]


@dataclass(frozen=True)
class After:
    """What happened after one past day, in the order of that day's frame.

    Attributes
    ----------
    amount
        Shape (n,): what the label is made of.
    outcomes
        What else happened; ``None`` where the amount says it all.
    kept
        Shape (n,), bool: rows to learn from and judge; ``None`` for all.
    """

    amount: FloatArray
    outcomes: pa.Table | None = None
    kept: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Look:
    """A look ahead from past days.

    Attributes
    ----------
    known_on
        Only facts known before this day are counted.
    horizon_days, lag_days
        Length of the windows, and days that pass until an outcome is on record.
    held
        By past day, who held which contract line as known then: kept from look to look.
    """

    known_on: date
    horizon_days: int
    lag_days: int = 0
    held: dict[date, pa.Table] = field(default_factory=dict)


@dataclass(frozen=True)
class SliceKind:
    """How past days of one route are read.

    Attributes
    ----------
    build_frame
        From a snapshot and a cache folder to the frame of the units to score.
    look_after
        From all facts, frames by day, and a look, to what happened after each day.
    find_first_day
        The first day on which facts of this route are whole.
    find_last_day
        The day of the newest fact; ``None`` without any.
    find_lag
        Days until an outcome is on record.
    fact, silence
        For messages: what is read, and as what its absence would be misread.
    """

    build_frame: Callable[[Snapshot, Path | None], pa.Table]
    look_after: Callable[[History, Frames, Look], list[After]]
    find_first_day: Callable[[Snapshot], date]
    find_last_day: Callable[[Snapshot], date | None]
    find_lag: Callable[[Snapshot], int]
    fact: str = "order"
    silence: str = "lapse"


def find_first_order_day(known: Snapshot) -> date:
    """Return the day of the earliest order known, in the company's zone.

    Raises
    ------
    NotEnoughHistoryError
        No order is known.
    """
    day = _order_day(known, earliest=True)
    if day is None:
        raise NotEnoughHistoryError(
            f"no order known before {known.day}", "at least one", "run truecast ingest first"
        )
    return day


def find_last_order_day(known: Snapshot) -> date | None:
    """Return the day of the newest order known, in the company's zone; ``None`` without any."""
    return _order_day(known, earliest=False)


def _order_day(known: Snapshot, *, earliest: bool) -> date | None:
    at = known.table("orders").ordered_at
    found = known.collect((at.min() if earliest else at.max()).as_table()).column(0)[0]
    if not found.is_valid:
        return None
    day: date = found.as_py().astimezone(known.zone).date()
    return day


def build_order_frame(snapshot: Snapshot, cache_dir: Path | None) -> pa.Table:
    """Build the account frame of those who order when they like, without holders of contracts."""
    frame = account_frame(snapshot, cache_dir=cache_dir)
    bound = contract_accounts(snapshot)
    if not bound:
        return frame
    is_bound = pc.is_in(frame.column("account_id"), value_set=pa.array(sorted(bound)))
    return frame.filter(pc.invert(is_bound)).combine_chunks()


def look_at_orders(history: History, frames: Frames, look: Look) -> list[After]:
    """Return gross spend after each day (minor units), in the order of its frame.

    What a buyer spends counts for every id it ever had: an id that was merged away after the day
    has not lapsed when its survivor buys.

    Raises
    ------
    NotEnoughHistoryError
        A window is still open on ``look.known_on``.
    """
    known = history.as_of(look.known_on)
    label = build_spend_labels(known, list(frames), horizon_days=look.horizon_days)
    survivors = read_survivors(known)
    label = _sum_by_buyer(label, survivors) if survivors else label
    spent = []
    for day, frame in frames.items():
        buyer = _rename(frame.column("account_id"), survivors)
        place = pc.index_in(buyer, value_set=label.column("account_id"))
        mine = pc.fill_null(label.column(day.isoformat()).take(place), 0)
        spent.append(After(np.asarray(mine.to_numpy(), dtype=np.float64)))
    return spent


def _sum_by_buyer(label: pa.Table, survivors: Mapping[str, str]) -> pa.Table:
    days = [name for name in label.column_names if name != "account_id"]
    named = label.set_column(0, "account_id", _rename(label.column("account_id"), survivors))
    summed = named.group_by("account_id").aggregate([(day, "sum") for day in days])
    return summed.rename_columns({f"{day}_sum": day for day in days})


def _rename(ids: pa.ChunkedArray, survivors: Mapping[str, str]) -> pa.ChunkedArray:
    place = pc.index_in(ids, value_set=pa.array(list(survivors), pa.string()))
    return pc.coalesce(pa.array(list(survivors.values()), pa.string()).take(place), ids)


ORDERS = SliceKind(
    build_order_frame,
    look_at_orders,
    find_first_order_day,
    find_last_order_day,
    find_lag=lambda known: 0,  # an order is on record when it is placed
)
