"""What service costs by the day, in whole cents, and the documents that bill it.

A line's service months run from its first day (31st: the last day of a shorter month). Within a
month of n days the price M is spread so that the first d days cost floor(d * M / n): each day gets
whole cents, none differs by more than one from the exact share, and a month's days add up to M.
Everything that is billed is a difference of these sums, so documents and days agree to the cent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lifecycle.world.canonical import Bools, Days, Ints, add_months


@dataclass(frozen=True)
class PriceSteps:
    """The price of every line, step by step.

    Attributes
    ----------
    first
        First service day by line, shape (lines,).
    billing_months
        Months per invoice by line, shape (lines,).
    line
        Line of each step, ascending, shape (steps,).
    day
        First day of the step, ascending within a line; at most one step a day, shape (steps,).
    mrr_minor
        Price from that day on, per service month; 0 = no service, shape (steps,).
    """

    first: Days
    billing_months: Ints
    line: Ints
    day: Days
    mrr_minor: Ints


@dataclass(frozen=True)
class Documents:
    """Invoices (amount > 0) and credit notes (< 0), shape (documents,) each.

    Attributes
    ----------
    line
        Line billed.
    starts, ends
        First day of the service billed, first day after it.
    amount_minor
        Signed amount; never 0.
    is_regular
        Billed in advance for a whole period; else it corrects one for a change within it.
    """

    line: Ints
    starts: Days
    ends: Days
    amount_minor: Ints
    is_regular: Bools


def price_steps(
    first: Days, billing_months: Ints, *, line: Ints, day: Days, mrr_minor: Ints
) -> PriceSteps:
    """Return ordered steps of events in the order they happened; a day's last event holds."""
    order = np.lexsort((np.arange(len(line)), day, line))
    line, day, mrr_minor = line[order], day[order], mrr_minor[order]
    last = np.ones(len(line), bool)
    last[:-1] = (line[1:] != line[:-1]) | (day[1:] != day[:-1])
    return PriceSteps(first, billing_months, line[last], day[last], mrr_minor[last])


def price_on(steps: PriceSteps, line: Ints, day: Days) -> Ints:
    """Return the price that holds on a day, 0 before the first step."""
    place = np.searchsorted(_sort_key(steps.line, steps.day), _sort_key(line, day), "right") - 1
    found = (place >= 0) & (steps.line[place] == line)
    return np.where(found, steps.mrr_minor[place], 0)


def billed(steps: PriceSteps, since: np.datetime64, until: np.datetime64) -> Documents:
    """Return every document of service periods that end after ``since`` and start before ``until``.

    A period is billed whole at the price of its first day; each later change within it brings a
    document over the difference for the rest of the period, so the documents of a period add up
    to its days' cost.
    """
    regular, corrections = _regular(steps, since, until), _corrections(steps, since, until)
    line, starts, ends, amount = (
        np.concatenate([getattr(one, name) for one in (regular, corrections)])
        for name in ("line", "starts", "ends", "amount_minor")
    )
    is_regular = np.arange(len(line)) < len(regular.line)
    order = np.lexsort((~is_regular, starts, line))
    return Documents(line[order], starts[order], ends[order], amount[order], is_regular[order])


def _regular(steps: PriceSteps, since: np.datetime64, until: np.datetime64) -> Documents:
    begin, last = _month_index(steps.first, since), _month_index(steps.first, until)
    months = steps.billing_months
    from_period = np.maximum(begin, 0) // months
    count = np.maximum(last // months + 1 - from_period, 0)
    line = np.repeat(np.arange(len(count)), count)
    offset = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    month = (from_period[line] + offset) * months[line]
    starts = add_months(steps.first[line], month)
    ends = add_months(steps.first[line], month + months[line])
    amount = price_on(steps, line, starts) * months[line]
    keep = (amount > 0) & (ends > since) & (starts < until)
    parts = (line[keep], starts[keep], ends[keep], amount[keep])
    return Documents(*parts, np.ones(int(keep.sum()), bool))


def _corrections(steps: PriceSteps, since: np.datetime64, until: np.datetime64) -> Documents:
    line, first = steps.line, steps.first[steps.line]
    before = np.where(np.append(False, line[1:] == line[:-1]), np.roll(steps.mrr_minor, 1), 0)
    month = _month_index(first, steps.day)
    period = steps.billing_months[line]
    ends_month = (month // period + 1) * period
    day, after = steps.day, steps.mrr_minor
    rest = [
        price * (ends_month - month) - cost_from_month_start(first, month, day=day, price=price)
        for price in (before, after)
    ]
    amount = rest[1] - rest[0]
    inside = day > add_months(first, ends_month - period)
    ends = add_months(first, ends_month)
    keep = inside & (amount != 0) & (ends > since) & (day < until)
    parts = (line[keep], day[keep], ends[keep], amount[keep])
    return Documents(*parts, np.zeros(int(keep.sum()), bool))


def cost_from_month_start(first: Days, month: Ints, *, day: Days, price: Ints) -> Ints:
    """Return what the days from a service month's start up to ``day`` (not included) cost.

    Parameters
    ----------
    first
        First day of the line.
    month
        Service months between that day and the month's start.
    day
        A day within the month, or its end.
    price
        Price of a whole month (minor units).
    """
    start, end = add_months(first, month), add_months(first, month + 1)
    passed, length = (day - start).astype(np.int64), (end - start).astype(np.int64)
    return np.asarray(passed * price // length)


def _month_index(first: Days, day: Days | np.datetime64) -> Ints:
    """Return the whole service months between a line's first day and a day; negative before."""
    day = np.broadcast_to(np.asarray(day, "M8[D]"), first.shape)
    months = (day.astype("M8[M]") - first.astype("M8[M]")).astype(np.int64)
    return np.asarray(months - (add_months(first, months) > day))


def _sort_key(line: Ints, day: Days) -> Ints:
    return np.asarray(line * 1_000_000 + day.astype("M8[D]").astype(np.int64))
