"""The chance to win that is served: headline, any day, close date, amount, evidence and reasons.

The headline is the winner of the contest, calibrated and, where past origins asked for it, moved by
amount. The hazard says when; each deal's log-odds of winning are moved by one offset, so that its
curve passes through its headline at the quarter's end. So no number contradicts another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from lifecycle.errors import ModelError, NotEnoughHistoryError
from models.base import Examples, Explanation, FloatArray, ScoreModel, Unit
from models.classes import load_class
from models.columns import Frame, read_numbers
from models.deals.amount import DealAmount, read_amounts
from models.deals.base_rates import BaseRates
from models.deals.by_amount import ByAmount
from models.deals.curve import anchor, days_to_win, win_by
from models.deals.hazard import DealHazard
from models.parts import read_part, write_part

PART = "deal_win.json"
NAME = "deal_win"
CALIBRATION = "calibration"
CURVE_DAYS = (30, 60, 90, 180)
QUANTILES = (0.1, 0.5, 0.9)
SHOWN_DIGITS = 9


class DealModel:
    """A headline with its curve, close date, amount and evidence.

    Parameters
    ----------
    headline
        A model of the chance to be won in the quarter, calibrated or not.
    by_amount
        What past origins asked to be moved by amount; None for nothing.
    """

    unit: Unit = "probability"

    def __init__(self, headline: ScoreModel, by_amount: ByAmount | None = None) -> None:
        self.headline = headline
        self.by_amount = by_amount or ByAmount()
        self.name = NAME
        self.horizon_days = 0
        self._hazard: DealHazard | None = None
        self._amount, self._rates = DealAmount(), BaseRates()

    def fit(self, examples: Examples) -> Self:
        """Fit the headline, and what goes with it.

        Raises
        ------
        NotEnoughHistoryError
            The headline needs more.
        ModelError
            The examples carry no outcomes.
        """
        self.headline = self.headline.fit(examples)
        return self.finish(examples)

    def finish(self, examples: Examples) -> Self:
        """Learn hazards, amounts and evidence beside a headline that stays as it is.

        With too few closed deals for hazards nothing is said of any other day than the quarter's
        end.

        Raises
        ------
        ModelError
            The examples carry no outcomes.
        """
        self.horizon_days = examples.horizon_days
        self._amount, self._rates = DealAmount().fit(examples), BaseRates().fit(examples)
        try:
            self._hazard = DealHazard().fit(examples)
        except NotEnoughHistoryError:
            self._hazard = None
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return the chance to win, shape (n,).

        Parameters
        ----------
        frame
            Open deals.
        horizon_days
            None or that of the fit (0): before the quarter ends. Any other: within so many days.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            Another horizon is asked of a model without hazards.
        """
        raw = self.headline.predict(frame)
        if self.by_amount.changes:
            raw = self.by_amount.apply(raw, read_amounts(frame))
        if horizon_days is None or horizon_days == self.horizon_days:
            return raw
        if self._hazard is None:
            raise ModelError(
                f"a chance within {horizon_days} days asked of a model of the quarter's end alone",
                "None, or a model with hazards",
                "ingest a longer history",
            )
        days = np.full((frame.num_rows, 1), float(horizon_days))
        return np.asarray(win_by(*self._odds(frame, raw), days)[:, 0])

    def win_chances(self, frame: Frame, days: FloatArray) -> FloatArray:
        """Return P(won within days), shape (n, d), through the headline at the quarter's end.

        Parameters
        ----------
        frame
            Open deals.
        days
            Shape (n, d) or (d,); infinite: ever.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        """
        every = np.broadcast_to(days, (frame.num_rows, np.shape(days)[-1])).astype(np.float64)
        if self._hazard is None:
            return np.full(every.shape, np.nan)
        return win_by(*self._odds(frame, self.predict(frame)), every)

    def slip_chances(self, frame: Frame) -> FloatArray:
        """Return P(not won by the close date shown), shape (n,); 1 where it has passed, else NaN.

        NaN where no close date is shown.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        """
        return 1.0 - self.win_chances(frame, _due(frame))[:, 0]

    def expect_amounts(self, frame: Frame) -> FloatArray:
        """Return E[amount | won], shape (n,), minor units; NaN where no amount was ever won."""
        return self._amount.expect(frame)[0]

    def explain(self, frame: Frame) -> Explanation:
        """Return the headline's explanation; calibration, by amount too, is a group of its own."""
        why = self.headline.explain(frame)
        if CALIBRATION not in why.groups:
            empty = np.column_stack([why.contributions, np.zeros(frame.num_rows)])
            why = replace(why, groups=(*why.groups, CALIBRATION), contributions=empty)
        if not self.by_amount.changes:
            return why
        odds = np.asarray(why.base + why.contributions.sum(axis=1))
        parts = why.contributions.copy()
        moved = self.by_amount.log_odds(odds, read_amounts(frame)) - odds
        parts[:, why.groups.index(CALIBRATION)] += moved
        return replace(why, contributions=parts)

    def detail(self, frame: Frame, why: Explanation) -> list[dict[str, Any]]:
        """Return per row other days, close date, slip, amounts, evidence and the sum of log-odds.

        Days given win: a tenth, half and nine tenths of the deals that are won are won by then.
        None where there is nothing to say.
        """
        base = np.broadcast_to(np.asarray(why.base, dtype=np.float64), (frame.num_rows,))
        headline = 1.0 / (1.0 + np.exp(-(base + why.contributions.sum(axis=1))))
        amount, basis = self._amount.expect(frame)
        names, numbers = self._along(frame, headline)
        names += ["expected_amount_minor", "expected_in_quarter_minor", "base"]
        rows = _plain(np.column_stack([numbers, amount, headline * amount, base]))
        groups = _plain(why.contributions)
        return [
            {
                **dict(zip(names, row, strict=True)),
                "amount_basis": rests,
                "evidence": told,
                "groups": dict(zip(why.groups, parts, strict=True)),
            }
            for row, rests, told, parts in zip(
                rows, basis, self._rates.tell(frame), groups, strict=True
            )
        ]

    def to_parts(self) -> dict[str, bytes]:
        """Return the parts of headline, hazard, amount and evidence, and one of its own."""
        kept = {
            "headline": type(self.headline).__name__,
            "horizon_days": self.horizon_days,
            "by_amount": self.by_amount.to_json(),
            "hazard": self._hazard is not None,
        }
        parts = {PART: write_part(kept)} | self.headline.to_parts()
        parts |= self._amount.to_parts() | self._rates.to_parts()
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
            headline: ScoreModel = load_class(str(kept["headline"])).from_parts(parts)
            made = cls(headline, ByAmount.from_json(kept["by_amount"]))
            made.horizon_days = int(kept["horizon_days"])
            made._hazard = DealHazard.from_parts(parts) if kept["hazard"] else None
        made._amount, made._rates = DealAmount.from_parts(parts), BaseRates.from_parts(parts)
        return made

    @property
    def amount_report(self) -> dict[str, float]:
        """What becomes of amounts on the way to the win, for the model card."""
        return self._amount.report

    def _along(self, frame: Frame, headline: FloatArray) -> tuple[list[str], FloatArray]:
        names = [f"p_win_{days}d" for days in CURVE_DAYS]
        names += ["p_win_eventual", "p_slip", *(f"close_p{q * 100:.0f}_days" for q in QUANTILES)]
        if self._hazard is None:
            return names, np.full((frame.num_rows, len(names)), np.nan)
        won, lost = self._odds(frame, headline)
        days = np.tile([*(float(one) for one in CURVE_DAYS), np.inf], (frame.num_rows, 1))
        found = win_by(won, lost, np.hstack([days, _due(frame)]))
        found[:, -1] = 1.0 - found[:, -1]
        quantiles = days_to_win(won, lost, np.array(QUANTILES))
        return names, np.hstack([found, np.round(quantiles, 1)])

    def _odds(self, frame: Frame, headline: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log-odds of winning, moved so that they meet the headline, and of losing."""
        if self._hazard is None:
            raise ModelError("no hazards", "a model fitted with more closed deals")
        won, lost = self._hazard.log_odds(frame)
        left = read_numbers(frame, "quarter_days_left")
        return won + anchor(won, lost, headline, left), lost


def _due(frame: Frame) -> FloatArray:
    """Return shape (n, 1): days until the end of the close date shown; 0 where it has passed."""
    return np.maximum(read_numbers(frame, "close_days") + 1.0, 0.0)[:, None]


def _plain(values: FloatArray) -> list[list[float | None]]:
    rounded = np.round(values, SHOWN_DIGITS).astype(object)
    rounded[~np.isfinite(values)] = None
    return [list(row) for row in rounded.tolist()]
