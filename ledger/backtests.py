"""Backtests: forecasts at past days beside what happened, and how right they were.

Accuracy of a leg at a week, over the periods whose actual A is known (P50 is the point forecast F):

- WAPE = sum |F - A| / sum |A|; bias share = sum (F - A) / sum A
- coverage shown = share of periods with P10 <= A <= P90, always beside its n
- interval score at 80 % (Gneiting and Raftery 2007) = mean of
  (P90 - P10) + 10 x (P10 - A if A < P10) + 10 x (A - P90 if A > P90)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, case, cast, func, not_, or_, select

from ledger.engine import Ledger
from ledger.rows import write_rows
from ledger.tables import backtests, current_runs

YARDSTICK = "seasonal_naive"
_PENALTY = 10.0  # 2 / alpha of the interval score, alpha = 0.2 for P10..P90


@dataclass(frozen=True)
class BacktestRow:
    """One vintage: a past forecast made with only what was known then.

    Attributes
    ----------
    origin
        The day it stands on; ``week`` counts from the period's first day.
    p10_minor, p50_minor, p90_minor, mean_minor, actual_minor
        Minor units of ``currency``; the actual is ``None`` until the period has ended.
    """

    period: str
    origin: date
    week: int
    node: str
    leg: str
    p10_minor: float
    p50_minor: float
    p90_minor: float
    mean_minor: float
    actual_minor: float | None
    currency: str


@dataclass(frozen=True)
class AccuracyRow:
    """How right a leg was at a week of the quarter, over ``n`` scored vintages.

    Attributes
    ----------
    periods_count
        Distinct periods among the n.
    wape, bias_share, coverage_share
        Shares; ``coverage_share`` is what P10-P90 caught, meant to be 0.8.
    interval_score_minor, width_minor
        Mean interval score and mean width P90 - P10, minor units.
    """

    week: int | None
    leg: str
    node: str
    n: int
    periods_count: int
    wape: float | None
    bias_share: float | None
    coverage_share: float
    interval_score_minor: float
    width_minor: float


_NAMES = [field.name for field in fields(BacktestRow)]


def write_backtests(ledger: Ledger, run_id: int, rows: Iterable[BacktestRow]) -> int:
    """Append vintages to an open run of kind ``backtest`` in chunks; return how many rows.

    Raises
    ------
    ConflictError
        A (period, origin, node, leg) occurs twice, or the run is closed.
    RowsError
        A number is not finite.
    """
    return write_rows(ledger, backtests, ({**asdict(row), "run_id": run_id} for row in rows))


def read_backtests(ledger: Ledger, period: str | None = None) -> list[BacktestRow]:
    """Return the vintages of the current backtest (of one period), by period and origin."""
    query = _visible(select(*[backtests.c[name] for name in _NAMES])).order_by(
        backtests.c.period, backtests.c.origin, backtests.c.node, backtests.c.leg
    )
    if period is not None:
        query = query.where(backtests.c.period == period)
    with ledger.reading() as connection:
        return [BacktestRow(*row) for row in connection.execute(query)]


def read_accuracy(
    ledger: Ledger, *, node: str | None = "total", by_week: bool = True
) -> list[AccuracyRow]:
    """Return accuracy by week and leg (or by leg over all weeks) from the current backtest.

    Only origins at which ``seasonal_naive`` spoke count, where it ever did: a leg that also spoke
    in the harder first year would look worse beside a rival that kept silent then.

    Parameters
    ----------
    node
        ``total``, ``segment=<name>``, or ``None`` for each node.
    by_week
        ``False`` pools the weeks; ``week`` is then ``None``.
    """
    keys = [backtests.c.leg, backtests.c.node]
    if by_week:
        keys = [backtests.c.week, *keys]
    query = _visible(select(*keys, *_measures())).where(
        backtests.c.actual_minor.is_not(None), _comparable()
    )
    if node is not None:
        query = query.where(backtests.c.node == node)
    with ledger.reading() as connection:
        found = connection.execute(query.group_by(*keys).order_by(*keys)).mappings()
        return [AccuracyRow(**{"week": None, **row}) for row in found]


@dataclass(frozen=True)
class Duel:
    """How often a leg was nearer than its rival, period by period (mean over its weeks).

    ``n`` periods is the honest sample size: weeks of one quarter are not independent.
    """

    leg: str
    rival: str
    node: str
    n: int
    wins: int
    wape_ratio: float | None


def read_duels(ledger: Ledger, *, rival: str, node: str = "total") -> list[Duel]:
    """Compare each leg with a rival leg over the origins where both spoke.

    ``wape_ratio`` below 1 means the leg was nearer than the rival.
    """
    ours, theirs = backtests.alias("ours"), backtests.alias("theirs")
    same = and_(
        *[ours.c[name] == theirs.c[name] for name in ("run_id", "period", "origin", "node")]
    )
    error = func.sum(func.abs(ours.c.p50_minor - ours.c.actual_minor))
    other = func.sum(func.abs(theirs.c.p50_minor - theirs.c.actual_minor))
    per_period = (
        select(ours.c.leg, error.label("error"), other.label("other"))
        .select_from(ours.join(theirs, same))
        .join(current_runs, current_runs.c.run_id == ours.c.run_id)
        .where(current_runs.c.kind == "backtest", theirs.c.leg == rival, ours.c.leg != rival)
        .where(ours.c.node == node, ours.c.actual_minor.is_not(None))
        .group_by(ours.c.leg, ours.c.period)
        .subquery()
    )
    wins = func.sum(cast(per_period.c.error < per_period.c.other, Integer))
    ratio = func.sum(per_period.c.error) / func.nullif(func.sum(per_period.c.other), 0)
    query = (
        select(per_period.c.leg, func.count().label("n"), wins.label("wins"), ratio.label("ratio"))
        .group_by(per_period.c.leg)
        .order_by(per_period.c.leg)
    )
    with ledger.reading() as connection:
        found = connection.execute(query).all()
    return [Duel(row.leg, rival, node, row.n, row.wins, row.ratio) for row in found]


def _comparable() -> ColumnElement[bool]:
    """Hold where the yardstick spoke too, or never speaks at the node."""
    naive = backtests.alias("naive")
    spoke = select(naive.c.id).where(naive.c.leg == YARDSTICK)
    at_node = spoke.where(naive.c.run_id == backtests.c.run_id, naive.c.node == backtests.c.node)
    here = at_node.where(naive.c.period == backtests.c.period, naive.c.origin == backtests.c.origin)
    return or_(here.exists(), not_(at_node.exists()))


def _visible(query: Select[Any]) -> Select[Any]:
    return query.join(current_runs, current_runs.c.run_id == backtests.c.run_id).where(
        current_runs.c.kind == "backtest"
    )


def _measures() -> list[Any]:
    row = backtests.c
    actual, miss = row.actual_minor, row.p50_minor - row.actual_minor
    width = row.p90_minor - row.p10_minor
    below = case((actual < row.p10_minor, row.p10_minor - actual), else_=0.0)
    above = case((actual > row.p90_minor, actual - row.p90_minor), else_=0.0)
    inside = and_(actual >= row.p10_minor, actual <= row.p90_minor)
    return [
        func.count().label("n"),
        func.count(row.period.distinct()).label("periods_count"),
        (func.sum(func.abs(miss)) / func.nullif(func.sum(func.abs(actual)), 0)).label("wape"),
        (func.sum(miss) / func.nullif(func.sum(actual), 0)).label("bias_share"),
        func.avg(case((inside, 1.0), else_=0.0)).label("coverage_share"),
        func.avg(width + _PENALTY * (below + above)).label("interval_score_minor"),
        func.avg(width).label("width_minor"),
    ]
