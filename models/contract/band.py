"""How sure the risk of one account is: a band from drawing the accounts anew.

What would the weights be had other accounts of the same kind been customers? Accounts are drawn
with replacement, all rows of one together (rows of one account are no independent cases); each
draw moves the weights of a ridge logistic by one Newton step (Hall 1992; Cameron, Gelbach and
Miller 2008). The spread of an account's log-odds over the draws, laid about its headline, is the
band. It says how well the account's kind is known, not how the company's weather may turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import expit, logit

from models.base import Examples, FloatArray
from models.columns import Frame
from models.contract.beliefs import OF_THE_DAY
from models.contract.events import choose_ridge, count_events, unit_numbers
from models.contract.inputs import Inputs
from models.logistic import Logistic, Scale
from models.parts import read_part, write_part

PART = "band.json"
DRAWS = 40
SEED = 20240302
SURE = 1.645
"""Standard normal quantile of 95 %: the band holds nine tenths."""
FEWEST_EVENTS = 30.0
MOST_ROWS = 40_000
EDGE = 1e-12


class Band:
    """Low and high ends of a risk."""

    def __init__(self) -> None:
        self._plain = 1.0
        self._inputs: Inputs | None = None
        self._scale: Scale | None = None
        self._moves: FloatArray = np.empty((0, 0))

    def fit(self, examples: Examples) -> Self:
        """Learn how far each weight moves when the accounts are drawn anew.

        With fewer than 30 decisions to leave, every account gets the band of their number alone.
        """
        events = count_events(examples)
        self._plain = float(1.0 / np.sqrt(max(events, 1.0)))
        if events < FEWEST_EVENTS:
            return self
        some = examples.take(_thin(examples))
        self._inputs, matrix = Inputs.learn(some, without=OF_THE_DAY)
        place = np.zeros(len(some.label))
        ridge, sizes = choose_ridge(some.label.sum(), count_events(some)), self._inputs.text_sizes
        fitted, levels = Logistic.fit(matrix, some.label, place=place, text=sizes, ridge=ridge)
        self._scale = fitted.scale
        design = _design(fitted.scale, matrix)
        risk = expit(fitted.raw(matrix) + levels[0])
        held = np.full(design.shape[1], ridge(design.shape[1]))
        bend = (design * (risk * (1.0 - risk))[:, None]).T @ design + np.diag(held)
        unit = np.unique(unit_numbers(some.frame), return_inverse=True)[1]
        slopes = _sum_by(unit, design * (some.label - risk)[:, None])
        drawn = np.random.default_rng(SEED).poisson(1.0, (len(slopes), DRAWS)) - 1.0
        self._moves = np.linalg.solve(bend, slopes.T @ drawn)
        return self

    def spread(self, frame: Frame) -> FloatArray:
        """Return the standard error of each account's log-odds, shape (n,).

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        """
        if self._inputs is None or self._scale is None or frame.num_rows == 0:
            return np.full(frame.num_rows, self._plain)
        design = _design(self._scale, self._inputs.matrix(frame))
        return np.asarray(np.sqrt(((design @ self._moves) ** 2).mean(axis=1)))

    def around(self, frame: Frame, risk: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the low and the high end about headline risks of shape (n,); low <= risk <= high.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        """
        odds, away = logit(np.clip(risk, EDGE, 1.0 - EDGE)), SURE * self.spread(frame)
        low, high = expit(odds - away), expit(odds + away)
        return np.minimum(low, risk), np.maximum(high, risk)

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part, ``band.json``."""
        scale = self._scale
        kept = {
            "plain": self._plain,
            "inputs": self._inputs.to_json() if self._inputs else None,
            "scale": Logistic(scale, np.empty(0)).to_json() if scale else None,
            "moves": self._moves.tolist(),
        }
        return {PART: write_part(kept)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``.

        Raises
        ------
        BundleError
            The part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            made = cls()
            made._plain, made._moves = float(kept["plain"]), np.array(kept["moves"])
            made._inputs = Inputs.from_json(kept["inputs"]) if kept["inputs"] else None
            made._scale = Logistic.from_json(kept["scale"]).scale if kept["scale"] else None
        return made


def _thin(examples: Examples) -> NDArray[np.bool_]:
    """Return rows of every m-th day, the latest among them: neighbours say nearly the same."""
    days = np.unique(examples.as_of)
    step = max(1, int(np.ceil(len(examples.label) / MOST_ROWS)))
    return np.isin(examples.as_of, days[::-step])


def _design(scale: Scale, matrix: FloatArray) -> FloatArray:
    return np.hstack([scale.expand(matrix)[0], np.ones((len(matrix), 1))])


def _sum_by(place: NDArray[np.intp], values: FloatArray) -> FloatArray:
    rows = len(place)
    member = csr_matrix((np.ones(rows), (place, np.arange(rows))), (int(place.max()) + 1, rows))
    return np.asarray(member @ values)
