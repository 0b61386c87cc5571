"""What a customer costs to win, and what it brings against that: CAC and CLV:CAC.

CAC of a cohort = marketing and sales cost of its quarter / customers won in it; of a channel = the
cost that names the channel, with cost that names none shared out by customers won. CLV here is
margin-based (`gross`: historic plus residual); set against fully loaded CAC, so cost is counted
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from lifecycle.metrics.movements import Movement
from lifecycle.snapshot import Snapshot

COUNTED = ("marketing", "sales")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Acquisition:
    """Customers won in one group, what they cost and what they are worth.

    Attributes
    ----------
    group
        ``2024Q1``-like cohort, or a channel.
    customers_count
        Customers won.
    cost_minor
        Marketing and sales cost (minor units).
    clv_minor
        Mean margin-based lifetime value of those whose value is known; ``None`` without any.
    """

    group: str
    customers_count: int
    cost_minor: int
    clv_minor: float | None

    @property
    def cac_minor(self) -> float | None:
        """Cost per customer won; ``None`` without customers."""
        return self.cost_minor / self.customers_count if self.customers_count else None

    @property
    def clv_to_cac(self) -> float | None:
        """Lifetime value over acquisition cost; ``None`` where either is unknown."""
        cac = self.cac_minor
        return self.clv_minor / cac if cac and self.clv_minor is not None else None


def name_cohort(day: date) -> str:
    """Return the calendar quarter of a day: ``2024Q1``."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def measure_cohorts(
    snapshot: Snapshot, movements: Sequence[Movement], clv_minor: Mapping[str, float]
) -> list[Acquisition]:
    """Measure CLV:CAC by quarter of winning.

    Parameters
    ----------
    clv_minor
        Account to margin-based lifetime value (historic + residual, minor units); those who left
        belong in it with their historic value alone, or the survivors' value is shown for all.

    Raises
    ------
    LakeError
        The lake cannot be read.
    """
    cost: dict[str, int] = {}
    for day, _, amount in _read_costs(snapshot):
        cost[name_cohort(day)] = cost.get(name_cohort(day), 0) + amount
    won: dict[str, list[str]] = {}
    for one in _wins(movements):
        won.setdefault(name_cohort(one.effective_on), []).append(one.account_id)
    return [_measure(group, won.get(group, []), spent, clv_minor) for group, spent in cost.items()]


def measure_channels(
    snapshot: Snapshot, movements: Sequence[Movement], clv_minor: Mapping[str, float]
) -> list[Acquisition]:
    """Measure CLV:CAC by the channel of the deal or lead that brought the customer.

    Raises
    ------
    LakeError
        The lake cannot be read.
    """
    costs = list(_read_costs(snapshot))
    if not costs:
        return []
    first = min(day for day, _, _ in costs)
    channels = _read_channels(snapshot)
    won: dict[str, list[str]] = {}
    for one in _wins(movements):
        if one.effective_on >= first:  # before, nobody wrote down what winning cost
            channel = channels.get(one.account_id, UNKNOWN)
            won.setdefault(channel, []).append(one.account_id)
    named: dict[str, int] = {}
    for _, source, amount in costs:
        named[source or ""] = named.get(source or "", 0) + amount
    shared, total = named.pop("", 0), sum(map(len, won.values()))
    found = []
    for group in sorted({*named, *won}):
        part = round(shared * len(won.get(group, [])) / total) if total else 0
        found.append(_measure(group, won.get(group, []), named.get(group, 0) + part, clv_minor))
    return found


def _measure(
    group: str, accounts: Sequence[str], cost: int, clv_minor: Mapping[str, float]
) -> Acquisition:
    known = [clv_minor[account] for account in accounts if account in clv_minor]
    mean = sum(known) / len(known) if known else None
    return Acquisition(group, len(accounts), cost, mean)


def _wins(movements: Iterable[Movement]) -> Iterable[Movement]:
    return (one for one in movements if one.kind == "new")


def _read_costs(snapshot: Snapshot) -> Iterable[tuple[date, str | None, int]]:
    costs = snapshot.table("costs")
    chosen = costs.filter(costs.kind.isin(COUNTED)).order_by("incurred_at", "cost_id")
    for row in snapshot.collect(
        chosen.select("incurred_at", "channel", "amount_minor")
    ).to_pylist():
        yield (
            row["incurred_at"].astimezone(snapshot.zone).date(),
            row["channel"],
            row["amount_minor"],
        )


def _read_channels(snapshot: Snapshot) -> dict[str, str]:
    leads = snapshot.table("leads")
    chosen = leads.filter(leads.account_id.notnull() & leads.channel.notnull())
    rows = snapshot.collect(chosen.order_by(leads.created_at.desc(), "lead_id"))
    # the earliest lead of an account wins: rows come newest first
    return {row["account_id"]: row["channel"] for row in rows.to_pylist()}
