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

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    RowMapping,
    Select,
    case,
    cast,
    func,
    select,
)

from ledger.engine import Ledger
from ledger.proportions import wilson
from ledger.tables import score_outcomes

GROUPS = ("all", "untreated", "treated", "held_out")
BIN_EDGES = (0.0, 0.02, 0.05, 0.10, 0.20, 0.30, 0.50, 0.70, 1.0)
_row = score_outcomes.c
_LEFT = cast(_row.happened, Float)


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
            where = [_row.model == model, *_of_group(group)]
            sums = connection.execute(_sums(where)).mappings().all()
            orders = {
                (one.route, one.horizon_days): one for one in connection.execute(_orders(where))
            }
            bins = _read_bins(connection, where) if group == "all" else {}
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


def _sums(where: list[ColumnElement[bool]]) -> Select[Any]:
    miss = _row.value - _LEFT
    lost = case((_row.happened, func.coalesce(_row.value_if_kept_minor, 0.0)), else_=0.0)
    return (
        select(
            _row.route,
            _row.horizon_days,
            func.count().label("n"),
            func.count(_row.account_id.distinct()).label("accounts_count"),
            func.count(_row.as_of.distinct()).label("days_count"),
            func.min(_row.as_of).label("first"),
            func.max(_row.as_of).label("last"),
            func.sum(_LEFT).label("events"),
            func.sum(_row.value).label("risk"),
            func.avg(miss * miss).label("brier"),
            func.sum(func.coalesce(_row.expected_loss_minor, 0.0)).label("expected_loss_minor"),
            func.sum(lost).label("lost_minor"),
            func.max(_row.currency).label("currency"),
        )
        .where(*where)
        .group_by(_row.route, _row.horizon_days)
    )


def _orders(where: list[ColumnElement[bool]]) -> Select[Any]:
    """Select the leavers' summed mid-ranks, and who and who left among each day's top tenth."""
    of_route = [_row.route, _row.horizon_days]
    before = func.rank().over(partition_by=of_route, order_by=_row.value)
    ties = func.count().over(partition_by=[*of_route, _row.value])
    tenth = func.ntile(10).over(
        partition_by=[*of_route, _row.as_of], order_by=[_row.value.desc(), _row.account_id]
    )
    ranked = (
        select(
            *of_route,
            _LEFT.label("left_"),
            (before + (ties - 1) / 2.0).label("mid_rank"),
            tenth.label("tenth"),
        )
        .where(*where)
        .subquery()
    )
    top = case((ranked.c.tenth == 1, 1.0), else_=0.0)
    return select(
        ranked.c.route,
        ranked.c.horizon_days,
        func.sum(ranked.c.left_ * ranked.c.mid_rank).label("rank_sum"),
        func.sum(top).label("top"),
        func.sum(top * ranked.c.left_).label("top_left"),
    ).group_by(ranked.c.route, ranked.c.horizon_days)


def _read_bins(
    connection: Connection, where: list[ColumnElement[bool]]
) -> dict[tuple[str, int], list[RiskBin]]:
    edges = list(pairwise(BIN_EDGES))
    place = case(
        *[(_row.value < high, at) for at, (_, high) in enumerate(edges[:-1])], else_=len(edges) - 1
    )
    query = (
        select(
            _row.route,
            _row.horizon_days,
            place.label("place"),
            func.count().label("n"),
            func.count(_row.account_id.distinct()).label("accounts"),
            func.avg(_row.value).label("risk"),
            func.avg(_LEFT).label("rate"),
        )
        .where(*where)
        .group_by(_row.route, _row.horizon_days, place)
        .order_by(place)
    )
    found: dict[tuple[str, int], list[RiskBin]] = {}
    for row in connection.execute(query):
        low, high = wilson(row.rate * row.accounts, row.accounts)
        start, end = edges[row.place]
        one = RiskBin(start, end, row.n, row.accounts, row.risk, row.rate, low, high)
        found.setdefault((row.route, row.horizon_days), []).append(one)
    return found


def _record(row: RowMapping, group: str, *, order: Any, bins: list[RiskBin]) -> TrackRecord:
    n, events = int(row["n"]), float(row["events"])
    rate = events / n
    base, pairs = rate * (1 - rate), events * (n - events)
    low, high = wilson(rate * row["accounts_count"], row["accounts_count"])
    return TrackRecord(
        route=row["route"],
        horizon_days=row["horizon_days"],
        group=group,
        n=n,
        accounts_count=row["accounts_count"],
        days_count=row["days_count"],
        first_as_of=str(row["first"]),
        last_as_of=str(row["last"]),
        events_count=int(events),
        mean_risk=row["risk"] / n,
        leave_rate=rate,
        leave_rate_low=low,
        leave_rate_high=high,
        expected_to_seen=row["risk"] / events if events else None,
        brier=row["brier"],
        brier_base=base,
        brier_skill=1 - row["brier"] / base if base else None,
        auc=(order.rank_sum - events * (events + 1) / 2) / pairs if pairs else None,
        lift_top_tenth=order.top_left / order.top / rate if rate and order.top else None,
        expected_loss_minor=row["expected_loss_minor"],
        lost_minor=row["lost_minor"],
        currency=row["currency"],
        bins=bins,
    )
