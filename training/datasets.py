"""Past days of frames with what happened after them: what models learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import DataError, NotEnoughHistoryError
from lifecycle.history import History
from lifecycle.snapshot import Snapshot
from models.base import Examples, FloatArray
from training.slices import ORDERS, After, Look, SliceKind
from training.splits import check_split

Target = Callable[[FloatArray], FloatArray]
LONGEST_SILENCE_DAYS = 31
NO_DAY = -(2**31)
_KEYS = ("as_of", "account_id", "subscription_id")


@dataclass(frozen=True)
class TrainingSet:
    """Examples and their identity.

    Attributes
    ----------
    examples
        Frames of all days, day after day, with labels.
    digest
        SHA-256 (hexadecimal) of the content, the same for any order of rows.
    days
        The as-of days.
    known_on
        Labels hold only facts known before this day.
    """

    examples: Examples
    digest: str
    days: tuple[date, ...]
    known_on: date

    @property
    def account_count(self) -> int:
        """Number of different accounts."""
        return int(pc.count_distinct(self.examples.frame.column("account_id")).as_py())


@dataclass
class SliceStore:
    """Frames of past days, each computed once, and what happened after them.

    Parameters
    ----------
    history
        All facts; every frame is built from ``history.as_of(day)`` alone.
    frames_dir
        Where frames are cached between runs; ``None`` keeps them in memory only.
    ticker
        Advanced by one for each frame.
    kind
        How days of the route are read.
    lag_days
        Days until an outcome of the route is on record.
    """

    history: History
    frames_dir: Path | None = None
    ticker: Ticker = field(default_factory=SilentTicker)
    kind: SliceKind = ORDERS
    lag_days: int = 0
    _frames: dict[date, pa.Table] = field(default_factory=dict, repr=False)
    _held: dict[date, pa.Table] = field(default_factory=dict, repr=False)

    def frame(self, day: date) -> pa.Table:
        """Return the frame as of ``day`` with its ``as_of`` column (date32)."""
        if day not in self._frames:
            frame = self.kind.build_frame(self.history.as_of(day), self.frames_dir)
            days = pa.array([day] * frame.num_rows, pa.date32())
            self._frames[day] = frame.append_column("as_of", days)
            self.ticker.advance(1)
        return self._frames[day]

    def after(self, days: Sequence[date], known_on: date, *, horizon_days: int) -> list[After]:
        """Return what happened after each day, in the order of ``frame(day)``.

        Parameters
        ----------
        days
            First days of the windows.
        known_on
            Only facts known before this day are counted.
        horizon_days
            Length of the windows (days).

        Raises
        ------
        NotEnoughHistoryError
            A window is still open on ``known_on``.
        """
        frames = {day: self.frame(day) for day in days}
        look = Look(known_on, horizon_days, self.lag_days, self._held)
        return self.kind.look_after(self.history, frames, look)

    def slice(self, day: date, known_on: date, *, horizon_days: int, target: Target) -> Examples:
        """Return the rows of one day that are judged, with what became of them.

        Raises
        ------
        NotEnoughHistoryError
            The window is still open on ``known_on``.
        """
        [after] = self.after([day], known_on, horizon_days=horizon_days)
        return _examples([self.frame(day)], [after], horizon_days=horizon_days, target=target)


def find_first_day(known: Snapshot, kind: SliceKind = ORDERS) -> date:
    """Return the first day on which facts of a route are whole, in the company's zone.

    Raises
    ------
    NotEnoughHistoryError
        No such fact is known.
    """
    return kind.find_first_day(known)


def check_current(known: Snapshot, kind: SliceKind = ORDERS) -> None:
    """Refuse a day long after the newest fact: that silence is the export's, not the customers'.

    Every label window that reaches past the end of the facts would say that nobody bought, or that
    nobody left.

    Raises
    ------
    DataError
        The newest fact known is more than ``LONGEST_SILENCE_DAYS`` days old.
    """
    last = kind.find_last_day(known)
    if last is None:
        return  # an empty lake is told apart by whoever looks for its first day
    if (known.day - last).days > LONGEST_SILENCE_DAYS:
        raise DataError(
            f"the newest {kind.fact} known before {known.day} is of {last}",
            f"one of the last {LONGEST_SILENCE_DAYS} days, or the silence would read as "
            f"{kind.silence}",
            f"ingest the newer {kind.fact}s, or stand on --as-of {last + timedelta(days=1)}",
        )


def build_training_set(
    store: SliceStore, days: Sequence[date], known_on: date, *, horizon_days: int, target: Target
) -> TrainingSet:
    """Build examples from many past days, with labels as known on one day.

    Parameters
    ----------
    store
        Frames and labels of past days.
    days
        As-of days; windows still open on ``known_on`` are refused.
    known_on
        The day training stands on.
    horizon_days
        Length of the label window (days).
    target
        From gross spend in the window (minor units) to the label.

    Returns
    -------
    TrainingSet
        Examples in the order of ``days``, each day sorted by account.

    Raises
    ------
    NotEnoughHistoryError
        No day, no account, or a window is still open.
    """
    if not days or sum(store.frame(day).num_rows for day in days) == 0:
        raise NotEnoughHistoryError(
            f"no account to learn from on {len(days)} past days before {known_on}",
            f"90 days of {store.kind.fact}s and a window of {horizon_days} days after them",
            "ingest a longer history, shorten the horizon or stand on a later day",
        )
    frames = [store.frame(day) for day in days]
    after = store.after(days, known_on, horizon_days=horizon_days)
    examples = _examples(frames, after, horizon_days=horizon_days, target=target)
    check_split(examples, known_on)
    return TrainingSet(examples, digest_examples(examples), tuple(days), known_on)


def _examples(
    frames: Sequence[pa.Table], after: Sequence[After], *, horizon_days: int, target: Target
) -> Examples:
    stacked = _stack(frames)
    outcomes = [one.outcomes for one in after if one.outcomes is not None]
    examples = Examples(
        frame=stacked,
        label=target(np.concatenate([one.amount for one in after])),
        as_of=stacked.column("as_of").to_numpy().astype("datetime64[D]"),
        horizon_days=horizon_days,
        outcomes=pa.concat_tables(outcomes).combine_chunks() if outcomes else None,
    )
    kept = [one.kept for one in after if one.kept is not None]
    if not kept or np.concatenate(kept).all():
        return examples
    return examples.take(np.concatenate(kept))


def _stack(frames: Sequence[pa.Table]) -> pa.Table:
    """Put days under one another; a custom field that a day did not know yet is missing there."""
    if all(frame.schema.equals(frames[0].schema) for frame in frames):
        return pa.concat_tables(frames).combine_chunks()
    stacked = pa.concat_tables(frames, promote_options="default").combine_chunks()
    for place, part in enumerate(stacked.schema):
        if pa.types.is_floating(part.type) and stacked.column(place).null_count:
            stacked = stacked.set_column(place, part, pc.fill_null(stacked.column(place), np.nan))
    return stacked


def digest_examples(examples: Examples) -> str:
    """Compute the SHA-256 of examples' content; rows in any order give the same digest.

    Columns enter by name, type and value; every NaN counts as one NaN, and -0.0 as 0.0.
    """
    table = examples.frame.append_column("label ", pa.array(examples.label))
    if examples.outcomes is not None:
        for name in examples.outcomes.column_names:
            table = table.append_column(f"after {name} ", examples.outcomes.column(name))
    keys = [name for name in _KEYS if name in table.column_names]
    table = table.sort_by([(name, "ascending") for name in keys]).combine_chunks()
    total = hashlib.sha256(f"{examples.horizon_days} {table.num_rows}\n".encode())
    for name in table.column_names:
        column = table.column(name)
        total.update(f"{name} {column.type}\n".encode())
        total.update(_column_bytes(column))
    return total.hexdigest()


def _column_bytes(column: pa.ChunkedArray) -> bytes:
    if pa.types.is_floating(column.type):
        values = column.to_numpy().astype("<f8") + 0.0
        values[np.isnan(values)] = np.nan
        return bytes(values.tobytes())
    if pa.types.is_date32(column.type):
        days = pc.fill_null(column.cast(pa.int32()), NO_DAY)
        return bytes(days.to_numpy().astype("<i4").tobytes())
    return repr(column.to_pylist()).encode()
