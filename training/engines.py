"""The engines of a backtest: models are those that could be fitted at each quarter's start."""

from __future__ import annotations

from datetime import date

from lifecycle.history import History
from lifecycle.periods import FiscalCalendar
from models.forecast.engines import Engine, open_engines


def open_past_engines(
    history: History, *, calendar: FiscalCalendar, currency: str, as_of: date
) -> list[Engine]:
    """Open one engine for each family of targets with facts.

    Parameters
    ----------
    history
        All facts; nothing known on ``as_of`` or later is read.
    calendar
        When quarters begin.
    currency
        The company's.
    as_of
        The latest day that will be asked about.
    """
    known = history.as_of(as_of)
    return open_engines(known, facts=history.as_of, calendar=calendar, currency=currency)
