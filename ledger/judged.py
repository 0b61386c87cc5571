"""Chances beside what came of them, summed up in SQL: for accounts that left, for deals that won.

With chance p and y = 1 where it happened, n rows of distinct units (accounts, deals):

- Brier = mean (p - y)^2
- mid-rank = rank + (ties - 1) / 2: from the sum over the rows that happened comes the AUC
- reliability table: mean p beside the share of y in bins of p; its intervals count each unit once
  (Wilson 1927), for rows of one unit on many days are not independent
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from ledger.proportions import wilson

BIN_EDGES = (0.0, 0.02, 0.05, 0.10, 0.20, 0.30, 0.50, 0.70, 1.0)


@dataclass(frozen=True)
class Judged:
    """Which rows, and in which columns they say what.

    Attributes
    ----------
    chance, happened, unit, as_of
        What was said (0-1), whether it happened, of whom, and on which day.
    keys
        Columns by which rows are grouped; none puts all into one group.
    where
        Conditions on the rows.
    """

    chance: ColumnElement[Any]
    happened: ColumnElement[Any]
    unit: ColumnElement[Any]
    as_of: ColumnElement[Any]
    keys: tuple[ColumnElement[Any], ...]
    where: tuple[ColumnElement[bool], ...] = ()

    @property
    def seen(self) -> ColumnElement[float]:
        """1 where it happened, else 0."""
        return case((self.happened, 1.0), else_=0.0)


@dataclass(frozen=True)
class Bin:
    """Rows of about the same chance: what was said beside what was seen, n beside both."""

    low: float
    high: float
    n: int
    units_count: int
    mean_said: float
    share_seen: float
    seen_low: float
    seen_high: float


def select_sums(judged: Judged, *more: ColumnElement[Any]) -> Select[Any]:
    """Select n, units_count, days_count, first, last, events, said (sum) and brier by group.

    Parameters
    ----------
    more
        Further labelled sums.
    """
    miss = judged.chance - judged.seen
    return (
        select(
            *judged.keys,
            func.count().label("n"),
            func.count(judged.unit.distinct()).label("units_count"),
            func.count(judged.as_of.distinct()).label("days_count"),
            func.min(judged.as_of).label("first"),
            func.max(judged.as_of).label("last"),
            func.sum(judged.seen).label("events"),
            func.sum(judged.chance).label("said"),
            func.avg(miss * miss).label("brier"),
            *more,
        )
        .where(*judged.where)
        .group_by(*judged.keys)
    )


def select_orders(judged: Judged) -> Select[Any]:
    """Select rank_sum (mid-ranks of what happened), top and top_seen (each day's top tenth)."""
    before = func.rank().over(partition_by=judged.keys, order_by=judged.chance)
    ties = func.count().over(partition_by=[*judged.keys, judged.chance])
    tenth = func.ntile(10).over(
        partition_by=[*judged.keys, judged.as_of], order_by=[judged.chance.desc(), judged.unit]
    )
    ranked = (
        select(
            *judged.keys,
            judged.seen.label("seen"),
            (before + (ties - 1) / 2.0).label("mid_rank"),
            tenth.label("tenth"),
        )
        .where(*judged.where)
        .subquery()
    )
    keys = list(ranked.c)[: len(judged.keys)]
    top = case((ranked.c.tenth == 1, 1.0), else_=0.0)
    return select(
        *keys,
        func.sum(ranked.c.seen * ranked.c.mid_rank).label("rank_sum"),
        func.sum(top).label("top"),
        func.sum(top * ranked.c.seen).label("top_seen"),
    ).group_by(*keys)


def read_bins(connection: Connection, judged: Judged) -> dict[tuple[Any, ...], list[Bin]]:
    """Return the reliability table of each group, by the values of its keys."""
    edges = list(pairwise(BIN_EDGES))
    place = case(
        *[(judged.chance < high, at) for at, (_, high) in enumerate(edges[:-1])],
        else_=len(edges) - 1,
    )
    query = (
        select(
            *judged.keys,
            place.label("place"),
            func.count().label("n"),
            func.count(judged.unit.distinct()).label("units"),
            func.avg(judged.chance).label("said"),
            func.avg(judged.seen).label("share"),
        )
        .where(*judged.where)
        .group_by(*judged.keys, place)
        .order_by(place)
    )
    found: dict[tuple[Any, ...], list[Bin]] = {}
    for row in connection.execute(query):
        seen = wilson(row.share * row.units, row.units)
        low, high = edges[row.place]
        one = Bin(low, high, row.n, row.units, row.said, row.share, *seen)
        found.setdefault(tuple(row[: len(judged.keys)]), []).append(one)
    return found


def area_under_curve(rank_sum: float, events: float, n: int) -> float | None:
    """Return the AUC from the summed mid-ranks of what happened; None where all or none did."""
    pairs = events * (n - events)
    return (rank_sum - events * (events + 1) / 2) / pairs if pairs else None
