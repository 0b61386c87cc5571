"""How right forecasts were, by leg, node and week of the quarter: one query for all that was said.

F is the P50, A the actual, both in minor units; sums run over judged vintages:

- WAPE = sum |F - A| / sum |A| (the one to look at first); bias share = sum (F - A) / |sum A|
- formulas in use elsewhere, each by its name, as means over vintages: ``truecast`` max(0, 1 -
  |F - A| / A), ``attainment`` F / A, ``one_minus_over_forecast`` 1 - |F - A| / F
- MASE and RMSSE (Hyndman and Koehler 2006): errors over the mean (root mean square) change of a
  quarter against the same one a year before, over the quarters before the one forecast
- WQL = 2 sum pinball / sum |A| over the deciles; CRPS share = sum CRPS / sum |A|
- coverage = share of actuals inside the interval; interval score at 80 % as kept by vintage
- PIT counts: how many actuals fell into each tenth of what was said; level is right
- stability = sum |F - F a week before| / sum |A|: how much it moved from week to week

No measure divides by a single quarter's actual but those that others use. Where a sum below the
line is zero the measure is ``None``, never infinite.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

from sqlalchemy import CTE, ColumnElement, RowMapping, Select, and_, case, func, or_, select

from ledger.engine import Ledger
from ledger.forecast_tables import vintages
from ledger.ladder import rung
from ledger.scales import Scale, read_scales
from ledger.vintages import Wanted, judged_vintages

YARDSTICK = "seasonal_naive"
PIT_BINS = 10


@dataclass(frozen=True)
class AccuracyRow:
    """How right a leg was at a node, over n judged vintages.

    Attributes
    ----------
    week
        Week of the quarter, negative before it began; ``None``: all weeks from 0 on.
    n, periods_count
        Vintages, and the distinct quarters among them: the honest sample size.
    whole_count
        Vintages whose whole distribution was kept: n of WQL, CRPS, PIT and the 50 and 95 %.
    scaled_count
        Vintages with a year of changes before their quarter: n of MASE and RMSSE.
    formulas
        Accuracies in use elsewhere by name; see the module.
    width80_minor, score80_minor
        Mean width P90 - P10 and mean interval score, minor units.
    """

    leg: str
    node: str
    week: int | None
    n: int
    periods_count: int
    whole_count: int
    scaled_count: int
    wape: float | None
    bias_share: float | None
    mase: float | None
    rmsse: float | None
    wql: float | None
    crps_share: float | None
    coverage50: float | None
    coverage80: float
    coverage95: float | None
    width80_minor: float
    score80_minor: float
    pit_counts: tuple[int, ...]
    stability: float | None
    formulas: Mapping[str, float | None]


Key = tuple[str, str, int | None]

_FORMULAS = ("truecast", "attainment", "one_minus_over_forecast")


def read_accuracy(ledger: Ledger, wanted: Wanted, *, by_week: bool = True) -> list[AccuracyRow]:
    """Return accuracy by week, node and leg, the legs from the plainest to what is served.

    Only origins at which ``seasonal_naive`` spoke count, where it ever did at the node: a leg that
    also spoke in the harder first year would look worse beside a rival that kept silent then.

    Parameters
    ----------
    wanted
        Target, source, node and leg; leg ``served`` is whatever was served.
    by_week
        ``False`` pools the weeks from 0 on; ``week`` is then ``None``.

    Raises
    ------
    UsageError
        The target is unknown.
    """
    judged = _comparable(wanted, by_week)
    keys = _keys(judged, by_week)
    sums = select(*keys, judged.c.period, *_sums(judged)).group_by(*keys, judged.c.period)
    scales = read_scales(ledger, wanted)
    groups: defaultdict[Key, list[RowMapping]] = defaultdict(list)
    with ledger.reading() as connection:
        for row in connection.execute(sums).mappings():
            groups[_key(row)].append(row)
        steps = connection.execute(_steps(judged, by_week)).mappings()
        moved = {_key(row): _share(row["moved"], row["size"]) for row in steps}
    rows = [
        _accuracy(key, group, scales=scales, stability=moved.get(key))
        for key, group in groups.items()
    ]
    return sorted(rows, key=lambda one: (one.week or 0, one.node, rung(one.leg)))


def _comparable(wanted: Wanted, by_week: bool) -> CTE:
    """Select what was judged where the yardstick spoke too, or never speaks at the node."""
    every, naive = judged_vintages(wanted), vintages.alias("naive")
    keys = ("run_id", "node", "period", "origin")
    spoke = and_(
        naive.c.target == wanted.target,
        naive.c.leg == YARDSTICK,
        *[naive.c[name] == every.c[name] for name in keys],
    )
    ever = judged_vintages(replace(wanted, leg=YARDSTICK))
    query = (
        select(every)
        .outerjoin(naive, spoke)
        .where(or_(naive.c.id.is_not(None), every.c.node.not_in(select(ever.c.node))))
    )
    return (query if by_week else query.where(every.c.week >= 0)).cte()


def _keys(judged: CTE, by_week: bool) -> list[ColumnElement[Any]]:
    names = ("leg", "node", "week") if by_week else ("leg", "node")
    return [judged.c[name] for name in names]


def _key(row: RowMapping) -> Key:
    return row["leg"], row["node"], row.get("week")


def _sums(judged: CTE) -> list[ColumnElement[Any]]:
    here = judged.c
    size, miss = func.abs(here.actual_minor), func.abs(here.error_minor)
    sums: dict[str, ColumnElement[Any]] = {
        "abs_error": miss,
        "error": here.error_minor,
        "squared_error": here.error_minor * here.error_minor,
        "actual": here.actual_minor,
        "abs_actual": size,
        "whole_actual": case((here.crps_minor.is_not(None), size), else_=0.0),
        "pinball": here.pinball_minor,
        "crps": here.crps_minor,
        "width80": here.width80_minor,
        "score80": here.score80_minor,
        **{f"in{one}": case((here[f"inside{one}"], 1.0), else_=0.0) for one in (50, 80, 95)},
        **{f"pit{at}": case((_in_bin(here.pit, at), 1), else_=0) for at in range(PIT_BINS)},
    }
    others = _formulas(judged)
    counts = [func.count(value).label(f"{name}_n") for name, value in others.items()]
    summed = [func.sum(value).label(name) for name, value in (sums | others).items()]
    return [func.count().label("n"), func.count(here.crps_minor).label("whole"), *counts, *summed]


def _formulas(judged: CTE) -> dict[str, ColumnElement[Any]]:
    """Accuracies in use elsewhere; null where they have no value."""
    said, actual = judged.c.p50_minor, judged.c.actual_minor
    miss = func.abs(judged.c.error_minor)
    near = case((miss < actual, 1 - miss / actual), else_=0.0)
    values = (
        case((actual > 0, near)),
        case((actual > 0, said / actual)),
        case((said > 0, 1 - miss / said)),
    )
    return dict(zip(_FORMULAS, values, strict=True))


def _in_bin(pit: ColumnElement[Any], at: int) -> ColumnElement[bool]:
    low, high = at / PIT_BINS, (at + 1) / PIT_BINS
    return and_(pit >= low, pit <= high if at == PIT_BINS - 1 else pit < high)


def _steps(judged: CTE, by_week: bool) -> Select[Any]:
    """Select, by leg and node, how far P50 moved from week to week: of each week its first day."""
    here = judged.c
    names = (here.leg, here.node, here.period, here.week, here.p50_minor, here.actual_minor)
    of_week = func.row_number().over(partition_by=names[:4], order_by=here.origin)
    firsts = select(*names, of_week.label("place")).subquery("firsts")
    one = firsts.c
    series = (one.leg, one.node, one.period)
    before = [
        func.lag(one[name]).over(partition_by=series, order_by=one.week).label(f"{name}_before")
        for name in ("p50_minor", "week")
    ]
    pairs = (
        select(one.leg, one.node, one.week, one.p50_minor, one.actual_minor, *before)
        .where(one.place == 1)
        .subquery("pairs")
    )
    keys = [pairs.c.leg, pairs.c.node, *([pairs.c.week] if by_week else [])]
    moved = func.sum(func.abs(pairs.c.p50_minor - pairs.c.p50_minor_before)).label("moved")
    size = func.sum(func.abs(pairs.c.actual_minor)).label("size")
    adjacent = pairs.c.week_before == pairs.c.week - 1
    return select(*keys, moved, size).where(adjacent).group_by(*keys)


def _accuracy(
    key: Key,
    periods: Sequence[RowMapping],
    *,
    scales: Mapping[tuple[str, str], Scale],
    stability: float | None,
) -> AccuracyRow:
    leg, node, week = key
    names = [name for name in periods[0] if name not in {"leg", "node", "week", "period"}]
    total = {name: sum(row[name] or 0 for row in periods) for name in names}
    n, whole, size = total["n"], total["whole"], total["abs_actual"]
    return AccuracyRow(
        leg=leg,
        node=node,
        week=week,
        n=n,
        periods_count=len(periods),
        whole_count=whole,
        **_scaled(node, periods, scales),
        wape=_share(total["abs_error"], size),
        bias_share=_share(total["error"], abs(total["actual"])),
        wql=_share(2 * total["pinball"], total["whole_actual"]),
        crps_share=_share(total["crps"], total["whole_actual"]),
        coverage50=_share(total["in50"], whole),
        coverage80=total["in80"] / n,
        coverage95=_share(total["in95"], whole),
        width80_minor=total["width80"] / n,
        score80_minor=total["score80"] / n,
        pit_counts=tuple(int(total[f"pit{at}"]) for at in range(PIT_BINS)),
        stability=stability,
        formulas={name: _share(total[name], total[f"{name}_n"]) for name in _FORMULAS},
    )


def _scaled(
    node: str, periods: Sequence[RowMapping], scales: Mapping[tuple[str, str], Scale]
) -> dict[str, Any]:
    """Return MASE, RMSSE and their n over the quarters that have a scale."""
    count, absolute, squared = 0, 0.0, 0.0
    for row in periods:
        scale = scales.get((node, row["period"]))
        if scale is not None:
            count += row["n"]
            absolute += row["abs_error"] / scale.absolute_minor
            squared += row["squared_error"] / scale.squared_minor
    mean = _share(squared, count)
    return {
        "scaled_count": count,
        "mase": _share(absolute, count),
        "rmsse": None if mean is None else sqrt(mean),
    }


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
