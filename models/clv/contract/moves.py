"""What happens to the price while a contract lives: how far, how often, and for how long.

Whether the price moves at all, and how far it then moves, are two things (a hurdle): the chance of
a first expansion or downgrade per month, and a lognormal ratio of MRR after over before. Their
net effect is then brought to what accounts that stayed really paid within the label window, by
segment. Growth then fades, in a straight line over four years, to a share of itself: the share that
accounts which are four years old already still show of their segment's growth. Without such
accounts half is believed, midway between growth that lasts and growth that ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.base import Examples, FloatArray
from models.clv.contract.rows import MONTH_DAYS, After, Cells, Contracts, count_slices_year

FADE_MONTHS = 48.0
SHRINK_ACCOUNTS = 30.0
SHRINK_EVENTS = 20.0
MOST_GROWTH = 0.04
"""Largest mean growth a month, up or down, that is believed."""
RATIO_LIMIT = 1.5
PRIOR_SIZE, PRIOR_SD = 0.15, 0.15
PRIOR_RATE = 0.01
PRIOR_YEARS, PRIOR_GROWTH_SD = 3.0, 0.0015
PRIOR_LASTING, MOST_LASTING = 0.5, 1.5


@dataclass(frozen=True)
class Side:
    """Moves in one direction.

    Attributes
    ----------
    rate
        Chance a month, by segment.
    size, sd
        Mean and standard deviation of the absolute log ratio.
    """

    rate: Cells
    size: float
    sd: float


@dataclass(frozen=True)
class Moves:
    """Growth of MRR while alive.

    Attributes
    ----------
    up, down
        Expansions and downgrades.
    growth
        Net growth a month, by segment, as accounts that stayed showed it.
    mature
        What is left of it after four years, by segment.
    growth_sd
        Standard deviation of one year's growth a month around it, over past years.
    """

    up: Side
    down: Side
    growth: Cells
    mature: Cells
    growth_sd: float

    @classmethod
    def fit(cls, examples: Examples) -> Self:
        """Learn from past days whose label is the revenue within the horizon (minor units)."""
        rows, after = Contracts.read(examples.frame), After.read(examples)
        horizon = float(examples.horizon_days)
        up = _fit_side(rows, after, (after.expanded, after.expand_ratio), horizon)
        down = _fit_side(rows, after, (after.contracted, after.contract_ratio), horizon)
        growth, mature = _fit_growth(rows, after, examples)
        return cls(up, down, growth, mature, _growth_sd(rows, after, examples))

    def level(self, rows: Contracts, *, months: int) -> FloatArray:
        """Return expected MRR of months 1..months over today's, given alive, shape (n, months)."""
        late = self.mature.of(rows.segment)
        more = self.growth.of(rows.segment) - late
        return np.exp(np.outer(late, np.arange(months) + 0.5) + np.outer(more, faded(months)))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        sides = {
            name: {"rate": side.rate.to_json(), "size": side.size, "sd": side.sd}
            for name, side in (("up", self.up), ("down", self.down))
        }
        levels = {"growth": self.growth.to_json(), "mature": self.mature.to_json()}
        return {**sides, **levels, "growth_sd": self.growth_sd}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``; a wrong form raises KeyError, TypeError or ValueError."""
        up, down = (
            Side(Cells.from_json(one["rate"]), float(one["size"]), float(one["sd"]))
            for one in (data["up"], data["down"])
        )
        growth, mature = (Cells.from_json(data[name]) for name in ("growth", "mature"))
        return cls(up, down, growth, mature, float(data["growth_sd"]))


def faded(months: int) -> FloatArray:
    """Return months of full growth by the middle of months 1..months, shape (months,).

    Growth falls in a straight line to nothing after ``FADE_MONTHS``.

    Examples
    --------
    >>> faded(60)[[0, 47, 59]].round(2).tolist()
    [0.5, 24.0, 24.0]
    """
    at = np.minimum(np.arange(months) + 0.5, FADE_MONTHS)
    return np.asarray(at - at**2 / (2.0 * FADE_MONTHS))


def _fit_side(
    rows: Contracts, after: After, event: tuple[FloatArray, FloatArray], horizon: float
) -> Side:
    days, ratio = event
    end = np.fmin(np.fmin(after.observed, horizon), after.decided)
    moved = days < end
    watched = np.maximum(np.fmin(end, days), 0.0) / MONTH_DAYS
    weight = SHRINK_EVENTS / PRIOR_RATE
    rate = Cells.shrink(
        rows.segment,
        moved.astype(np.float64),
        watched,
        weight=weight,
        prior=(PRIOR_RATE, weight),
    )
    sizes = np.clip(np.abs(ratio[moved & np.isfinite(ratio)]), 0.0, RATIO_LIMIT)
    share = len(sizes) / (len(sizes) + SHRINK_EVENTS)
    size = share * float(sizes.mean() if len(sizes) else 0.0) + (1 - share) * PRIOR_SIZE
    sd = share * float(sizes.std() if len(sizes) else 0.0) + (1 - share) * PRIOR_SD
    return Side(rate, size, sd)


def _fit_growth(rows: Contracts, after: After, examples: Examples) -> tuple[Cells, Cells]:
    """Return growth a month by segment of those who stayed, and what is left of it when mature.

    A row counts by its MRR over its segment's mean, so that thirty small accounts weigh as much
    against the prior as thirty large ones, and an account's past days of one year count once.
    """
    horizon, months = float(examples.horizon_days), examples.horizon_days / MONTH_DAYS
    stayed = ~(after.effective < horizon) & (after.observed >= horizon) & (rows.mrr > 0)
    if not stayed.any():
        return Cells({}, 0.0), Cells({}, 0.0)
    segment, mrr = rows.segment[stayed], rows.mrr[stayed]
    one = np.ones(len(mrr))
    weight = mrr / Cells.shrink(segment, mrr, one, weight=0.0).of(segment)
    weight /= count_slices_year(examples)
    extra = weight * (examples.label[stayed] / (mrr * months) - 1.0)
    found = Cells.shrink(segment, extra, weight, weight=SHRINK_ACCOUNTS)
    old = rows.age[stayed] >= FADE_MONTHS
    lasting = _lasting(extra[old], (weight * found.of(segment))[old], abs(found.other))
    growth = {name: _as_growth(value, months) for name, value in found.values.items()}
    other = _as_growth(found.other, months)
    mature = {name: lasting * value for name, value in growth.items()}
    return Cells(growth, other), Cells(mature, lasting * other)


def _lasting(extra: FloatArray, usual: FloatArray, typical: float) -> float:
    """Return which share of their segments' growth old accounts show, drawn to a half."""
    prior = SHRINK_ACCOUNTS * typical
    whole = float(usual.sum()) + prior
    if whole <= 0.0:  # a shrinking book: its decline is not believed to end
        return 1.0
    share = (float(extra.sum()) + prior * PRIOR_LASTING) / whole
    return float(np.clip(share, 0.0, MOST_LASTING))


def _as_growth(extra: float, months: float) -> float:
    return float(np.clip(np.log1p(max(extra, -0.9)) * 2.0 / months, -MOST_GROWTH, MOST_GROWTH))


def _growth_sd(rows: Contracts, after: After, examples: Examples) -> float:
    """Return the spread of growth a month over past years, drawn to a prior."""
    horizon, months = float(examples.horizon_days), examples.horizon_days / MONTH_DAYS
    stayed = ~(after.effective < horizon) & (after.observed >= horizon) & (rows.mrr > 0)
    seen = [
        _as_growth(float(examples.label[at].sum() / (rows.mrr[at].sum() * months)) - 1.0, months)
        for day in np.unique(examples.as_of)
        if (at := stayed & (examples.as_of == day)).any()
    ]
    years = len(seen) / count_slices_year(examples)
    own = float(np.var(seen)) if len(seen) > 1 else 0.0
    return float(np.sqrt((years * own + PRIOR_YEARS * PRIOR_GROWTH_SD**2) / (years + PRIOR_YEARS)))
