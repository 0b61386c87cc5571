"""How long contracts live when customers differ: sBG and beta-discrete-Weibull, by likelihood.

Every customer leaves at a period's end with a chance of his own, beta distributed over customers,
so that those who stayed are the loyal ones and the mean risk falls with age. With ages t counted
in periods (renewals or months),

    S(t) = B(a, b + t^c) / B(a, b),

c = 1 being the shifted beta-geometric (sBG). A c below 1 lets each customer's own risk fall with
age, above 1 rise.

Sources: Fader and Hardie 2007 ("How to project customer retention"); Fader, Hardie, Liu, Davin and
Steenburgh 2018 ("How to project customer retention revisited") for c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, psi

from lifecycle.errors import NotEnoughHistoryError
from models.base import FloatArray
from models.clv.contract.spells import Spells
from models.clv.purchase_process import maximise

LIMITS = ((1e-3, 1e4), (1e-3, 1e6), (0.3, 2.5))
STARTS = ((1.0, 5.0, 1.0), (0.5, 40.0, 1.0), (20.0, 800.0, 1.0))
FEWEST_ENDS = 10
AIC_MARGIN = 2.0
LEAST_CHANCE = 1e-12
STEP = 1e-4
FLAT_VARIANCE = 4.0


@dataclass(frozen=True)
class Survival:
    """A fitted beta-discrete-Weibull curve (sBG when ``free_pace`` is False).

    Attributes
    ----------
    a, b
        Of the beta distribution over customers.
    c
        Power of age; 1 for sBG.
    log_likelihood
        At the maximum, over ``size`` contracts.
    free_pace
        Whether c was fitted.
    covariance
        Shape (k, k), of the logs of the fitted parameters (Laplace), k = 2 or 3.
    """

    a: float
    b: float
    c: float = 1.0
    log_likelihood: float = float("nan")
    free_pace: bool = False
    covariance: tuple[tuple[float, ...], ...] = ()

    @property
    def name(self) -> str:
        """``sbg`` or ``bdw``."""
        return "bdw" if self.free_pace else "sbg"

    @property
    def aic(self) -> float:
        """Akaike's criterion: lower is better."""
        return 2.0 * (2 + self.free_pace) - 2.0 * self.log_likelihood

    def log_survival(self, age: ArrayLike) -> FloatArray:
        """Return log S at ages >= 0 in periods, any shape."""
        power = np.asarray(age, dtype=np.float64) ** self.c
        return np.asarray(betaln(self.a, self.b + power) - betaln(self.a, self.b))

    def survival(self, age: ArrayLike) -> FloatArray:
        """Return S at ages >= 0 in periods, any shape.

        Examples
        --------
        >>> Survival(0.668, 3.806).survival([1.0, 2.0]).round(3).tolist()
        [0.851, 0.747]
        """
        return np.exp(self.log_survival(age))

    def draws(self, count: int, rng: np.random.Generator) -> list[Survival]:
        """Return ``count`` curves drawn from the Laplace approximation, inside the limits."""
        k = len(self.covariance)
        centre = np.log([self.a, self.b, self.c][:k])
        drawn = rng.multivariate_normal(centre, np.array(self.covariance), size=count)
        edges = np.log(np.array(LIMITS[:k]))
        inside = np.exp(np.clip(drawn, edges[:, 0], edges[:, 1]))
        power = inside[:, 2] if k == 3 else np.ones(count)
        pairs = zip(inside, power, strict=True)
        return [Survival(float(row[0]), float(row[1]), float(c)) for row, c in pairs]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "a": self.a,
            "b": self.b,
            "c": self.c,
            "log_likelihood": self.log_likelihood,
            "free_pace": self.free_pace,
            "covariance": [list(row) for row in self.covariance],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``."""
        return cls(
            a=float(data["a"]),
            b=float(data["b"]),
            c=float(data["c"]),
            log_likelihood=float(data["log_likelihood"]),
            free_pace=bool(data["free_pace"]),
            covariance=tuple(tuple(float(v) for v in row) for row in data["covariance"]),
        )


def fit_survival(spells: Spells, *, free_pace: bool) -> Survival:
    """Return the maximum likelihood sBG, or with ``free_pace`` the beta-discrete-Weibull.

    Raises
    ------
    NotEnoughHistoryError
        Fewer than 10 lives ended.
    """
    check_ends(spells)
    rows, k = spells.compress(), 2 + free_pace

    def fall(theta: FloatArray) -> tuple[float, FloatArray]:
        value, slope = score_survival(theta, rows)
        return -value, -slope[:k]

    theta, least = maximise(fall, [start[:k] for start in STARTS], limits=LIMITS[:k])
    spread = _laplace(theta, rows)
    c = float(theta[2]) if free_pace else 1.0
    return Survival(float(theta[0]), float(theta[1]), c, -least, free_pace, spread)


def choose_survival(spells: Spells) -> tuple[Survival, Survival]:
    """Return both fits, the one to use first: BdW only when its AIC is lower by more than 2.

    Raises
    ------
    NotEnoughHistoryError
        Fewer than 10 lives ended.
    """
    plain = fit_survival(spells, free_pace=False)
    wide = fit_survival(spells, free_pace=True)
    better = plain.aic - wide.aic > AIC_MARGIN
    return (wide, plain) if better else (plain, wide)


def check_ends(spells: Spells) -> None:
    """Refuse a fit on too few ended lives.

    Raises
    ------
    NotEnoughHistoryError
        Fewer than 10 lives ended.
    """
    if spells.ends < FEWEST_ENDS:
        raise NotEnoughHistoryError(
            f"{spells.ends:.0f} contracts ended",
            f"{FEWEST_ENDS} or more",
            "ingest a longer history; a flat rate serves until then",
        )


def score_survival(theta: FloatArray, rows: Spells) -> tuple[float, FloatArray]:
    """Return the log likelihood of compressed lives and its gradient in (a, b, c), shape (3,)."""
    full = np.append(theta, 1.0)[:3]
    at_entry, by_entry = _log_survival(full, rows.entry)
    at_exit, by_exit = _log_survival(full, rows.exit)
    at_next, by_next = _log_survival(full, rows.exit + 1.0)
    # an end in the next period: log(S(m) - S(m+1)) = log S(m) + log(1 - r), r = S(m+1) / S(m)
    kept = np.exp(at_next - at_exit)
    gone = np.maximum(-np.expm1(at_next - at_exit), LEAST_CHANCE)
    value = at_exit - at_entry + np.where(rows.ended, np.log(gone), 0.0)
    by_end = np.where(rows.ended, kept / gone, 0.0)
    slope = by_exit - by_entry - by_end * (by_next - by_exit)
    return float(rows.weight @ value), np.asarray(slope @ rows.weight)


def _log_survival(theta: FloatArray, age: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return log S and its gradient, shapes (n,) and (3, n)."""
    a, b, c = theta
    power = age**c
    value = betaln(a, b + power) - betaln(a, b)
    by_sum = psi(a + b) - psi(a + b + power)
    by_power = psi(b + power) - psi(a + b + power)
    by_c = by_power * power * np.log(np.maximum(age, 1e-12))
    by_b = by_power - psi(b) + psi(a + b)
    return value, np.stack([by_sum, by_b, np.where(age > 0, by_c, 0.0)])


def _laplace(theta: FloatArray, rows: Spells) -> tuple[tuple[float, ...], ...]:
    """Return the inverse of the observed information in the logs of the parameters."""
    k = len(theta)
    curve = np.empty((k, k))
    for place in range(k):
        ends = []
        for side in (1.0, -1.0):
            moved = theta.copy()
            moved[place] *= np.exp(side * STEP)
            ends.append(-score_survival(moved, rows)[1][:k] * moved)
        curve[place] = (ends[0] - ends[1]) / (2 * STEP)
    values, vectors = np.linalg.eigh((curve + curve.T) / 2)
    # a flat direction (customers all alike: a and b grow together) gets a wide but finite spread
    values = np.maximum(values, 1.0 / FLAT_VARIANCE)
    spread = (vectors / values) @ vectors.T
    return tuple(tuple(float(v) for v in row) for row in spread)
