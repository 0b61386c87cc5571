"""What else an open deal shows that a bookings forecast reads: its stage's age, silence, pushes."""

from __future__ import annotations

import numpy as np

from features.deals.activity import build_activity_columns
from features.deals.bookings import OpenBook
from features.deals.days import Floats
from features.deals.facts import DealFacts, rows_of
from features.deals.moves import build_close_columns
from features.deals.timing import build_timing_columns
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar

SIGNS = (
    "stage_age_days", "forward_days", "push_count", "two_way_silence_days", "meetings_28d_count",
    "next_meeting",
)  # fmt: skip
"""Columns of the deal frame, by the same names and meanings."""


def read_signs(
    facts: DealFacts, book: OpenBook, *, calendar: FiscalCalendar = CALENDAR_YEAR
) -> dict[str, Floats]:
    """Return the columns of :data:`SIGNS` for each row of an open book, shape (m,) each.

    Parameters
    ----------
    facts
        Those that the book was read from.
    book
        Open deals on landmarks.
    calendar
        The company's fiscal calendar.
    """
    # windows are summed over rows sorted by deal and day, so the book's order comes last
    rows = rows_of(facts, book.deal, book.day, calendar=calendar)
    order = np.lexsort((rows.deal, rows.day))
    found = {
        **build_timing_columns(facts, rows),
        **build_close_columns(facts, rows, calendar=calendar),
        **build_activity_columns(facts, rows),
    }
    return {name: found[name][order] for name in SIGNS}
