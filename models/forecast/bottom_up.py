"""Revenue from below: orders of known customers, of new ones, and anonymous sales, each its way.

Named customers' purchases are counted, because counts carry the season with far less noise than
money: purchases on the same weekdays last year, times how busy the company is against last year,
times net revenue (credits and adjustments included) per purchase over the last 364 days. The
busyness decays: half of it is gone after a quarter, as common shocks do not last. Which share falls
to customers not known yet is read off past days: of the revenue in spans of the same length, the
share of accounts first seen inside the span. Anonymous sales have no buyers to count: halfway
between the same days last year and the last year's mean, as one past season cannot tell season from
chance. In the first year, when no year-ago span is known, recent daily rates stand in for all that.

The constants are the design's (methods, section 4.3: half-life of eight weeks for what is learnt
inside a quarter, half of a shock left after a quarter, a prior worth 45 events), not fitted here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.forecast.naive import Span, year_ago_known
from models.forecast.sales import YEAR_DAYS, FloatArray, Sales

LEARNING_HALF_LIFE_DAYS = 56
SHOCK_HALF_LIFE_DAYS = 91
PRIOR_PURCHASES = 45.0
NEW_SHARE_STEP_DAYS = 28
SETTLING_DAYS = 91  # before that most accounts are new only because the history begins


@dataclass(frozen=True)
class BottomUp:
    """Expected revenue of the span by node, minor units.

    Parameters
    ----------
    known, new, anonymous
        (nodes,): from customers seen before, not seen before, and without an account.
    """

    known: FloatArray
    new: FloatArray
    anonymous: FloatArray

    @property
    def total(self) -> FloatArray:
        """The three together; the total's row is the sum of the segments'."""
        return self.known + self.new + self.anonymous


def bottom_up(sales: Sales, span: Span) -> BottomUp:
    """Return the expected revenue of the span from each kind of buyer."""
    # a span far ahead may have its twin in a history that is itself shorter than a year
    if year_ago_known(sales, span) and sales.days > YEAR_DAYS:
        accounts = _value(sales) * _expected_purchases(sales, span)
        anonymous = _halfway(sales.anonymous_minor, span)
    else:
        accounts = _value(sales) * _recent_rate(sales.purchases_count) * span.days
        anonymous = _recent_rate(sales.anonymous_minor) * span.days
    accounts = _summed(accounts)
    new = new_share(sales, span)
    return BottomUp(accounts * (1 - new), accounts * new, _summed(anonymous))


def new_share(sales: Sales, span: Span) -> float:
    """Return the share of named revenue that falls to accounts first seen inside such a span.

    Measured on origins four weeks apart over the last year, with the same distance and length.
    """
    cohorts, gap = sales.cohorts, span.start - sales.days
    length = max(span.days, 1)
    origins = range(sales.days - gap - length, SETTLING_DAYS - 1, -NEW_SHARE_STEP_DAYS)
    origins = origins[: YEAR_DAYS // NEW_SHARE_STEP_DAYS]
    new = every = 0.0
    for origin in origins or [max(sales.days - gap - length, 0)]:
        inside = (cohorts.day >= origin + gap) & (cohorts.day < origin + gap + length)
        every += float(cohorts.net_minor[inside].sum())
        new += float(cohorts.net_minor[inside & (cohorts.first >= origin)].sum())
    return float(np.clip(new / every, 0.0, 1.0)) if every > 0 else 0.0


def _expected_purchases(sales: Sales, span: Span) -> FloatArray:
    ahead = np.arange(span.start, span.end) - sales.days
    decay = 0.5 ** (ahead / SHOCK_HALF_LIFE_DAYS)
    path = np.exp(np.log(_busyness(sales))[:, None] * decay)
    return np.asarray((sales.purchases_count[:, span.year_ago] * path).sum(axis=1))


def _busyness(sales: Sales) -> FloatArray:
    """Purchases against the same weekdays last year; small nodes lean on the whole company's."""
    counts = sales.purchases_count
    weight = _recency_weights(sales.days - YEAR_DAYS)
    now = counts[:, YEAR_DAYS:] @ weight
    before = counts[:, : sales.days - YEAR_DAYS] @ weight
    company = (now[0] + PRIOR_PURCHASES) / (before[0] + PRIOR_PURCHASES)
    return np.asarray((now + PRIOR_PURCHASES * company) / (before + PRIOR_PURCHASES))


def _value(sales: Sales) -> FloatArray:
    """Net revenue per purchase of named accounts over the last 364 days, minor units."""
    money = sales.accounts_minor[:, -YEAR_DAYS:].sum(axis=1)
    count = sales.purchases_count[:, -YEAR_DAYS:].sum(axis=1)
    return np.asarray(np.divide(money, count, out=np.zeros_like(money), where=count > 0))


def _halfway(daily: FloatArray, span: Span) -> FloatArray:
    last_year = daily[:, span.year_ago].sum(axis=1)
    return np.asarray((last_year + daily[:, -YEAR_DAYS:].mean(axis=1) * span.days) / 2)


def _recent_rate(daily: FloatArray) -> FloatArray:
    weight = _recency_weights(daily.shape[1])
    return np.asarray(daily @ weight / weight.sum())


def _recency_weights(days: int) -> FloatArray:
    return np.asarray(0.5 ** (np.arange(days)[::-1] / LEARNING_HALF_LIFE_DAYS), dtype=np.float64)


def _summed(by_node: FloatArray) -> FloatArray:
    by_node = by_node.copy()
    by_node[0] = by_node[1:].sum()
    return by_node
