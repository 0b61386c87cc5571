"""How much a quarter usually changes against the same one a year before: what errors are held to.

The scale of a quarter rests on the quarters before it alone (Hyndman and Koehler 2006, in-sample
seasonal naive), from the newest knowledge of them; it needs a whole year of changes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from ledger.engine import Ledger
from ledger.vintage_scores import read_actuals
from ledger.vintages import Wanted
from lifecycle.periods import Quarter

SEASON = 4


@dataclass(frozen=True)
class Scale:
    """Mean absolute and mean squared change on a year before; minor units and their square."""

    absolute_minor: float
    squared_minor: float


def read_scales(ledger: Ledger, wanted: Wanted) -> dict[tuple[str, str], Scale]:
    """Return the scale by (node, period), without those that have none or one of zero.

    Raises
    ------
    UsageError
        The target is unknown.
    """
    series: defaultdict[str, dict[int, tuple[str, float]]] = defaultdict(dict)
    for row in read_actuals(ledger, wanted.target, node=wanted.node):
        series[row.node][_place(row.period)] = (row.period, row.actual_minor)
    return {
        (node, period): scale
        for node, known in series.items()
        for at, (period, _) in known.items()
        if (scale := _scale(known, before=at)) is not None
    }


def _scale(known: dict[int, tuple[str, float]], *, before: int) -> Scale | None:
    changes = [
        amount - known[at - SEASON][1]
        for at, (_, amount) in known.items()
        if at < before and at - SEASON in known
    ]
    if len(changes) < SEASON or not any(changes):
        return None
    count = len(changes)
    squares = sum(one * one for one in changes)
    return Scale(sum(map(abs, changes)) / count, squares / count)


def _place(period: str) -> int:
    quarter = Quarter.parse(period)
    return quarter.year * SEASON + quarter.number
