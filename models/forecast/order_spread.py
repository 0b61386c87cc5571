"""How badly a plain rule missed past spans of orders, and how low a quarter can still fall.

The spread belongs to what is still to come, so it closes as the quarter fills. A quarter's revenue
can fall below what is already booked wherever credits come later, so booked revenue is a floor only
for a node that has never had a day of negative revenue.
"""

from __future__ import annotations

import numpy as np

from models.forecast.naive import Span, year_ago_known
from models.forecast.sales import YEAR_DAYS, FloatArray, Sales

PRIOR_SHARE = 0.15  # a common volume shock's standard deviation (methods, section 4.3)
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


def floors(sales: Sales, to_date: FloatArray) -> FloatArray:
    """Return the least the quarter can be by node: what is booked, or none if credits undo it."""
    undone = (sales.net_minor < 0).any(axis=1)
    return np.where(undone, -np.inf, to_date)
