"""The one call that forecasts a quarter; the nightly refresh and the backtest both use it.

Revenue of a quarter = what is known of its days before ``as_of`` + each leg's rest. The combined
leg weighs the others' rests; its means are reconciled, so the total is the sum of its segments. The
plain rules are sums of past days and add up by themselves, so any served tree adds up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lifecycle.errors import NotEnoughHistoryError, UsageError
from lifecycle.periods import Quarter
from models.forecast.bottom_up import BottomUp, bottom_up
from models.forecast.combine import INFORMATION, choose_served, leg_weights, reconcile
from models.forecast.intervals import floors, leg_spread, plain_error, quantiles
from models.forecast.naive import Span, last_quarter, remaining, seasonal_naive
from models.forecast.order_series import time_series_legs
from models.forecast.sales import FloatArray, KnownFacts, Sales, read_sales
from models.forecast.track import Scored, same_footing, score_past
from models.forecast.vintages import (
    COMBINED,
    LAST_QUARTER,
    PARTS,
    SEASONAL_NAIVE,
    TOTAL,
    LegForecast,
    QuarterForecast,
    Vintage,
)

__all__ = ["LegForecast", "QuarterForecast", "Vintage", "forecast_quarter", "forecast_sales"]

FEWEST_DAYS = 182
FURTHEST_QUARTERS = 2


def forecast_quarter(
    snapshot: KnownFacts, quarter: Quarter, *, past: Sequence[Vintage] = ()
) -> QuarterForecast:
    """Forecast a quarter's revenue, in total and by segment, from what one snapshot knows.

    Parameters
    ----------
    snapshot
        What was known before ``as_of``.
    quarter
        The running quarter or one of the next two; a past one answers with what is known of it.
    past
        Earlier forecasts. Only those of quarters that had ended by the snapshot's day are looked
        at, scored against the snapshot's own facts; they set weights, widths and the served leg.

    Raises
    ------
    NotEnoughHistoryError
        Fewer than 26 weeks are known.
    UsageError
        The quarter begins more than two quarters ahead.
    """
    return forecast_sales(read_sales(snapshot), snapshot, quarter, past=past)


def forecast_sales(
    sales: Sales, snapshot: KnownFacts, quarter: Quarter, *, past: Sequence[Vintage] = ()
) -> QuarterForecast:
    """Forecast as `forecast_quarter` does, from revenue already read off the same snapshot."""
    _check_reach(sales, quarter)
    span, week = remaining(sales, quarter), quarter.week_of(sales.as_of)
    to_date = sales.between(quarter.start, quarter.end)
    buyers = bottom_up(sales, span)
    rests = _rests(sales, quarter, span, buyers)
    scored = score_past(past, sales, quarter.calendar)
    scored = same_footing(scored, seasonal=SEASONAL_NAIVE in rests)
    spread = _Spread(sales, span, scored, week)
    weights, rests[COMBINED], deviation = _combine(rests, spread)
    served, verdict = choose_served(scored, list(rests))
    least = floors(sales, to_date)
    legs: list[LegForecast] = []
    for leg, rest in rests.items():
        width = deviation if leg == COMBINED else spread.of(leg, rest)
        points = quantiles(to_date + rest, width, least)
        legs += _rows(sales.nodes, leg, (*points, to_date + rest))
    return QuarterForecast(
        quarter=quarter,
        as_of=snapshot.as_of,
        week=week,
        legs=tuple(legs),
        served=dict.fromkeys(sales.nodes, served),
        weights={node: weights[node == TOTAL] for node in sales.nodes},
        parts=_parts(sales.nodes, to_date, rests[served], buyers),
        actual_to_date_minor=float(to_date[0]),
        verdict=verdict,
    )


@dataclass(frozen=True)
class _Spread:
    """The standard deviation of a leg's error, by node."""

    sales: Sales
    span: Span
    scored: Sequence[Scored]
    week: int

    def of(self, leg: str, rest: FloatArray) -> FloatArray:
        plain = plain_error(self.sales, self.span)
        return leg_spread(leg, plain, self.scored, week=self.week) * np.abs(rest)


def _rests(sales: Sales, quarter: Quarter, span: Span, buyers: BottomUp) -> dict[str, FloatArray]:
    rests = {
        SEASONAL_NAIVE: seasonal_naive(sales, quarter),
        LAST_QUARTER: last_quarter(sales, quarter),
        "bottom_up": buyers.total,
        **time_series_legs(sales, span),
    }
    return {leg: rest for leg, rest in rests.items() if rest is not None}


def _combine(
    rests: Mapping[str, FloatArray], spread: _Spread
) -> tuple[dict[bool, dict[str, float]], FloatArray, FloatArray]:
    """Return weights (of total: True, of segments: False), the combined rest and its deviation."""
    names = [leg for leg in rests if leg in INFORMATION]
    weights = {
        total: leg_weights(names, spread.scored, total=total, week=spread.week)
        for total in (True, False)
    }
    stack = np.stack([rests[leg] for leg in names])
    share = np.stack([[weights[True][leg], weights[False][leg]] for leg in names])
    share = share[:, [0] + [1] * (stack.shape[1] - 1)]
    mean = (share * stack).sum(axis=0)
    disagreement = np.sqrt((share * (stack - mean) ** 2).sum(axis=0))
    deviation = np.maximum(spread.of(COMBINED, mean), disagreement)
    if SEASONAL_NAIVE in rests:
        # Disagreement between legs must not make us less sure than the rule we mean to beat.
        deviation = np.minimum(deviation, spread.of(SEASONAL_NAIVE, rests[SEASONAL_NAIVE]))
    return weights, reconcile(mean, deviation**2), deviation


def _rows(nodes: Sequence[str], leg: str, columns: tuple[FloatArray, ...]) -> list[LegForecast]:
    return [
        LegForecast(node, leg, *(float(column[row]) for column in columns))
        for row, node in enumerate(nodes)
    ]


def _parts(
    nodes: Sequence[str], to_date: FloatArray, rest: FloatArray, buyers: BottomUp
) -> dict[str, dict[str, float]]:
    """Split the served rest as the buyers' leg splits its own; the total's parts are sums."""
    kinds = np.stack([buyers.known, buyers.new, buyers.anonymous])
    size = np.abs(kinds)
    share = np.divide(size, size.sum(axis=0), out=np.full_like(size, 1 / 3), where=size.sum(0) > 0)
    split = kinds + (rest - kinds.sum(axis=0)) * share
    split[:, 0] = split[:, 1:].sum(axis=1)
    every = np.vstack([to_date, split])
    return {
        node: {part: float(every[at, row]) for at, part in enumerate(PARTS)}
        for row, node in enumerate(nodes)
    }


def _check_reach(sales: Sales, quarter: Quarter) -> None:
    if sales.days < FEWEST_DAYS:
        raise NotEnoughHistoryError(
            f"{sales.days} days of orders known before {sales.as_of}",
            f"at least {FEWEST_DAYS} days",
            "choose a later day, or ingest older orders",
        )
    furthest = Quarter.containing(sales.as_of, quarter.calendar).shift(FURTHEST_QUARTERS)
    if quarter.start > furthest.start:
        raise UsageError(
            f"quarter {quarter} seen from {sales.as_of}",
            f"a quarter no later than {furthest}",
            "choose an earlier quarter or a later day",
        )
