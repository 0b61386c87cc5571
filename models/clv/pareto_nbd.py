"""Pareto/NBD: Poisson buying at a gamma rate, stopping for good at an exponential gamma time.

Written through one positive integral instead of the difference of two hypergeometric functions of
the textbook: nothing cancels, and the gradient is the same integral once more. With t = recency,
T = age, x = frequency and p = r + x the likelihood is

    G(r + x) / G(r)  alpha^r (alpha + t)^-p  (beta / (beta + t))^s  [ S + s J ],
    S = (1 + d/(alpha + t))^-p (1 + d/(beta + t))^-s,   d = T - t   (still alive), and
    J = integral over 0..d of (1 + y/(alpha + t))^-p (1 + y/(beta + t))^-(s+1) dy / (beta + t).

Sources: Schmittlein, Morrison and Colombo 1987; Fader and Hardie 2005 (derivation by integration).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expm1, gammaln, psi

from models.clv.purchase_process import FloatArray, Horizon, PurchaseCounts, check_enough, maximise

STARTS = ((0.5, 0.3, 0.5, 0.5), (1.0, 1.0, 1.0, 1.0), (0.5, 0.3, 0.2, 2.0))
NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)


@dataclass(frozen=True)
class ParetoNbd:
    """A fitted Pareto/NBD.

    Attributes
    ----------
    r, alpha
        Shape and rate of the gamma of purchase rates; ``alpha`` in units of time.
    s, beta
        Shape and rate of the gamma of stopping rates; ``beta`` in units of time.
    """

    r: float
    alpha: float
    s: float
    beta: float

    def log_likelihood(self, counts: PurchaseCounts) -> float:
        """Return the log likelihood of the histories, summed over customers."""
        return -_negative(np.array([self.r, self.alpha, self.s, self.beta]), counts)[0]

    def probability_alive(self, counts: PurchaseCounts) -> FloatArray:
        """Return shape (n,): S / (S + s J), the share of the likelihood that never stopped."""
        a, b = self.alpha + counts.recency, self.beta + counts.recency
        gap = counts.age - counts.recency
        log_kept = -(self.r + counts.frequency) * np.log1p(gap / a) - self.s * np.log1p(gap / b)
        _, stopped = _stopping(self.r + counts.frequency, self.s, (a, b), gap)
        with np.errstate(over="ignore"):
            odds = self.s * stopped.sum(axis=1) * np.exp(-log_kept)
        return np.asarray(1.0 / (1.0 + odds))

    def expected_purchases(self, counts: PurchaseCounts, *, horizon: Horizon) -> FloatArray:
        """Return shape (n,): expected purchases in the ``horizon`` after ``age``.

        P(alive) (r + x) / (alpha + T) times the expected time alive in the horizon,
        (beta + T) / (s - 1) (1 - ((beta + T) / (beta + T + h))^(s - 1)).
        """
        b = self.beta + counts.age
        wait = np.log1p(horizon / b)
        k = self.s - 1.0
        lived = b * (wait if abs(k) < 1e-9 else -expm1(-k * wait) / k)
        rate = (self.r + counts.frequency) / (self.alpha + counts.age)
        return np.asarray(self.probability_alive(counts) * rate * lived)

    def probability_any(self, counts: PurchaseCounts, *, horizon: Horizon) -> FloatArray:
        """Return shape (n,): P(alive) (1 - S - s J) with S and J taken over the horizon.

        Given alive at ``age`` the rates are gamma with (r + x, alpha + T) and (s, beta + T), so a
        silent horizon is one that was survived without buying, or cut short before buying.
        """
        p, a, b = self.r + counts.frequency, self.alpha + counts.age, self.beta + counts.age
        ahead = np.broadcast_to(np.asarray(horizon, dtype=np.float64), a.shape)
        kept = np.exp(-p * np.log1p(ahead / a) - self.s * np.log1p(ahead / b))
        _, stopped = _stopping(p, self.s, (a, b), ahead)
        silent = kept + self.s * stopped.sum(axis=1)
        return np.asarray(self.probability_alive(counts) * np.clip(1.0 - silent, 0.0, 1.0))


def fit_pareto_nbd(counts: PurchaseCounts) -> ParetoNbd:
    """Return the maximum likelihood Pareto/NBD.

    Raises
    ------
    NotEnoughHistoryError
        Too few customers or repeat buyers.
    """
    check_enough(counts)
    unit = float(np.average(counts.age, weights=counts.weight)) or 1.0
    rows = counts.compress().rescale(1.0 / unit)
    theta, _ = maximise(lambda theta: _negative(theta, rows), STARTS)
    r, alpha, s, beta = (float(value) for value in theta)
    return ParetoNbd(r, alpha * unit, s, beta * unit)


def _stopping(
    p: FloatArray, s: float, rates: tuple[FloatArray, FloatArray], length: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return nodes y and the terms of J at them, both (n, nodes), over 0..length.

    Gauss-Legendre in u = log(1 + y / scale), where 1 / scale is the integrand's decay at 0: in u
    every power law has features of width about one, however far apart the two rates are.
    """
    a, b = rates
    scale = 1.0 / (p / a + (s + 1.0) / b)
    half = np.log1p(length / scale) / 2.0
    u = half[:, None] * (NODES + 1.0)
    y = scale[:, None] * np.expm1(u)
    log_term = u - p[:, None] * np.log1p(y / a[:, None]) - (s + 1.0) * np.log1p(y / b[:, None])
    return y, np.exp(log_term) * WEIGHTS * (half * scale / b)[:, None]


def _negative(theta: FloatArray, counts: PurchaseCounts) -> tuple[float, FloatArray]:
    """Return the negative log likelihood and its gradient in (r, alpha, s, beta)."""
    r, alpha, s, beta = theta
    p, a, b = r + counts.frequency, alpha + counts.recency, beta + counts.recency
    gap = counts.age - counts.recency
    in_a, in_b = np.log1p(gap / a), np.log1p(gap / b)
    kept = np.exp(-p * in_a - s * in_b)
    y, stopped = _stopping(p, s, (a, b), gap)
    mass = stopped.sum(axis=1)
    total = kept + s * mass
    known = gammaln(p) - gammaln(r) + r * np.log(alpha) - p * np.log(a) + s * np.log(beta / b)
    by_p = -in_a * kept - s * (stopped * np.log1p(y / a[:, None])).sum(axis=1)
    by_a = kept * gap / (a + gap) + s * (stopped * (y / (a[:, None] + y))).sum(axis=1)
    by_s = mass - in_b * kept - s * (stopped * np.log1p(y / b[:, None])).sum(axis=1)
    later = (stopped * (y / (b[:, None] + y))).sum(axis=1)
    by_b = s * (kept * gap / (b + gap) + (s + 1.0) * later - mass)
    slope = np.array(
        [
            psi(p) - psi(r) + np.log(alpha / a) + by_p / total,
            r / alpha - p / a + p * by_a / a / total,
            np.log(beta / b) + by_s / total,
            s / beta - s / b + by_b / b / total,
        ]
    )
    return -float(counts.weight @ (known + np.log(total))), -(slope @ counts.weight)
