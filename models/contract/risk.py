"""The churn risk that is served: headline, the months ahead, causes, a band, and its reasons.

The headline is the calibrated winner of the contest; nothing here changes it. The monthly hazard
says when; each account's hazards within the horizon are moved by one log-odds offset, so that its
curve passes through its headline. After the horizon the offset fades, and at a later deadline it
says nothing. So a curve never falls, has no step that no deadline explains, and never contradicts
the number above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from lifecycle.errors import NotEnoughHistoryError
from models.base import Examples, Explanation, FloatArray, ScoreModel, Unit
from models.classes import load_class
from models.columns import Frame, read_numbers
from models.contract.band import Band
from models.contract.causes import CAUSES, Causes
from models.contract.curve import anchor, fade, leave_by
from models.contract.events import MONTH_DAYS
from models.contract.hazard import YEAR_MONTHS, MonthlyHazard
from models.contract.months import RENEWAL, build_timing
from models.parts import read_part, write_part

PART, HAZARD_PART = "risk.json", "hazard.json"
CURVE_DAYS = (30, 60, 90, 180, 365)
CALIBRATION = "calibration"
LONGEST_TERM_MONTHS = 37
SHOWN_DIGITS = 9


class ContractRisk:
    """A headline with its curve, causes and band.

    Parameters
    ----------
    headline
        A model of the risk within its horizon, calibrated or not.
    """

    unit: Unit = "probability"

    def __init__(self, headline: ScoreModel) -> None:
        self.headline = headline
        self.name = headline.name
        self.horizon_days = 0
        self._hazard: MonthlyHazard | None = None
        self._causes, self._band = Causes(), Band()

    def fit(self, examples: Examples) -> Self:
        """Fit the headline, and what goes with it."""
        self.headline = self.headline.fit(examples)
        return self.finish(examples)

    def finish(self, examples: Examples) -> Self:
        """Learn curve, causes and band beside a headline that stays as it is.

        With too few decisions to leave for a hazard, risk grows evenly with time, and ``detail``
        says nothing of what lies beyond the horizon.

        Raises
        ------
        ModelError
            The examples carry no outcomes.
        """
        self.horizon_days = examples.horizon_days
        self._causes, self._band = Causes().fit(examples), Band().fit(examples)
        try:
            self._hazard = MonthlyHazard().fit(examples)
        except NotEnoughHistoryError:
            self._hazard = None
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return P(decision to leave within the horizon), shape (n,).

        Parameters
        ----------
        horizon_days
            None or that of the fit: the headline. Any other: read off the curve.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        """
        if horizon_days is None or horizon_days == self.horizon_days:
            return self.headline.predict(frame)
        days = np.full((frame.num_rows, 1), float(horizon_days))
        return np.asarray(self._leave_by(frame, days, self.headline.predict(frame))[:, 0])

    def curve(self, frame: Frame) -> FloatArray:
        """Return the risk within 30, 60, 90, 180 and 365 days, shape (n, 5); it never falls.

        Without a hazard (few decisions to leave) it grows evenly with time, deadlines or none.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        """
        return self._leave_by(frame, _curve_days(frame), self.headline.predict(frame))

    def at_renewal(self, frame: Frame) -> FloatArray:
        """Return the risk of leaving at or before the next renewal, shape (n,).

        NaN without a renewal, and without a hazard: an even curve knows no deadline. Never above
        the curve at its first day on or after the renewal.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        """
        return self._along(frame, self.headline.predict(frame))[:, -1]

    def causes(self, frame: Frame) -> FloatArray:
        """Return shares of ``CAUSES`` given that the account leaves, shape (n, 3)."""
        return self._causes.predict(frame)

    def band(self, frame: Frame) -> tuple[FloatArray, FloatArray]:
        """Return the low and the high end of the headline, each of shape (n,)."""
        return self._band.around(frame, self.predict(frame))

    def explain(self, frame: Frame) -> Explanation:
        """Return the headline's explanation; what calibration moved is a group of its own."""
        why = self.headline.explain(frame)
        if CALIBRATION in why.groups:
            return why
        parts = np.column_stack([why.contributions, np.zeros(frame.num_rows)])
        return replace(why, groups=(*why.groups, CALIBRATION), contributions=parts)

    def detail(self, frame: Frame, why: Explanation) -> list[dict[str, Any]]:
        """Return per row curve, causes, band and the whole sum of log-odds."""
        names = [*(str(day) for day in CURVE_DAYS), "renewal"]
        place = why.groups.index(CALIBRATION)
        groups = [name for name in why.groups if name != CALIBRATION]
        sums = np.delete(why.contributions, place, axis=1)
        base = np.broadcast_to(np.asarray(why.base, dtype=np.float64), (frame.num_rows,))
        risk = expit(base + why.contributions.sum(axis=1))
        curve, (low, high) = self._along(frame, risk), self._band.around(frame, risk)
        rows = zip(
            _plain(curve),
            _plain(self.causes(frame)),
            _plain(sums),
            _plain(np.column_stack([low, high, base, why.contributions[:, place]])),
            strict=True,
        )
        ends = ("low", "high", "base", CALIBRATION)
        return [
            {
                "curve": dict(zip(names, risks, strict=True)),
                "causes": dict(zip(CAUSES, shares, strict=True)),
                "groups": dict(zip(groups, parts, strict=True)),
                **dict(zip(ends, numbers, strict=True)),
            }
            for risks, shares, parts, numbers in rows
        ]

    def to_parts(self) -> dict[str, bytes]:
        """Return the parts of headline, hazard, causes and band, and one JSON part of its own."""
        kept = {
            "headline": type(self.headline).__name__,
            "horizon_days": self.horizon_days,
            "hazard": self._hazard is not None,
        }
        parts = {PART: write_part(kept)}
        parts |= self.headline.to_parts() | self._causes.to_parts() | self._band.to_parts()
        return parts | (self._hazard.to_parts() if self._hazard else {})

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``; it predicts the same bits.

        Raises
        ------
        BundleError
            A part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            made = cls(load_class(str(kept["headline"])).from_parts(parts))
            made.horizon_days = int(kept["horizon_days"])
            made._hazard = MonthlyHazard.from_parts(parts) if kept["hazard"] else None
        made._causes, made._band = Causes.from_parts(parts), Band.from_parts(parts)
        return made

    def _along(self, frame: Frame, risk: FloatArray) -> FloatArray:
        """Return what is shown, shape (n, 6): the curve and, last, the risk at the renewal."""
        days = np.hstack([_curve_days(frame), _renewal_days(frame)])
        found = self._leave_by(frame, days, risk)
        if self._hazard is None:
            # an even spread knows no deadline: what it says of later days would be made up
            found[:, -1] = np.nan
            found[:, :-1][days[:, :-1] > self.horizon_days] = np.nan
            return found
        return _cap_renewal(found, frame)

    def _leave_by(self, frame: Frame, days: FloatArray, risk: FloatArray) -> FloatArray:
        """Return P(decision to leave within ``days``), shape (n, d); NaN where days are."""
        farthest = np.nanmax(days, initial=365.0) if np.isfinite(days).any() else 365.0
        months = min(max(YEAR_MONTHS, int(np.ceil(farthest / MONTH_DAYS))), LONGEST_TERM_MONTHS)
        kept = np.ones((frame.num_rows, months))
        if self._hazard is None:
            odds = np.zeros((frame.num_rows, months))
        else:
            odds = self._hazard.log_odds(frame, months=months)
            kept = fade(_deadlines(frame, months), horizon_days=self.horizon_days)
        offset = anchor(odds, risk, horizon_days=self.horizon_days)
        found = leave_by(odds + offset[:, None] * kept, days)
        return np.where(days == self.horizon_days, risk[:, None], found)


def finish_risk(model: ScoreModel, examples: Examples) -> ContractRisk:
    """Give a calibrated winner its curve, causes and band, learned from all examples.

    Raises
    ------
    ModelError
        The examples carry no outcomes.
    """
    return ContractRisk(model).finish(examples)


def _curve_days(frame: Frame) -> FloatArray:
    return np.tile(np.array(CURVE_DAYS, dtype=np.float64), (frame.num_rows, 1))


def _renewal_days(frame: Frame) -> FloatArray:
    """Return shape (n, 1): days that cover the next renewal, NaN where there is none.

    Hazards are even inside a month, so the month of the renewal, with its deadline, counts whole.
    """
    until = _until_renewal(frame) + 1.0
    return np.asarray((np.ceil(until / MONTH_DAYS) * MONTH_DAYS)[:, None])


def _cap_renewal(found: FloatArray, frame: Frame) -> FloatArray:
    """Hold the last column at the curve's first day on or after the renewal.

    The renewal's month counts whole, and may end after that day.
    """
    place = np.searchsorted(np.array(CURVE_DAYS), _until_renewal(frame), side="left")
    # past the last day, and where there is no renewal, nothing caps
    curve = np.column_stack([found[:, :-1], np.ones(len(found))])
    cap = np.take_along_axis(curve, place[:, None], axis=1)[:, 0]
    return np.column_stack([found[:, :-1], np.minimum(found[:, -1], cap)])


def _until_renewal(frame: Frame) -> FloatArray:
    return np.maximum(read_numbers(frame, RENEWAL), 0.0)


def _deadlines(frame: Frame, months: int) -> NDArray[np.bool_]:
    """Return shape (n, months): whether a notice deadline falls in the month."""
    return np.asarray(build_timing(frame, np.arange(1.0, months + 1.0))[:, :, 0] > 0)


def _plain(values: FloatArray) -> list[list[float | None]]:
    rounded = np.round(values, SHOWN_DIGITS).astype(object)
    rounded[~np.isfinite(values)] = None
    return [list(row) for row in rounded.tolist()]
