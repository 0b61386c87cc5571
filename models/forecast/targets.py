"""Targets and quotas as known at an origin, and which of them a forecast can be held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from lifecycle.periods import Quarter, day_start
from lifecycle.snapshot import Snapshot
from models.forecast.nodes import DIMENSIONS, TOTAL
from models.forecast.raw import BOOKINGS, ENDING_ARR, ORDERS, RENEWALS, REVENUE

COMPANY, INITIATIVE = "company", "initiative"

METRICS: Mapping[str, tuple[str, int]] = {
    "bookings": (BOOKINGS, 1),
    "new_arr": (BOOKINGS, 1),
    "new_mrr": (BOOKINGS, 12),
    "renewals": (RENEWALS, 1),
    "renewal_bookings": (RENEWALS, 1),
    "revenue": (REVENUE, 1),
    "recurring_revenue": (REVENUE, 1),
    "arr": (ENDING_ARR, 1),
    "ending_arr": (ENDING_ARR, 1),
    "mrr": (ENDING_ARR, 12),
    "orders": (ORDERS, 1),
    "order_revenue": (ORDERS, 1),
}
"""By a target's metric, the forecast it is held against, and how many of its unit make one.

Monthly amounts count twelve times: bookings and ARR are annual values.
"""

_COLUMNS = ("target_id", "level", "level_name", "metric", "period_start_on", "period_end_on",
            "amount_minor", "currency")  # fmt: skip

STOCKS = frozenset({ENDING_ARR})
LONGEST_DAYS = 5 * 366
"""A target of a longer period is a date that was never filled in, not a plan."""
"""Forecasts of a level on a day, not of what flows in over a period."""


@dataclass(frozen=True)
class Target:
    """One plan or quota, as it stood at the origin.

    Parameters
    ----------
    target_id
        Its key.
    level, level_name
        Whose: ``company``, a dimension and its value, or ``initiative`` and what it is bound to.
    metric
        What is measured, in the words of the source.
    start, end
        First day and first day after: its time limits.
    amount_minor, currency
        Money; ``None`` where it is none, or none is named.
    """

    target_id: str
    level: str
    level_name: str | None
    metric: str
    start: date
    end: date
    amount_minor: int | None
    currency: str | None = None

    @property
    def is_endless(self) -> bool:
        """Whether its period is too long to be meant: a first day of year 1, say."""
        return (self.end - self.start).days > LONGEST_DAYS


@dataclass(frozen=True)
class Aim:
    """A target that a forecast can be held against.

    Parameters
    ----------
    target
        As it was set.
    node
        The node of the forecast's tree that it is about.
    amount_minor
        In the unit of the forecast (a year's value where that is one), minor units.
    """

    target: Target
    node: str
    amount_minor: int


@dataclass(frozen=True)
class LeftOut:
    """A target of the period that is not held against the forecast, and why."""

    target: Target
    why: str


@dataclass(frozen=True)
class TargetHistory:
    """Every version of every target, read once: what each earlier day knew.

    Parameters
    ----------
    versions
        Instant from which each is known, batch that brought it, and the target; in that order.
    zone
        In which days begin.
    """

    versions: tuple[tuple[datetime, str, Target], ...]
    zone: ZoneInfo

    def known(self, day: date) -> list[Target]:
        """Return the targets as known before a day began, by id; a later version replaces one."""
        until = day_start(day, self.zone)
        return _newest([one for at, _, one in self.versions if at < until])


def read_target_history(snapshot: Snapshot) -> TargetHistory:
    """Return every version of the targets known on the snapshot's day.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    rows = snapshot.versions("targets")
    found = snapshot.collect(rows.select("known_at", "batch_id", *_COLUMNS)).to_pylist()
    told = [
        (row["known_at"], row["batch_id"], Target(*(row[name] for name in _COLUMNS)))
        for row in found
    ]
    told.sort(key=lambda one: (one[0], one[1]))
    return TargetHistory(tuple(told), snapshot.zone)


def read_targets(snapshot: Snapshot) -> list[Target]:
    """Return every target as the snapshot knows it, by id.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    return _newest([one for _, _, one in read_target_history(snapshot).versions])


def _newest(targets: Sequence[Target]) -> list[Target]:
    found = {one.target_id: one for one in targets}
    return [found[key] for key in sorted(found)]


def choose_aims(
    targets: Sequence[Target],
    quarter: Quarter,
    *,
    forecast: str,
    nodes: Sequence[str],
    currency: str,
) -> tuple[list[Aim], list[LeftOut]]:
    """Return the targets that touch a quarter and that its forecast answers; and the others, why.

    Targets of other forecasts are in neither: they are held against those.

    Parameters
    ----------
    quarter
        The forecast's.
    forecast
        Its target, such as ``bookings``.
    nodes
        Names of its tree.
    currency
        ISO 4217 code of its money.
    """
    aims: list[Aim] = []
    left_out: list[LeftOut] = []
    for target in targets:
        if target.end <= quarter.start or target.start >= quarter.end:
            continue
        about, unit = METRICS.get(target.metric, (None, 1))
        if about not in {None, forecast}:
            continue
        node = node_of(target, nodes)
        why = _why_not(target, quarter, node=node, currency=currency)
        if why:
            left_out.append(LeftOut(target, why))
        else:
            aims.append(Aim(target, str(node), int(target.amount_minor or 0) * unit))
    return aims, left_out


def node_of(target: Target, nodes: Sequence[str]) -> str | None:
    """Return the node a target is about; ``None`` where the tree has none.

    An initiative or launch is about what it is bound to: a node by its full name, such as
    ``product=P2``, or else a product of that name.

    Examples
    --------
    >>> launch = Target("T1", "initiative", "P2", "bookings", date(2012, 1, 1), date(2013, 1, 1), 5)
    >>> node_of(launch, ["total", "product=P1", "product=P2"])
    'product=P2'
    """
    if target.level == COMPANY:
        return TOTAL
    if target.level in DIMENSIONS:
        wanted = [f"{target.level}={target.level_name}"]
    else:
        wanted = [str(target.level_name), f"product={target.level_name}"]
    return next((name for name in wanted if name in nodes), None)


def _why_not(target: Target, quarter: Quarter, *, node: str | None, currency: str) -> str:
    """Return why a target cannot be held against a forecast; empty if it can."""
    if target.metric not in METRICS:
        return f"no forecast measures {target.metric!r}"
    if target.amount_minor is None:
        return "it is not an amount of money"
    if target.amount_minor <= 0:
        return "its amount is not above zero"
    if target.currency not in {None, currency}:
        return f"it is in {target.currency}, the forecast in {currency}"
    if target.start >= target.end:
        return "its period ends before it begins"
    if target.is_endless:
        return f"its period is longer than {LONGEST_DAYS} days, from {target.start}"
    if METRICS[target.metric][0] in STOCKS and target.end != quarter.end:
        return f"it is a level on {target.end}, the forecast one on {quarter.end}"
    if node is None:
        return f"the forecast has no node of {target.level} {target.level_name!r}"
    return ""
