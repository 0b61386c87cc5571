"""A penalised logistic regression that stays data: log-scaled columns, ridge, one level per day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.special import expit

from models.base import FloatArray

STEPS = 25
CLOSE = 1e-7
LEAST_PENALTY = 5.0
ROWS_PER_PENALTY = 500.0
LEVEL_PENALTY = 0.5
Ridge = Callable[[int], float]


@dataclass(frozen=True)
class Scale:
    """How columns become comparable: signed log, centred, unit spread; flags for what is missing.

    Attributes
    ----------
    centre, spread
        Shape (f,), of the signed logs.
    missing
        Shape (f,), share of rows in which a column is missing; a column with any gets a flag.
    codes
        For text columns (by place) the share of each code; each code becomes a flag.
    """

    centre: FloatArray
    spread: FloatArray
    missing: FloatArray
    codes: Mapping[int, tuple[float, ...]]

    @classmethod
    def learn(cls, matrix: FloatArray, text: Mapping[int, int]) -> Self:
        """Learn from shape (n, f); ``text`` maps a text column's place to its number of codes."""
        logs = _signed_log(matrix)
        known = np.isfinite(logs)
        count = np.maximum(known.sum(axis=0), 1)
        centre = np.where(known, logs, 0.0).sum(axis=0) / count
        spread = np.sqrt(np.where(known, (logs - centre) ** 2, 0.0).sum(axis=0) / count)
        spread = np.where(spread > 1e-9, spread, 1.0)
        codes = {
            place: tuple(float((matrix[:, place] == code).mean()) for code in range(size))
            for place, size in text.items()
        }
        return cls(centre, spread, 1.0 - known.mean(axis=0), codes)

    def expand(self, matrix: FloatArray) -> tuple[FloatArray, list[int]]:
        """Return the design of shape (n, k), centred on the fit, and each column's source place."""
        scaled = np.nan_to_num((_signed_log(matrix) - self.centre) / self.spread)
        plain = [j for j in range(matrix.shape[1]) if j not in self.codes]
        gaps = [j for j in plain if self.missing[j] > 0]
        flags = [
            (matrix[:, j] == code).astype(float) - share
            for j, shares in self.codes.items()
            for code, share in enumerate(shares)
        ]
        empty = np.empty((len(matrix), 0))
        parts = [scaled[:, plain], np.isnan(matrix[:, gaps]) - self.missing[gaps]]
        parts.append(np.column_stack(flags) if flags else empty)
        sources = [*plain, *gaps, *(j for j, shares in self.codes.items() for _ in shares)]
        return np.hstack(parts), sources


@dataclass(frozen=True)
class Logistic:
    """A fitted ridge logistic regression; its level is kept apart, by past day."""

    scale: Scale
    weights: FloatArray

    @classmethod
    def fit(
        cls,
        matrix: FloatArray,
        label: FloatArray,
        *,
        place: FloatArray,
        text: Mapping[int, int],
        ridge: Ridge | None = None,
    ) -> tuple[Self, FloatArray]:
        """Fit by Newton's method (Hastie, Tibshirani and Friedman 2009, 4.4.1).

        Parameters
        ----------
        matrix, label
            Shapes (n, f) and (n,) of 0 and 1.
        place
            Shape (n,), number of each row's day; every day has a level of its own.
        text
            Places of text columns and their number of codes.
        ridge
            From the number of columns of the design to the penalty of each; None for one that
            grows with the number of rows.

        Returns
        -------
        tuple
            The model, and the levels (log-odds) by day number.
        """
        scale = Scale.learn(matrix, text)
        design = scale.expand(matrix)[0]
        days = np.equal.outer(place, np.unique(place)).astype(float)
        held = max(LEAST_PENALTY, len(label) / ROWS_PER_PENALTY)
        if ridge is not None:
            held = ridge(design.shape[1])
        penalty = np.repeat([held, LEVEL_PENALTY], [design.shape[1], days.shape[1]])
        weights = _newton(np.hstack([design, days]), label, penalty)
        return cls(scale, weights[: design.shape[1]]), weights[design.shape[1] :]

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """Return shape (n, f) in log-odds; centred: an average account has zeros."""
        design, sources = self.scale.expand(matrix)
        out = np.zeros(matrix.shape)
        for place, source in enumerate(sources):
            out[:, source] += design[:, place] * self.weights[place]
        return out

    def raw(self, matrix: FloatArray) -> FloatArray:
        """Return shape (n,): log-odds without the level."""
        return np.asarray(self.contributions(matrix).sum(axis=1))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; floats keep every bit."""
        scale = self.scale
        return {
            "centre": scale.centre.tolist(),
            "spread": scale.spread.tolist(),
            "missing": scale.missing.tolist(),
            "codes": {str(place): list(shares) for place, shares in scale.codes.items()},
            "weights": self.weights.tolist(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``."""
        centre, spread, missing = (np.array(data[k]) for k in ("centre", "spread", "missing"))
        # JSON sorts "10" before "7", but weights stand in the order of the places
        codes = {
            int(place): tuple(data["codes"][place]) for place in sorted(data["codes"], key=int)
        }
        return cls(Scale(centre, spread, missing, codes), np.array(data["weights"]))


def _signed_log(matrix: FloatArray) -> FloatArray:
    return np.asarray(np.sign(matrix) * np.log1p(np.abs(matrix)))


def _newton(design: FloatArray, label: FloatArray, penalty: FloatArray) -> FloatArray:
    weights = np.zeros(design.shape[1])
    for _ in range(STEPS):
        risk = expit(design @ weights)
        slope = design.T @ (label - risk) - penalty * weights
        bend = (design * (risk * (1.0 - risk))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        weights = weights + step
        if float(np.abs(step).max()) < CLOSE:
            break
    return weights
