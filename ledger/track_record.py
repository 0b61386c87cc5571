"""How right issued risks were: by route and horizon, with and without treated accounts.

Over the n scores of a group, with risk p and y = 1 if the account left:

- Brier = mean (p - y)^2; its yardstick is the group's own leave rate r said of everybody, whose
  Brier is r (1 - r); skill = 1 - Brier / (r (1 - r))
- AUC = (sum of the leavers' mid-ranks - l (l + 1) / 2) / (l s), with l leavers and s stayers
- lift of the top tenth = leave rate of each day's highest tenth by risk / leave rate
- money: sum of expected losses beside the sum of the values that left

Scores of one account at many days are not independent, so intervals count each account once
(Wilson 1927 with the number of distinct accounts as n).
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, case, func, select

from ledger.engine import Ledger
from ledger.judged import Bin, Judged, area_under_curve, read_bins, select_orders, select_sums
from ledger.proportions import wilson
from ledger.tables import score_outcomes

GROUPS = ("all", "untreated", "treated", "held_out")
_row = score_outcomes.c


@dataclass(frozen=True)
class RiskBin:
    """Scores of about the same risk: what was said beside what happened, n beside both."""

    risk_from: float
    risk_to: float
    n: int
    accounts_count: int
    mean_risk: float
    leave_rate: float
    leave_rate_low: float
    leave_rate_high: float


@dataclass(frozen=True)
class TrackRecord:
    """How right the risks of one route and horizon were, in one group of accounts.

    Attributes
    ----------
    group
        ``all``, ``untreated``, ``treated`` or ``held_out``.
    n, accounts_count, days_count
        Scores, distinct accounts (the honest sample size), and distinct days they stood on.
    events_count
        Scores whose account left within the horizon.
    expected_to_seen
        Sum of risks over leavers: 1 is right on the whole; ``None`` if nobody left.
    brier_base, brier_skill, auc, lift_top_tenth
        See the module; ``None`` where all or none left.
    expected_loss_minor, lost_minor
        Sum of expected losses, and of the values that did leave.
    bins
        Reliability table; empty except in the group ``all``.
    """

    route: str
    horizon_days: int
    group: str
    n: int
    accounts_count: int
    days_count: int
    first_as_of: str
    last_as_of: str
    events_count: int
    mean_risk: float
    leave_rate: float
    leave_rate_low: float
    leave_rate_high: float
    expected_to_seen: float | None
    brier: float
    brier_base: float
    brier_skill: float | None
    auc: float | None
    lift_top_tenth: float | None
    expected_loss_minor: float
    lost_minor: float
    currency: str | None
    bins: list[RiskBin]


def read_track_record(ledger: Ledger, model: str) -> list[TrackRecord]:
    """Return the record of a model's matured scores by route, horizon (days) and group.

    Groups without a score are left out; before the first matured score the list is empty.
    """
    records = []
    with ledger.reading() as connection:
        for group in GROUPS:
            judged = _judged(_row.model == model, *_of_group(group))
            sums = connection.execute(select_sums(judged, *_money())).mappings().all()
            orders = {
                (one.route, one.horizon_days): one
                for one in connection.execute(select_orders(judged))
            }
            bins = read_bins(connection, judged) if group == "all" else {}
            for one in sums:
                key = (one["route"], one["horizon_days"])
                records.append(_record(one, group, order=orders[key], bins=bins.get(key, [])))
    return sorted(records, key=lambda one: (one.route, one.horizon_days, GROUPS.index(one.group)))


def count_outcomes(ledger: Ledger) -> int:
    """Return the number of outcomes written so far: a record changes only with it."""
    with ledger.reading() as connection:
        return int(connection.scalar(select(func.coalesce(func.max(_row.id), 0))) or 0)


def _of_group(group: str) -> list[ColumnElement[bool]]:
    if group == "all":
        return []
    if group == "held_out":
        return [_row.arm == "held_out"]
    return [_row.treated.is_(group == "treated")]


def _judged(*where: ColumnElement[bool]) -> Judged:
    keys = (_row.route, _row.horizon_days)
    return Judged(_row.value, _row.happened, _row.account_id, _row.as_of, keys, where)


def _money() -> list[ColumnElement[Any]]:
    lost = case((_row.happened, func.coalesce(_row.value_if_kept_minor, 0.0)), else_=0.0)
    return [
        func.sum(func.coalesce(_row.expected_loss_minor, 0.0)).label("expected_loss_minor"),
        func.sum(lost).label("lost_minor"),
        func.max(_row.currency).label("currency"),
    ]


def _record(row: RowMapping, group: str, *, order: Any, bins: list[Bin]) -> TrackRecord:
    n, events = int(row["n"]), float(row["events"])
    rate = events / n
    base = rate * (1 - rate)
    low, high = wilson(rate * row["units_count"], row["units_count"])
    return TrackRecord(
        route=row["route"],
        horizon_days=row["horizon_days"],
        group=group,
        n=n,
        accounts_count=row["units_count"],
        days_count=row["days_count"],
        first_as_of=str(row["first"]),
        last_as_of=str(row["last"]),
        events_count=int(events),
        mean_risk=row["said"] / n,
        leave_rate=rate,
        leave_rate_low=low,
        leave_rate_high=high,
        expected_to_seen=row["said"] / events if events else None,
        brier=row["brier"],
        brier_base=base,
        brier_skill=1 - row["brier"] / base if base else None,
        auc=area_under_curve(order.rank_sum, events, n),
        lift_top_tenth=order.top_seen / order.top / rate if rate and order.top else None,
        expected_loss_minor=row["expected_loss_minor"],
        lost_minor=row["lost_minor"],
        currency=row["currency"],
        bins=[RiskBin(*astuple(one)) for one in bins],
    )
