"""The monthly hazard of a decision to leave: when, not only whether, an account will go.

Person-period rows (Singer and Willett 2003; Allison 1982): an account on a past day and a month k
ahead, at risk while no decision has fallen, with the features of the day and what was known then
of month k (``models.contract.months``). A month is used as soon as it has been observed whole.
Two steps keep it linear, so that twelve months cost as little as one: a ridge logistic on features
and timing gives each account an index; a small logistic then says how much the index means at a
deadline, in an open-ended contract, and the further ahead one looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from lifecycle.errors import NotEnoughHistoryError
from models.base import Examples, FloatArray, check_fitted
from models.columns import Frame
from models.contract.beliefs import OF_THE_DAY
from models.contract.events import (
    MONTH_DAYS,
    choose_ridge,
    count_decisions,
    count_events,
    read_days,
    read_outcomes,
)
from models.contract.inputs import Inputs
from models.contract.months import DEADLINE, RENEWAL, build_timing
from models.logistic import Logistic
from models.parts import read_part, write_part

PART = "hazard.json"
MONTHS = (1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 12.0)
"""Months ahead that are learned; those between follow from the month's number."""
YEAR_MONTHS = 12
MOST_QUIET = 40_000
SEED = 20240301
FEWEST_EVENTS = 30.0
RIDGE = 1.0
STEPS = 25

Rows = tuple[NDArray[np.intp], NDArray[np.intp], FloatArray, float]


class MonthlyHazard:
    """P(the decision to leave falls in month k | not before), k = 1, 2, ... months ahead."""

    def __init__(self) -> None:
        self._inputs: Inputs | None = None
        self._index: Logistic | None = None
        self._weights: FloatArray = np.empty(0)

    def fit(self, examples: Examples) -> Self:
        """Learn from past days with their outcomes.

        Raises
        ------
        NotEnoughHistoryError
            Fewer than 30 decisions to leave, or no month observed whole.
        """
        events = count_events(examples)
        if events < FEWEST_EVENTS:
            raise NotEnoughHistoryError(
                f"monthly hazard: {events:.0f} decisions to leave",
                f"{FEWEST_EVENTS:.0f} or more",
                "ingest a longer history",
            )
        self._inputs, matrix = Inputs.learn(examples, without=(DEADLINE, RENEWAL, *OF_THE_DAY))
        place, month, left, shift = _stack(examples)
        timing = build_timing(examples.frame, np.array(MONTHS))[place, month]
        stacked, known = np.hstack([matrix[place], timing]), matrix.shape[1]
        one = np.zeros(len(left))
        ridge = choose_ridge(left.sum(), count_decisions(examples, np.unique(place[left > 0])))
        sizes = self._inputs.text_sizes
        self._index, _ = Logistic.fit(stacked, left, place=one, text=sizes, ridge=ridge)
        index = self._index.contributions(stacked)[:, :known].sum(axis=1)
        self._weights = _fit_weights(_interact(index, timing), left)
        self._weights[0] += shift
        return self

    def log_odds(self, frame: Frame, *, months: int = YEAR_MONTHS) -> FloatArray:
        """Return log-odds of each month's hazard, shape (n, months).

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            There is no fit.
        """
        inputs, steady = self._fitted()
        matrix = inputs.matrix(frame)
        timing = build_timing(frame, np.arange(1.0, months + 1.0))
        blank = np.hstack([matrix, np.zeros((len(matrix), timing.shape[2]))])
        index = steady.contributions(blank)[:, : matrix.shape[1]].sum(axis=1)
        every = np.broadcast_to(index[:, None], timing.shape[:2])
        return np.asarray((_interact(every, timing) * self._weights).sum(axis=-1))

    def survival(self, frame: Frame, *, months: int = YEAR_MONTHS) -> FloatArray:
        """Return P(no decision to leave by the end of each month), shape (n, months).

        Never rises from one month to the next.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            There is no fit.
        """
        steps = np.log1p(-expit(self.log_odds(frame, months=months)))
        return np.asarray(np.exp(np.cumsum(steps, axis=1)))

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part, ``hazard.json``.

        Raises
        ------
        ModelError
            There is no fit.
        """
        inputs, index = self._fitted()
        kept = {
            "inputs": inputs.to_json(),
            "index": index.to_json(),
            "weights": self._weights.tolist(),
        }
        return {PART: write_part(kept)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``; it predicts the same bits.

        Raises
        ------
        BundleError
            The part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            made = cls()
            made._inputs = Inputs.from_json(kept["inputs"])
            made._index = Logistic.from_json(kept["index"])
            made._weights = np.array(kept["weights"], dtype=np.float64)
        return made

    def _fitted(self) -> tuple[Inputs, Logistic]:
        name = "monthly hazard"
        return check_fitted(self._inputs, name), check_fitted(self._index, name)


def _stack(examples: Examples) -> Rows:
    """Return rows (example, place of the month, left in it), and the shift of the intercept.

    All months with a decision are kept and a fixed number of the quiet ones; choosing rows by the
    outcome alone moves only the intercept of a logistic, by the log of the share kept (Prentice
    and Pyke 1979).
    """
    outcomes = read_outcomes(examples)
    after = np.nan_to_num(read_days(outcomes, "decided_days"), nan=np.inf)[:, None]
    seen = np.nan_to_num(read_days(outcomes, "observed_days"))[:, None]
    end = np.array(MONTHS)[None, :] * MONTH_DAYS
    left = (after >= end - MONTH_DAYS) & (after < end) & (seen >= end)
    quiet = np.argwhere((after >= end) & (seen >= end))
    if not len(quiet):
        raise NotEnoughHistoryError(
            "no month has been observed whole", "one or more", "ingest a longer history"
        )
    went = np.argwhere(left)
    share = min(1.0, MOST_QUIET / len(quiet))
    if share < 1.0:
        chosen = np.random.default_rng(SEED).choice(len(quiet), MOST_QUIET, replace=False)
        quiet = quiet[np.sort(chosen)]
    rows = np.concatenate([went, quiet])
    label = np.repeat([1.0, 0.0], [len(went), len(quiet)])
    return rows[:, 0], rows[:, 1], label, float(np.log(share))


def _interact(index: FloatArray, timing: FloatArray) -> FloatArray:
    """Return 1, timing, the index, and the index times timing: shape (..., 2 + 2 t)."""
    own = index[..., None]
    return np.concatenate([np.ones_like(own), timing, own, own * timing], axis=-1)


def _fit_weights(design: FloatArray, left: FloatArray) -> FloatArray:
    """Return ridge logistic weights; the index's own weight is held lightly at 1."""
    prior = np.zeros(design.shape[1])
    prior[(design.shape[1]) // 2] = 1.0
    penalty = np.full(design.shape[1], RIDGE)
    penalty[0] = 0.0
    weights = prior.copy()
    weights[0] = np.log((left.sum() + 0.5) / (len(left) - left.sum() + 0.5))
    for _ in range(STEPS):
        risk = expit(design @ weights)
        slope = design.T @ (left - risk) - penalty * (weights - prior)
        bend = (design * (risk * (1.0 - risk))[:, None]).T @ design + np.diag(penalty)
        step = np.clip(np.linalg.solve(bend, slope), -1.0, 1.0)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights
