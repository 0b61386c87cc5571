"""The book as a whole: its interval with common shocks, and the retention that its values imply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.base import Examples, FloatArray
from models.clv.contract.cash import FIRST_YEAR, Plan
from models.clv.contract.draws import QUANTILES
from models.clv.contract.rows import MONTH_DAYS, After, Contracts, Names

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
    """Return net revenue retention by segment and for ``all``, of the latest year of past days.

    MRR of accounts that decided to leave within a year counts as lost; that of the others grew as
    their revenue within the label window shows (a mean above today's MRR by g x m / 2 is a growth
    of g a month, nearly), so that the latest past days speak too, a year before the present.
    """
    rows, after = Contracts.read(examples.frame), After.read(examples)
    months = examples.horizon_days / MONTH_DAYS
    days = examples.as_of.astype("datetime64[D]").astype(np.int64)
    recent = (days > days.max() - YEAR_DAYS) & (after.observed >= YEAR_DAYS)
    left = after.left_within(YEAR_DAYS)
    stayed = recent & ~left & ~(after.effective < examples.horizon_days)
    found = {}
    for name in ["all", *sorted(set(rows.segment.tolist()))]:
        some = (rows.segment == name) | (name == "all")
        base, usual = float(rows.mrr[some & recent].sum()), float(rows.mrr[some & stayed].sum())
        if base > 0 and usual > 0:
            kept = 1.0 - float(rows.mrr[some & recent & left].sum()) / base
            above = float(examples.label[some & stayed].sum()) / (usual * months)
            found[str(name)] = kept * float(np.exp(np.log(above) * 2.0 / months * 12.0))
    return found
