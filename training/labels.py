"""What happened after a day: the only look ahead, and only over windows that have closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa

from lifecycle.errors import NotEnoughHistoryError, UsageError
from lifecycle.periods import day_start
from lifecycle.snapshot import Snapshot
from models.base import FloatArray


def label_end(day: date, horizon_days: int) -> date:
    """Return the first day after the label window ``[day, day + horizon_days)``.

    Examples
    --------
    >>> label_end(date(2011, 9, 11), 90)
    datetime.date(2011, 12, 10)
    """
    return day + timedelta(days=horizon_days)


def check_closed(day: date, known_on: date, *, horizon_days: int) -> None:
    """Refuse a label window that has not ended when its facts are read.

    Parameters
    ----------
    day
        First day of the window.
    known_on
        The day we stand on; the window's end may be this day, not later.
    horizon_days
        Length of the window (days, at least 1).

    Raises
    ------
    UsageError
        The horizon is not positive.
    NotEnoughHistoryError
        The window is still open on ``known_on``.
    """
    if horizon_days < 1:
        raise UsageError(
            f"horizon of {horizon_days} days", "1 day or more", "pass a longer --horizon-days"
        )
    end = label_end(day, horizon_days)
    if end > known_on:
        raise NotEnoughHistoryError(
            f"the label window from {day} ends on {end}, after the known facts of {known_on}",
            "a window that has ended",
            "stand on a later day or shorten the horizon",
        )


def build_spend_labels(known: Snapshot, days: Sequence[date], *, horizon_days: int) -> pa.Table:
    """Build what each account bought in ``[day, day + horizon_days)``, many days in one pass.

    A purchase is an order of kind ``sale`` with a positive amount and an account. The window's
    days begin at midnight in the company's zone.

    Parameters
    ----------
    known
        The facts known where training stands; later arrivals are not in it.
    days
        First days of the windows.
    horizon_days
        Length of each window (days).

    Returns
    -------
    pyarrow.Table
        Sorted by ``account_id``, one row per account with a purchase before the last window's
        end; a column per day, named ``2011-09-11``: gross spend in its window (int64, minor
        units, 0 without a purchase).

    Raises
    ------
    UsageError
        The horizon is not positive.
    NotEnoughHistoryError
        A window is still open at ``known.as_of``.
    """
    for day in days:
        check_closed(day, known.day, horizon_days=horizon_days)
    expr = _spend_expression(
        known.table("orders"), days, horizon_days=horizon_days, zone=known.zone
    )
    spent = [(day.isoformat(), pa.int64()) for day in days]
    return known.collect(expr).cast(pa.schema([("account_id", pa.string()), *spent]))


def _spend_expression(
    orders: ibis.Table, days: Sequence[date], *, horizon_days: int, zone: ZoneInfo
) -> ibis.Table:
    def instant(day: date) -> ibis.Value:
        return ibis.timestamp(day_start(day, zone).isoformat())

    purchases = orders.filter(
        orders.kind == "sale",
        orders.amount_minor > 0,
        orders.account_id.notnull(),
        orders.ordered_at < instant(label_end(max(days), horizon_days)),
    )
    spent = {}
    for day in days:
        start, end = instant(day), instant(label_end(day, horizon_days))
        inside = (purchases.ordered_at >= start) & (purchases.ordered_at < end)
        spent[day.isoformat()] = purchases.amount_minor.sum(where=inside).cast("int64").fill_null(0)
    return purchases.group_by("account_id").aggregate(**spent).order_by("account_id")


def label_lapse(spend_minor: FloatArray) -> FloatArray:
    """Return 1.0 where nothing was bought in the window, else 0.0."""
    return (spend_minor <= 0).astype(float)


def label_spend(spend_minor: FloatArray) -> FloatArray:
    """Return gross spend in the window (minor units)."""
    return spend_minor
