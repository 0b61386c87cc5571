"""How wide: from past vintages' errors, leaning on how badly a plain rule missed such spans.

The spread belongs to what is still to come, so it closes as the quarter fills. Ranges are P10 to
P90 of a normal error. They are shown with their width and interval score; with eight quarters or
fewer no coverage is claimed, because the weeks of one quarter are one observation.

A quarter's revenue can fall below what is already booked wherever credits come later, so booked
revenue is a floor only for a node that has never had a day of negative revenue.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from models.forecast.naive import Span, year_ago_known
from models.forecast.sales import YEAR_DAYS, FloatArray, Sales
from models.forecast.track import Scored, squared_error

Z80 = NormalDist().inv_cdf(0.9)
PRIOR_SHARE = 0.15  # a common volume shock's standard deviation (methods, section 4.3)
PRIOR_QUARTERS = 8.0
STEP_DAYS = 28


def plain_error(sales: Sales, span: Span) -> FloatArray:
    """Return by node how far a plain rule missed past spans of that length, relative (1 = all).

    The rule is the same weekdays a year before, or, when no year-ago span is known, the span just
    before. Shrunk to a prior worth one span, since overlapping spans are few observations.
    """
    length, gap = max(span.days, 1), span.start - sales.days
    seasonal = year_ago_known(sales, span)
    lag = YEAR_DAYS if seasonal else length + gap
    sums = np.concatenate([np.zeros((len(sales.nodes), 1)), sales.net_minor.cumsum(axis=1)], axis=1)
    starts = np.arange(sales.days - length, lag - 1, -STEP_DAYS)
    count = max((sales.days - lag) / length, 0.0) if len(starts) else 0.0
    after = sums[:, starts + length] - sums[:, starts]
    before = sums[:, starts + length - lag] - sums[:, starts - lag]
    size = np.abs(after).mean(axis=1) if len(starts) else np.ones(len(sales.nodes))
    squares = ((after - before) ** 2).mean(axis=1) if len(starts) else np.zeros(len(sales.nodes))
    share = np.divide(squares, size**2, out=np.zeros_like(squares), where=size > 0)
    # One flat history proves nothing to vary: then there is nothing to add a prior to.
    prior = np.where((share == 0) & (count >= 1), 0.0, PRIOR_SHARE**2)
    return np.asarray(np.sqrt((count * share + prior) / (count + 1)))


def leg_spread(leg: str, plain: FloatArray, scored: Sequence[Scored], *, week: int) -> FloatArray:
    """Return a leg's relative error by node: past vintages near the week, shrunk to the plain one.

    Parameters
    ----------
    leg
        The leg's name.
    plain
        (nodes,) from `plain_error`.
    scored
        Past vintages, already scored.
    week
        Week of the quarter the forecast is made in.
    """
    squares = plain**2
    for rows, total in ((slice(0, 1), True), (slice(1, None), False)):
        error, quarters = squared_error(scored, leg, total=total, week=week)
        squares[rows] = (quarters * error + PRIOR_QUARTERS * squares[rows]) / (
            quarters + PRIOR_QUARTERS
        )
    return np.asarray(np.sqrt(squares))


def quantiles(
    means: FloatArray, deviations: FloatArray, floors: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return P10, P50 and P90 by node; none below its floor, each at least the one before."""
    p10 = np.maximum(means - Z80 * deviations, floors)
    p50 = np.maximum(means, p10)
    return p10, p50, np.maximum(means + Z80 * deviations, p50)


def floors(sales: Sales, to_date: FloatArray) -> FloatArray:
    """Return the least the quarter can be by node: what is booked, or none if credits undo it."""
    undone = (sales.net_minor < 0).any(axis=1)
    return np.where(undone, -np.inf, to_date)
