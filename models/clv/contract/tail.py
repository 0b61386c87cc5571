"""Beyond the months that features can see: the segment's survival by tenure, tilted by account.

An account's next twelve months come from the monthly hazard; after that its features are stale,
so that the curve of its segment goes on from its own age, S(T + k) / S(T). What the hazard knew of
it is carried on as an offset on the log of the hazard,

    offset = shift + share x log(own hazard of the year / the curve's, less what is usual),

with shift and share fitted on who left in the second year after a past day, and drawn to a prior:
some of what sets accounts apart lasts (size, habits), some does not (a bad quarter).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.optimize import minimize

from lifecycle.errors import NotEnoughHistoryError
from models.base import Examples, FloatArray
from models.clv.contract.rows import (
    MONTH_DAYS,
    After,
    Cells,
    Contracts,
    Names,
    count_slices_year,
)
from models.clv.contract.spells import Spells, build_spells
from models.clv.contract.survival import Survival, choose_survival
from models.contract.events import unit_numbers

FEWEST_GROUP_ENDS = 60.0
SHRINK_ENDS = 5.0
ALL = "all"
YEAR = 12
YEAR_DAYS = 365.0
SHARE_PRIOR, SHARE_SD = 0.4, 0.3
SHIFT_SD = 0.3
MOST_APART = 2.5
LEAST_HAZARD = 1e-6
PRIOR_ENDS, PRIOR_CHANCE = 5.0, 0.015
ALIKE = 1e4
MOST_MONTHS = 1_200.0
"""Age from which on a contract counts as no older: what is made up may be of any age, and the curve
is worked out month by month."""
DRAWS = 200
SEED = 20260101


@dataclass(frozen=True)
class SegmentTail:
    """One survival curve per group with enough ends, and one for all others.

    Attributes
    ----------
    curves
        By group; ``all`` for the rest.
    scale
        Factor on the curve of all for groups without one: ends over expected ends, drawn to 1.
    spread
        Standard deviation of the log of four years' hazard, by group, from the fits alone.
    """

    curves: Mapping[str, Survival]
    scale: Cells
    spread: Cells

    @classmethod
    def fit(cls, spells: Spells, groups: Names) -> Self:
        """Fit sBG or BdW by AIC to each group with 60 ends or more.

        Parameters
        ----------
        spells
            Lives in months.
        groups
            Shape (n,).

        Raises
        ------
        NotEnoughHistoryError
            Fewer than 10 lives ended.
        """
        curves = {ALL: choose_survival(spells)[0]}
        for group in sorted(set(groups.tolist())):
            rows = spells.take(np.flatnonzero(groups == group))
            if rows.ends >= FEWEST_GROUP_ENDS:
                curves[str(group)] = choose_survival(rows)[0]
        age = float(np.median(spells.exit))
        apart = {name: _spread(curve, age) for name, curve in curves.items()}
        scale, sure = _fit_scale(spells, groups, curves)
        apart |= {name: float(np.hypot(apart[ALL], sure[name])) for name in sure}
        return cls(curves, scale, Cells(apart, apart[ALL]))

    def hazard(self, groups: Names, age: FloatArray, *, months: int) -> FloatArray:
        """Return -log(S(age + k) / S(age + k - 1)) for k = 1..months, shape (n, months).

        An age of more than a hundred years counts as that.
        """
        out = np.empty((len(age), months))
        whole = np.floor(np.minimum(age, MOST_MONTHS)).astype(np.int64)
        for name in set(groups.tolist()):
            rows = groups == name
            curve = self.curves.get(str(name), self.curves[ALL])
            top = int(whole[rows].max()) + months + 2
            log_alive = curve.log_survival(np.arange(top, dtype=np.float64))
            steps = np.maximum(-np.diff(log_alive), LEAST_HAZARD)
            out[rows] = steps[whole[rows][:, None] + np.arange(months)]
        return out * self.scale.of(groups)[:, None]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        curves = {name: curve.to_json() for name, curve in self.curves.items()}
        cells = {"scale": self.scale.to_json(), "spread": self.spread.to_json()}
        return {"curves": curves, **cells}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``; a wrong form raises KeyError, TypeError or ValueError."""
        curves = {str(k): Survival.from_json(v) for k, v in data["curves"].items()}
        scale, spread = (Cells.from_json(data[name]) for name in ("scale", "spread"))
        if ALL not in curves:
            raise ValueError("a tail without the curve of all")
        return cls(curves, scale, spread)


def build_lives(examples: Examples) -> tuple[Spells, Names]:
    """Return each contract's life in months as the examples watched it, and its group.

    An account's rows are one life, watched since the first of them; rows after a leave are of
    another (it came back).
    """
    rows, after = Contracts.read(examples.frame), After.read(examples)
    days = examples.as_of.astype("datetime64[D]").astype(np.int64)
    ended = np.isfinite(after.decided)
    end_day = np.where(ended, days + np.nan_to_num(after.decided), np.inf)
    unit = unit_numbers(examples.frame)
    order = np.lexsort((days, unit))
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (np.diff(unit[order]) != 0) | (days[order][1:] >= end_day[order][:-1])
    kept = order[first]
    watched = np.where(ended, after.decided, after.observed)[kept]
    entry = rows.age[kept]
    last = entry + np.maximum(np.nan_to_num(watched), 0.0) / MONTH_DAYS
    return build_spells(entry, last, ended[kept]), rows.group[kept]


@dataclass(frozen=True)
class Carry:
    """How much of what sets an account apart goes on after the first year.

    Attributes
    ----------
    share, shift
        Of the account's log hazard ratio; on all accounts alike.
    share_sd, shift_sd
        How surely they are known.
    usual
        Mean log hazard ratio by whether a deadline falls within the year.
    """

    share: float
    shift: float
    share_sd: float
    shift_sd: float
    usual: Cells

    def apart(self, rows: Contracts, near: FloatArray, tail: FloatArray) -> FloatArray:
        """Return shape (n,): log ratio of a year's own hazard to the curve's, less the usual."""
        raw = _log_ratio(near, tail)
        return np.clip(raw - self.usual.of(rows.window), -MOST_APART, MOST_APART)

    def offset(self, rows: Contracts, near: FloatArray, tail: FloatArray) -> FloatArray:
        """Return shape (n,): what is added to the log of every later month's hazard."""
        return self.shift + self.share * self.apart(rows, near, tail)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        kept = ("share", "shift", "share_sd", "shift_sd")
        return {**{name: getattr(self, name) for name in kept}, "usual": self.usual.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``; a wrong form raises KeyError, TypeError or ValueError."""
        numbers = {n: float(data[n]) for n in ("share", "shift", "share_sd", "shift_sd")}
        return cls(**numbers, usual=Cells.from_json(data["usual"]))


def fit_carry(examples: Examples, near: FloatArray, tail: FloatArray) -> Carry:
    """Fit on who left in the second year after a past day, of those who stayed the first.

    Parameters
    ----------
    examples
        Past days with outcomes.
    near
        Shape (n,). Hazard of the first twelve months, summed, by the monthly model.
    tail
        Shape (n, 24). The curves' hazard month by month.
    """
    rows, after = Contracts.read(examples.frame), After.read(examples)
    one = np.ones(len(near))
    first = tail[:, :YEAR].sum(axis=1)
    usual = Cells.shrink(rows.window, _log_ratio(near, first), one, weight=1.0)
    start = Carry(SHARE_PRIOR, 0.0, SHARE_SD, SHIFT_SD, usual)
    judged = (after.observed >= 2 * YEAR_DAYS) & ~after.left_within(YEAR_DAYS)
    if not judged.any():
        return start
    apart = start.apart(rows, near, first)[judged]
    second = tail[judged, YEAR : 2 * YEAR].sum(axis=1)
    left = after.left_within(2 * YEAR_DAYS)[judged]
    # every past day of a year speaks of the same leavers: together they count once
    weight = 1.0 / count_slices_year(examples)

    def fall(theta: FloatArray) -> tuple[float, FloatArray]:
        level = second * np.exp(theta[0] + theta[1] * apart)
        chance = np.maximum(-np.expm1(-level), 1e-12)
        value = np.where(left, np.log(chance), -level).sum() * weight
        slope = np.where(left, level * np.exp(-level) / chance, -level) * weight
        away = np.array([theta[0] / SHIFT_SD, (theta[1] - SHARE_PRIOR) / SHARE_SD])
        pull = away / np.array([SHIFT_SD, SHARE_SD])
        return float(away @ away / 2 - value), pull - np.array([slope.sum(), slope @ apart])

    made = minimize(fall, np.array([0.0, SHARE_PRIOR]), jac=True, method="BFGS")
    shift, share = (float(v) for v in made.x)
    sure = np.sqrt(np.clip(np.diag(np.asarray(made.hess_inv)), 1e-6, SHIFT_SD**2))
    return Carry(float(np.clip(share, 0.0, 1.0)), shift, float(sure[1]), float(sure[0]), usual)


def fit_tail(spells: Spells, groups: Names) -> SegmentTail:
    """Return the fitted curves, or one flat rate drawn to a prior where too few lives ended."""
    try:
        return SegmentTail.fit(spells, groups)
    except NotEnoughHistoryError:
        watched = float(spells.weight @ (spells.exit - spells.entry + 1.0))
        chance = (spells.ends + PRIOR_ENDS) / (watched + PRIOR_ENDS / PRIOR_CHANCE)
        # customers all alike: the limit of the beta distribution as it narrows
        flat = Survival(chance * ALIKE, (1.0 - chance) * ALIKE)
        sure = float(1.0 / np.sqrt(spells.ends + PRIOR_ENDS))
        return SegmentTail({ALL: flat}, Cells({}, 1.0), Cells({}, sure))


def _log_ratio(near: FloatArray, tail: FloatArray) -> FloatArray:
    ratio = np.log(np.maximum(near, LEAST_HAZARD) / np.maximum(tail, LEAST_HAZARD))
    return np.clip(ratio, -4.0, 4.0)


def _fit_scale(
    spells: Spells, groups: Names, curves: Mapping[str, Survival]
) -> tuple[Cells, dict[str, float]]:
    """Return by group without a curve of its own its factor, and the deviation of its log."""
    log_alive = curves[ALL].log_survival
    expected = log_alive(spells.entry) - log_alive(spells.exit + spells.ended)
    scale, sure = {}, {}
    for group in sorted(set(groups.tolist()) - set(curves)):
        rows = groups == group
        ends = float((spells.weight * spells.ended)[rows].sum())
        wanted = float((spells.weight * expected)[rows].sum())
        scale[str(group)] = (ends + SHRINK_ENDS) / (wanted + SHRINK_ENDS)
        sure[str(group)] = float(1.0 / np.sqrt(ends + SHRINK_ENDS))
    return Cells(scale, 1.0), sure


def _spread(curve: Survival, age: float) -> float:
    drawn = curve.draws(DRAWS, np.random.default_rng(SEED))
    ages = np.array([age + 12.0, age + 60.0])
    levels = [-np.diff(one.log_survival(ages))[0] for one in drawn]
    return min(float(np.std(np.log(np.maximum(levels, LEAST_HAZARD)))), 1.0)
