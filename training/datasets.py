"""Past days of account frames with what happened after them: what models learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.frames import account_frame
from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import DataError, NotEnoughHistoryError
from lifecycle.history import History
from lifecycle.snapshot import Snapshot
from models.base import Examples, FloatArray
from training.labels import build_spend_labels
from training.splits import check_split

Target = Callable[[FloatArray], FloatArray]
LONGEST_SILENCE_DAYS = 31


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
    """

    history: History
    frames_dir: Path | None = None
    ticker: Ticker = field(default_factory=SilentTicker)
    _frames: dict[date, pa.Table] = field(default_factory=dict, repr=False)

    def frame(self, day: date) -> pa.Table:
        """Return the account frame as of ``day`` with its ``as_of`` column (date32)."""
        if day not in self._frames:
            frame = account_frame(self.history.as_of(day), cache_dir=self.frames_dir)
            days = pa.array([day] * frame.num_rows, pa.date32())
            self._frames[day] = frame.append_column("as_of", days)
            self.ticker.advance(1)
        return self._frames[day]

    def spend(self, days: Sequence[date], known_on: date, *, horizon_days: int) -> list[FloatArray]:
        """Return gross spend after each day (minor units), in the order of ``frame(day)``.

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
        known = self.history.as_of(known_on)
        label = build_spend_labels(known, days, horizon_days=horizon_days)
        spent = []
        for day in days:
            accounts = self.frame(day).column("account_id")
            place = pc.index_in(accounts, value_set=label.column("account_id"))
            mine = pc.fill_null(label.column(day.isoformat()).take(place), 0)
            spent.append(np.asarray(mine.to_numpy(), dtype=np.float64))
        return spent


def find_first_day(known: Snapshot) -> date:
    """Return the day of the earliest order known, in the company's zone.

    Raises
    ------
    NotEnoughHistoryError
        No order is known.
    """
    orders = known.table("orders")
    earliest = known.collect(orders.aggregate(first=orders.ordered_at.min())).column("first")[0]
    if not earliest.is_valid:
        raise NotEnoughHistoryError(
            f"no order known before {known.day}", "at least one", "run truecast ingest first"
        )
    day: date = earliest.as_py().astimezone(known.zone).date()
    return day


def check_current(known: Snapshot) -> None:
    """Refuse a day long after the newest order: that silence is the export's, not the customers'.

    Every label window that reaches past the end of the facts would say that nobody bought.

    Raises
    ------
    DataError
        The newest order known is more than ``LONGEST_SILENCE_DAYS`` days old.
    """
    orders = known.table("orders")
    newest = known.collect(orders.aggregate(last=orders.ordered_at.max())).column("last")[0]
    if not newest.is_valid:
        return  # an empty lake is told apart by whoever looks for its first day
    last: date = newest.as_py().astimezone(known.zone).date()
    if (known.day - last).days > LONGEST_SILENCE_DAYS:
        raise DataError(
            f"the newest order known before {known.day} is of {last}",
            f"one of the last {LONGEST_SILENCE_DAYS} days, or the silence would read as lapse",
            f"ingest the newer orders, or stand on --as-of {last + timedelta(days=1)}",
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
            f"90 days of orders and a window of {horizon_days} days after them",
            "ingest a longer history, shorten the horizon or stand on a later day",
        )
    frames = [store.frame(day) for day in days]
    spend = store.spend(days, known_on, horizon_days=horizon_days)
    stacked = pa.concat_tables(frames).combine_chunks()
    examples = Examples(
        frame=stacked,
        label=target(np.concatenate(spend)),
        as_of=stacked.column("as_of").to_numpy().astype("datetime64[D]"),
        horizon_days=horizon_days,
    )
    check_split(examples, known_on)
    return TrainingSet(examples, digest_examples(examples), tuple(days), known_on)


def digest_examples(examples: Examples) -> str:
    """Compute the SHA-256 of examples' content; rows in any order give the same digest.

    Columns enter by name, type and value; every NaN counts as one NaN, and -0.0 as 0.0.
    """
    table = examples.frame.append_column("label ", pa.array(examples.label))
    table = table.sort_by([("as_of", "ascending"), ("account_id", "ascending")]).combine_chunks()
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
        return bytes(column.cast(pa.int32()).to_numpy().astype("<i4").tobytes())
    return repr(column.to_pylist()).encode()
