"""Deals without history: who wins in the end, judged by time where there are dates.

No landmark can be rebuilt from such a table, so nothing is said of quarters, close dates or
slipping. With dates the past is replayed: deals opened in a quarter are judged by a model of deals
closed before it. Without, folds at random are all there is, and the card says that this is not
time-honest: deals of one time are judged by deals of the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.deals.days import as_dates, date_days, local_days
from features.deals.flat import Known, flat_audit_frame, flat_deal_frame
from lifecycle.errors import NotEnoughHistoryError, UsageError
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar, Quarter
from lifecycle.snapshot import Snapshot
from models.base import Examples, FloatArray, ScoreModel
from models.deals.flat import FlatModel
from models.deals.tables import DealTable
from training.deals.hygiene import EPOCH
from training.deals.past import HORIZON_DAYS

Split = Literal["auto", "time", "random"]
FOLDS, SEED = 5, 0
MOST_CUTS = 4
FEWEST_JUDGED = 40
DATED_SHARE = 0.95
KEYS = ("opportunity_id", "account_id", "as_of")


@dataclass(frozen=True)
class FlatSplit:
    """How a table without history is judged.

    Attributes
    ----------
    kind
        ``time``, ``random``, or ``auto``: by time where nearly all deals have dates.
    calendar
        The company's fiscal calendar.
    """

    kind: Split = "auto"
    calendar: FiscalCalendar = CALENDAR_YEAR


@dataclass(frozen=True)
class FlatDeals:
    """Closed deals of a table without history.

    Attributes
    ----------
    examples
        What was known at creation, and 1 for a won deal; ``as_of`` is the day it was opened (the
        epoch where no day is told).
    opened, closed
        Shape (n,): days since the epoch; NaN where not told.
    """

    examples: Examples
    opened: FloatArray
    closed: FloatArray

    @property
    def columns(self) -> dict[str, Known]:
        """Columns that may teach, each known at creation."""
        names = self.examples.frame.column_names
        return {name: "created" for name in names if name not in KEYS}

    @property
    def is_dated(self) -> bool:
        """Say whether nearly all deals tell when they were opened and closed."""
        both = np.isfinite(self.opened) & np.isfinite(self.closed)
        return bool(len(both)) and float(both.mean()) >= DATED_SHARE


@dataclass(frozen=True)
class Part:
    """Rows learned from and rows judged, as row numbers, and the part's name."""

    name: date
    learned: NDArray[np.intp]
    judged: NDArray[np.intp]


def read_flat(known: Snapshot, *, audit: bool = False) -> tuple[FlatDeals, dict[str, Known]]:
    """Read closed deals without history, and when each column was known.

    Parameters
    ----------
    known
        What is known on the day training stands on.
    audit
        With every column, also those that may never teach.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    frame, label = flat_deal_frame(known)
    when: dict[str, Known] = {}
    if audit:
        frame, when = flat_audit_frame(known)
    opened, closed = _read_clocks(known, frame)
    day = np.nan_to_num(opened).astype(np.int64).astype("datetime64[D]")
    frame = frame.append_column("as_of", pa.array(day, pa.date32()))
    examples = Examples(frame, label, day, HORIZON_DAYS, _outcomes(label))
    return FlatDeals(examples, opened, closed), when


def _read_clocks(known: Snapshot, frame: pa.Table) -> tuple[FloatArray, FloatArray]:
    deals = known.table("opportunities")
    rows = known.collect(deals.select("opportunity_id", "created_at", "closed_at", "close_on"))
    place = pc.index_in(frame.column("opportunity_id"), value_set=rows.column("opportunity_id"))
    rows = rows.take(place)
    opened, closed = (
        np.floor(local_days(rows.column(name), known.zone)) for name in ("created_at", "closed_at")
    )
    return opened, np.where(np.isnan(closed), date_days(rows.column("close_on")), closed)


def _outcomes(label: FloatArray) -> pa.Table:
    """Return outcomes in the words of the house's tables: won means in the end."""
    none = np.full(len(label), np.nan)
    return pa.table(
        {
            "won_in_quarter": label,
            "won": label,
            "closed_days": none,
            "observed_days": none,
            "final_amount_minor": none,
            "slipped": none,
            "deal_rows_count": np.ones(len(label)),
        }
    )


def split_flat(deals: FlatDeals, how: FlatSplit) -> tuple[list[Part], bool]:
    """Split closed deals, and say whether the split is time-honest.

    Raises
    ------
    UsageError
        By time is asked of deals without dates.
    NotEnoughHistoryError
        No quarter has enough deals before it and in it.
    """
    if how.kind == "time" and not deals.is_dated:
        raise UsageError(
            "a split by time of deals that do not say when they were opened and closed",
            "dates of nearly all deals",
            "map created_at and closed_at, or pass --split random",
        )
    if how.kind == "random" or not deals.is_dated:
        return split_random(deals.examples.label), False
    parts = split_by_time(deals, calendar=how.calendar)
    if not parts:
        raise NotEnoughHistoryError(
            "no quarter with deals closed before it and opened in it",
            f"{FEWEST_JUDGED} of each",
            "ingest more closed deals, or pass --split random",
        )
    return parts, True


def split_random(label: FloatArray) -> list[Part]:
    """Split rows into folds at random, each with the same share of won deals."""
    rng, fold = np.random.default_rng(SEED), np.zeros(len(label), dtype=np.int64)
    for outcome in (0.0, 1.0):
        rows = rng.permutation(np.flatnonzero(label == outcome))
        fold[rows] = np.arange(len(rows)) % FOLDS
    first = EPOCH.toordinal()
    return [
        Part(date.fromordinal(first + k), np.flatnonzero(fold != k), np.flatnonzero(fold == k))
        for k in range(FOLDS)
    ]


def split_by_time(deals: FlatDeals, *, calendar: FiscalCalendar = CALENDAR_YEAR) -> list[Part]:
    """Split by quarters: learned from deals closed before one, judged on deals opened in it."""
    if not np.isfinite(deals.opened).any():
        return []
    last = _quarter(float(np.nanmax(deals.opened)), calendar)
    parts = []
    for back in range(MOST_CUTS):
        quarter = last.shift(-back)
        start, end = ((day - EPOCH).days for day in (quarter.start, quarter.end))
        learned = np.flatnonzero(deals.closed < start)
        judged = np.flatnonzero((deals.opened >= start) & (deals.opened < end))
        if min(len(learned), len(judged)) >= FEWEST_JUDGED:
            parts.append(Part(quarter.start, learned, judged))
    return parts[::-1]


def _quarter(day: float, calendar: FiscalCalendar) -> Quarter:
    return Quarter.containing(as_dates(np.array([np.floor(day)]))[0].as_py(), calendar)


def list_flat_candidates(columns: Mapping[str, Known]) -> tuple[Callable[[], ScoreModel], ...]:
    """Return the candidates for a flat table, the simplest first."""
    return (lambda: DealTable("base_rate"), lambda: FlatModel(dict(columns)))
