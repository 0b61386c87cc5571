"""From invoices to revenue: what was billed is recognised day by day; the rest is deferred."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from lifecycle.snapshot import Snapshot


@dataclass(frozen=True)
class Billing:
    """What was billed up to a day, and what of it was earned by then (minor units).

    ``invoiced = recognised + deferred`` to the cent.
    """

    invoiced_minor: int
    recognised_minor: int
    deferred_minor: int


def recognise(amount_minor: int, start: date, end: date, *, before: date) -> int:
    """Return the part of an amount earned before a day, straight-line by day.

    Rounded down towards zero at every day but the last, so that the parts of any split into
    periods add up to the amount: what a period earns is the difference of two such numbers.

    Parameters
    ----------
    amount_minor
        Of the service period ``[start, end)``; negative in a credit note.
    before
        First day that is not counted.

    Examples
    --------
    >>> [recognise(100, date(2021, 1, 1), date(2021, 1, 4), before=date(2021, 1, d))
    ...  for d in (1, 2, 3, 4)]
    [0, 33, 66, 100]
    """
    days = (end - start).days
    if days <= 0 or before >= end:
        return amount_minor if before > start or before >= end else 0
    passed = max((before - start).days, 0)
    return int(abs(amount_minor) * passed // days) * (1 if amount_minor >= 0 else -1)


def measure_billing(snapshot: Snapshot) -> Billing:
    """Measure all invoices and credit notes issued before the snapshot's day.

    An invoice without a service period is earned when it is issued.

    Raises
    ------
    LakeError
        The lake cannot be read.
    """
    billed = list(_read_invoices(snapshot))
    invoiced = sum(amount for amount, _, _ in billed)
    earned = sum(
        recognise(amount, start, end, before=snapshot.day) for amount, start, end in billed
    )
    return Billing(invoiced, earned, invoiced - earned)


def _read_invoices(snapshot: Snapshot) -> Iterable[tuple[int, date, date]]:
    invoices = snapshot.table("invoices")
    wanted = ("amount_minor", "issued_at", "period_start_on", "period_end_on")
    for row in snapshot.collect(invoices.select(*wanted)).to_pylist():
        issued = row["issued_at"].astimezone(snapshot.zone).date()
        start, end = row["period_start_on"] or issued, row["period_end_on"] or issued
        yield row["amount_minor"], start, end
