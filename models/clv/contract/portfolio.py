"""The book as a whole: its interval with common shocks, and the retention that its values imply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.base import Examples, FloatArray
from models.clv.contract.cash import FIRST_YEAR, Plan
from models.clv.contract.draws import QUANTILES
from models.clv.contract.rows import MONTH_DAYS, After, Contracts, Names
from models.contract.events import unit_numbers

PRIOR_SHOCK_SD = 0.2
PRIOR_MONTHS = 24.0
LEAST_LEAVES = 0.5
YEAR_DAYS = 365.0


@dataclass(frozen=True)
class Interval:
    """What a book is worth (minor units): expected, and its 10, 50 and 90 % points."""

    expected_minor: float
    p10_minor: float
    p50_minor: float
    p90_minor: float


@dataclass(frozen=True)
class NetRetention:
    """MRR a year later of accounts held today, over theirs today, growth of stayers included.

    Attributes
    ----------
    segment
        Its name; ``all`` for the book.
    implied, trailing
        By the model for the year ahead; as it was over the past ones (None without any).
    mrr_minor
        MRR of the accounts the implied ratio speaks of (minor units).
    """

    segment: str
    implied: float
    trailing: float | None
    mrr_minor: float


def measure_portfolio(values: FloatArray, expected: FloatArray) -> Interval:
    """Return the interval of the total.

    Parameters
    ----------
    values
        Shape (draws, n). Futures of every account, shocks in common.
    expected
        Shape (n,). Expected values.
    """
    total = values.sum(axis=1)
    low, middle, high = (float(v) for v in np.quantile(total, QUANTILES))
    return Interval(float(expected.sum()), low, middle, high)


def fit_shock(examples: Examples, chance: FloatArray) -> float:
    """Return the standard deviation of the common log hazard, from past months.

    In each past month leavers were counted and expected; their log ratio varies by more than
    counting would (1 / expected) where all accounts moved together. Past days that overlap add
    nothing, so that a month counts once; the result is drawn to 0.2 as if by 24 months.

    Parameters
    ----------
    examples
        Past days with outcomes.
    chance
        Shape (n,). Expected chance to decide to leave within a month.
    """
    after = After.read(examples)
    seen = after.observed >= MONTH_DAYS
    left = after.left_within(MONTH_DAYS)
    parts, weights = [], []
    for day in np.unique(examples.as_of[seen]):
        rows = seen & (examples.as_of == day)
        expected, actual = float(chance[rows].sum()), float(left[rows].sum())
        ratio = np.log((actual + LEAST_LEAVES) / (expected + LEAST_LEAVES))
        parts.append(ratio**2 - 1.0 / (expected + LEAST_LEAVES))
        weights.append(expected / (expected + 1.0 / PRIOR_SHOCK_SD**2))
    own = max(float(np.dot(parts, weights)), 0.0)
    total = own + PRIOR_MONTHS * PRIOR_SHOCK_SD**2
    return float(np.sqrt(total / (sum(weights) + PRIOR_MONTHS)))


def measure_retention(
    plan: Plan, segment: Names, trailing: dict[str, float]
) -> tuple[NetRetention, ...]:
    """Return implied and trailing net revenue retention by segment, ``all`` first.

    Parameters
    ----------
    plan
        Of the accounts held today.
    segment
        Shape (n,).
    trailing
        By segment and ``all``, as ``trail_retention`` measures it.
    """
    kept = np.exp(-plan.hazard[:, :FIRST_YEAR].sum(axis=1))
    later = plan.mrr * kept * plan.level[:, FIRST_YEAR - 1 : FIRST_YEAR + 1].mean(axis=1)
    found = []
    for name in ["all", *sorted(set(segment.tolist()))]:
        rows = np.ones(len(segment), dtype=np.bool_) if name == "all" else segment == name
        base = float(plan.mrr[rows].sum())
        implied = float(later[rows].sum()) / base if base > 0 else 0.0
        found.append(NetRetention(str(name), implied, trailing.get(str(name)), base))
    return tuple(found)


def trail_retention(examples: Examples) -> dict[str, float]:
    """Return past net revenue retention by segment and for ``all``, over rows seen for a year.

    Of a day's accounts the MRR a year later is what they pay then: nothing once the decision to
    leave has fallen, else the MRR of the row of the same account nearest a year later. Rows
    without such a later row are left out, whether or not they stayed.
    """
    rows, after = Contracts.read(examples.frame), After.read(examples)
    later = _mrr_year_later(examples, rows.mrr)
    left = after.left_within(YEAR_DAYS) & (after.observed >= YEAR_DAYS)
    days = examples.as_of.astype("datetime64[D]").astype(np.int64)
    # a stayer needs a later row; only days that can have one are judged, for leavers too
    judged = (days + YEAR_DAYS <= days.max() + MONTH_DAYS / 2) & (left | np.isfinite(later))
    then = np.where(left, 0.0, np.nan_to_num(later))
    found = {}
    for name in ["all", *sorted(set(rows.segment.tolist()))]:
        some = judged & ((rows.segment == name) | (name == "all"))
        base = float(rows.mrr[some].sum())
        if base > 0:
            found[str(name)] = float(then[some].sum()) / base
    return found


def _mrr_year_later(examples: Examples, mrr: FloatArray) -> FloatArray:
    """Return MRR of the row of the same unit within half a month of a year later, else NaN."""
    unit = unit_numbers(examples.frame)
    days = examples.as_of.astype("datetime64[D]").astype(np.float64)
    order = np.lexsort((days, unit))
    span = 1e6
    keys = unit[order] * span + days[order]
    wanted = unit * span + days + YEAR_DAYS
    right = np.clip(np.searchsorted(keys, wanted), 1, len(keys) - 1)
    left = right - 1
    nearest = np.where(np.abs(keys[right] - wanted) < np.abs(keys[left] - wanted), right, left)
    close = np.abs(keys[nearest] - wanted) <= MONTH_DAYS / 2 + 1.0
    return np.where(close, mrr[order][nearest], np.nan)
