"""What became of deals that were open on a landmark, as far as it was known on a later day.

The event clock decides (when a deal was won, not when that was told); windows are half-open. A
deal won and taken up again inside the window is not won. A deal closed before its landmark, which
only became known after it, counts as closed on the landmark. What was closed in bulk
(`training.deals.hygiene`) is censored the day before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar, Quarter
from models.base import FloatArray
from training.deals.hygiene import EPOCH, Hygiene
from training.deals.turns import EVER, LOST, OPEN, WON, Turns


@dataclass(frozen=True)
class Known:
    """What is known of deals on a day: how they turned, what was tidied, what they came to.

    Attributes
    ----------
    known_on
        Only facts known before this day are in it.
    turns
        Changes of state.
    hygiene
        Which of them were closes in bulk.
    amount_minor
        Shape (deals,): the last amount known (minor units of the deal's currency; NaN unknown).
    """

    known_on: date
    turns: Turns
    hygiene: Hygiene
    amount_minor: FloatArray


@dataclass(frozen=True)
class Looked:
    """Rows that are looked after: deal, landmark and close date shown, shape (n,) each.

    Attributes
    ----------
    deal
        The deal's place.
    day
        Landmark, days since the epoch.
    close
        Close date shown, days since the epoch; NaN without one.
    """

    deal: NDArray[np.int64]
    day: FloatArray
    close: FloatArray


def look_after(known: Known, rows: Looked, *, calendar: FiscalCalendar = CALENDAR_YEAR) -> pa.Table:
    """Return what became of each row.

    Parameters
    ----------
    known
        What is known, and on which day.
    rows
        Deals open on their landmarks.
    calendar
        The company's fiscal calendar.

    Returns
    -------
    pyarrow.Table
        One row per row, float64: ``won_in_quarter`` (1/0, NaN censored), ``closed_days``
        (landmark to close; NaN while open), ``won`` (1/0, NaN while open), ``observed_days``
        (how long the deal was watched from the landmark on), ``final_amount_minor`` (NaN unless
        won), ``slipped`` (1: not won by the close date shown; NaN not known yet),
        ``deal_rows_count`` (landmarks of the deal among the rows).
    """
    until = float((known.known_on - EPOCH).days)
    last = known.turns.last_before(rows.deal, np.full(len(rows.day), EVER))
    state, closed = known.turns.states_of(last), known.turns.days_of(last)
    swept = _swept(known, last)
    end = np.minimum(closed - 1.0, until) if len(closed) else closed
    watched = np.where(swept, end, until)
    is_closed = (state != OPEN) & ~swept
    columns = {
        "won_in_quarter": _won_in_quarter(known, rows, calendar=calendar),
        "closed_days": np.where(is_closed, np.maximum(closed - rows.day, 0.0), np.nan),
        "won": np.where(is_closed, (state == WON).astype(float), np.nan),
        "observed_days": np.maximum(watched - rows.day, 0.0),
        "final_amount_minor": np.where(
            is_closed & (state == WON), known.amount_minor[rows.deal], np.nan
        ),
        "slipped": _slipped(known, rows),
        "deal_rows_count": _count_rows(rows.deal),
    }
    return pa.table({name: pa.array(values, pa.float64()) for name, values in columns.items()})


def _won_in_quarter(known: Known, rows: Looked, *, calendar: FiscalCalendar) -> FloatArray:
    start, end = quarter_bounds(rows.day, calendar)
    place = known.turns.last_before(rows.deal, end)
    state, closed = known.turns.states_of(place), known.turns.days_of(place)
    won = ((state == WON) & (closed >= start)).astype(float)
    open_yet = end > float((known.known_on - EPOCH).days)
    return np.where(open_yet | _swept(known, place), np.nan, won)


def _slipped(known: Known, rows: Looked) -> FloatArray:
    """Return 1 where a deal was not won by the close date shown, 0 where it was, NaN not known."""
    until = float((known.known_on - EPOCH).days)
    after = np.nan_to_num(rows.close, nan=0.0) + 1.0
    place = known.turns.last_before(rows.deal, np.minimum(after, until))
    state = known.turns.states_of(place)
    unknown = np.isnan(rows.close) | _swept(known, place) | ((after > until) & (state == OPEN))
    return np.where(unknown, np.nan, (state != WON).astype(float))


def _swept(known: Known, place: NDArray[np.int64]) -> NDArray[np.bool_]:
    if len(known.turns.state) == 0:
        return np.zeros(len(place), dtype=bool)
    swept = known.hygiene.swept[np.maximum(place, 0)] & (place >= 0)
    return np.asarray(swept & (known.turns.states_of(place) == LOST))


def quarter_bounds(days: FloatArray, calendar: FiscalCalendar) -> tuple[FloatArray, FloatArray]:
    """Return the first day of each day's fiscal quarter and the first day after it.

    Examples
    --------
    >>> start, end = quarter_bounds(np.array([0.0, 89.0]), CALENDAR_YEAR)
    >>> start.tolist(), end.tolist()
    ([0.0, 0.0], [90.0, 90.0])
    """
    each, place = np.unique(days, return_inverse=True)
    quarters = [Quarter.containing(_day(one), calendar) for one in each]
    starts = np.array([(one.start - EPOCH).days for one in quarters], dtype=np.float64)
    ends = np.array([(one.end - EPOCH).days for one in quarters], dtype=np.float64)
    return starts[place], ends[place]


def _day(days: float) -> date:
    return date.fromordinal(EPOCH.toordinal() + int(days))


def _count_rows(deal: NDArray[np.int64]) -> FloatArray:
    _, place, count = np.unique(deal, return_inverse=True, return_counts=True)
    return count[place].astype(np.float64)
