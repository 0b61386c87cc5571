"""What accounts did and said before a landmark: purchases, open tickets, trend of use, last NPS.

Each sign is read once and answered by landmark: a `ByDay` takes a day and, for each account, the
account that stands for it, and returns one number by account; NaN where nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.deals.days import Floats, Ints
from features.deals.visible import VisibleRows, as_visible, last_of, read_visible
from features.forbidden import OFFBOARDING
from features.survey import AGE_CAP_DAYS
from features.usage import ROLES, STEPS
from lifecycle.snapshot import Snapshot

ByDay = Callable[[int, Ints], Floats]

SHORT_DAYS, LONG_DAYS = 28, 84
"""Windows of use that are compared, as in the frame of contracts."""
BOUGHT_DAYS = 365
"""An account without contracts is a customer for so long after a purchase."""
_TOP_SCORE = 10
_LATEST_LAG_DAYS = 28
_LONGEST_SPAN_DAYS = 31
_SMALL_PART = 10


def purchases_by_day(snapshot: Snapshot, accounts: pa.Array, near: ibis.Table) -> ByDay:
    """Return how often each account purchased in the last :data:`BOUGHT_DAYS` days.

    Parameters
    ----------
    accounts
        Ids; their places are the accounts' codes.
    near
        The same ids as a table ``account_id``, for the query.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    orders = read_visible(
        snapshot, "orders", ("account_id",),
        keep=lambda rows: (rows.kind == "sale") & (rows.amount_minor > 0)
        & rows.account_id.isin(near.account_id),
    )  # fmt: skip
    account, ordered = orders.codes("account_id", accounts), orders.days("ordered_at")

    def at(day: int, stands: Ints) -> Floats:
        seen = orders.at(day)
        if not len(seen):
            return np.full(len(accounts), np.nan)
        recent = seen[(ordered[seen] < day) & (ordered[seen] >= day - BOUGHT_DAYS)]
        return _count(stands[account[recent]], len(accounts))

    return at


def open_tickets_by_day(snapshot: Snapshot, accounts: pa.Array, near: ibis.Table) -> ByDay:
    """Return how many tickets each account has open, those about leaving left out.

    Parameters and errors as in :func:`purchases_by_day`.
    """
    tickets = read_visible(snapshot, "tickets", ("account_id", "status", "topic", "opened_at"),
                        keep=lambda rows: rows.account_id.isin(near.account_id))  # fmt: skip
    account, opened = tickets.codes("account_id", accounts), tickets.days("opened_at")
    leaving = pc.match_substring_regex(tickets.rows["topic"], OFFBOARDING, ignore_case=True)
    is_open = pc.is_in(tickets.rows["status"], pa.array(["open", "pending"]))
    counts = pc.and_not(is_open, pc.fill_null(leaving, False)).to_numpy()

    def at(day: int, stands: Ints) -> Floats:
        seen = tickets.at(day)
        if not len(seen):
            return np.full(len(accounts), np.nan)
        seen = seen[counts[seen] & (opened[seen] < day)]
        return _count(stands[account[seen]], len(accounts))

    return at


def nps_by_day(snapshot: Snapshot, accounts: pa.Array, near: ibis.Table) -> ByDay:
    """Return each account's last answered NPS on a scale of 0 to 10, at most 400 days old.

    Parameters and errors as in :func:`purchases_by_day`.
    """
    answers = read_visible(
        snapshot, "surveys", ("account_id", "score", "scale_top"),
        keep=lambda rows: (rows.kind == "nps") & (rows.outcome == "answered")
        & rows.score.notnull() & rows.account_id.isin(near.account_id),
    )  # fmt: skip
    account, answered = answers.codes("account_id", accounts), answers.days("answered_at")
    top = answers.floats("scale_top")
    top = np.where(top > 0, top, _TOP_SCORE)
    score = np.round(answers.floats("score") * _TOP_SCORE * STEPS / top) / STEPS

    def at(day: int, stands: Ints) -> Floats:
        seen = answers.at(day)
        seen = seen[(answered[seen] < day) & (answered[seen] >= day - AGE_CAP_DAYS)]
        last = last_of(stands[account[seen]], len(accounts))
        found = np.full(len(accounts), np.nan)
        found[last >= 0] = score[seen][last[last >= 0]]
        return found

    return at


def use_trend_by_day(snapshot: Snapshot, accounts: pa.Array, near: ibis.Table) -> ByDay:
    """Return the log of each account's use in the last 28 days against that in the last 84.

    Active users where they are measured, else events; windows end where the last span known of
    any account ends, so that a feed that lags does not look like a decline. NaN without use.
    Parameters and errors as in :func:`purchases_by_day`.
    """
    use = _read_use(snapshot, near)
    account, used = use.codes("account_id", accounts), use.days("used_at")
    span, amount = np.ceil(use.floats("span_days")), use.floats("amount")
    gauge = use.floats("is_gauge").astype(np.int64)

    def at(day: int, stands: Ints) -> Floats:
        reach = LONG_DAYS + _LATEST_LAG_DAYS + _LONGEST_SPAN_DAYS
        low, high = np.searchsorted(used, [day - reach, day])
        seen = np.arange(low, high)[use.is_seen(day)[low:high]]
        end = day - used[seen] - span[seen]
        age = end - np.clip(end.min(initial=_LATEST_LAG_DAYS), 0, _LATEST_LAG_DAYS)
        inside = age < LONG_DAYS
        rows, age = seen[inside], age[inside]
        # accounts by gauges first, then by events
        unit = stands[account[rows]] + np.where(gauge[rows] == 1, 0, len(accounts))
        trends = _trends(unit, age, np.stack([amount[rows], span[rows]]), 2 * len(accounts))
        return np.where(np.isnan(trends[: len(accounts)]), trends[len(accounts) :],
                        trends[: len(accounts)])  # fmt: skip

    return at


def _trends(unit: Ints, age: Floats, rows: Floats, count: int) -> Floats:
    """Return log rates of the short window over the long one, by unit, shape (count,)."""
    amount, span = rows
    exposed = np.zeros(count)
    np.maximum.at(exposed, unit, age + span)
    long = np.bincount(unit, weights=amount, minlength=count)
    recent = age < SHORT_DAYS
    short = np.bincount(unit[recent], weights=amount[recent], minlength=count)
    rates = [
        total / np.maximum(np.minimum(exposed, days), 1) / STEPS * _SMALL_PART
        for total, days in ((short, SHORT_DAYS), (long, LONG_DAYS))
    ]
    trend = np.log1p(rates[0]) - np.log1p(rates[1])
    return np.where(exposed > 0, trend, np.nan)


def _read_use(snapshot: Snapshot, near: ibis.Table) -> VisibleRows:
    """Read use summed over metrics of a role: whole thousandths, so that sums have no order."""
    others = [metric for role in ("key", "admin", "breadth") for metric in ROLES[role]]
    use = snapshot.versions("usage")
    use = use.filter(use.metric.notin(others) & use.account_id.isin(near.account_id))
    is_gauge = use.metric.isin(ROLES["active"])
    # a gauge counts by the days it stands for; events add up, here to a rate per week
    weight = is_gauge.ifelse(use.span_days.ceil(), ibis.literal(7.0))
    use = use.mutate(
        is_gauge=is_gauge.ifelse(1, 0),
        amount=((use.quantity * STEPS).round() * weight).cast("float64"),
    )
    keys = ["account_id", "used_at", "span_days", "is_gauge", "known_at", "void_at"]
    use = use.group_by(*keys).agg(amount=use.amount.sum())
    return as_visible(snapshot, use.order_by("used_at", *(key for key in keys if key != "used_at")))


def _count(groups: Ints, count: int) -> Floats:
    return np.bincount(groups, minlength=count).astype(np.float64)
