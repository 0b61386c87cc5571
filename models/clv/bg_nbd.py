"""BG/NBD and MBG/NBD: Poisson buying at a gamma rate, and a beta chance to stop at each purchase.

In BG/NBD a customer may stop after each repeat purchase; in MBG/NBD (``early_dropout``) after the
first one too. With m = frequency + early_dropout chances to stop taken, both share their formulas.

Sources: Fader, Hardie and Lee 2005 (BG/NBD, equations 6 and 10); Batislam, Denizel and Filiztekin
2007 and Hoppe and Wagner 2007 (MBG/NBD, also called CBG/NBD).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, betaln, expit, gammaln, hyp2f1, psi

from models.clv.purchase_process import FloatArray, Horizon, PurchaseCounts, check_enough, maximise

STARTS = ((0.5, 0.5, 0.5, 2.0), (1.0, 1.0, 0.2, 1.0), (0.3, 0.2, 1.0, 5.0))
SINGULAR = 1e-6
LEAST_CHANCE = 1e-290
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


@dataclass(frozen=True)
class BgNbd:
    """A fitted BG/NBD, or MBG/NBD with ``early_dropout``.

    Attributes
    ----------
    r, alpha
        Shape and rate of the gamma of purchase rates; ``alpha`` in units of time.
    a, b
        Parameters of the beta of the chance to stop.
    early_dropout
        Whether the first purchase may be the last.
    """

    r: float
    alpha: float
    a: float
    b: float
    early_dropout: bool = False

    def log_likelihood(self, counts: PurchaseCounts) -> float:
        """Return the log likelihood of the histories, summed over customers."""
        theta = np.array([self.r, self.alpha, self.a, self.b])
        return -negative(theta, counts, self.early_dropout)[0]

    def probability_alive(self, counts: PurchaseCounts) -> FloatArray:
        """Return shape (n,): 1 / (1 + a / (b + m - 1) ((alpha + T) / (alpha + t))^(r + x)).

        A customer of a BG/NBD who never came back cannot have stopped: 1.
        """
        x, m = counts.frequency, counts.frequency + self.early_dropout
        gap = np.log1p((counts.age - counts.recency) / (self.alpha + counts.recency))
        # In logs, as the odds may overflow. Where m is 0 nobody can have stopped: any number does.
        left = np.where(m > 0, self.b + m - 1.0, 1.0)
        log_odds = np.log(self.a) - np.log(left) + (self.r + x) * gap
        return np.where(m > 0, expit(-log_odds), 1.0)

    def expected_purchases(self, counts: PurchaseCounts, *, horizon: Horizon) -> FloatArray:
        """Return shape (n,): expected purchases in the ``horizon`` after ``age``.

        Euler's transformation of the published hypergeometric: with c = a + b + m - 1 and
        z = h / (alpha + T + h) it is P(alive) c / (a - 1)
        (1 - (1 - z)^(a - 1) 2F1(c - r - x, a - 1; c; z)).
        """
        m = counts.frequency + self.early_dropout
        wait = horizon / (self.alpha + counts.age)
        given_alive = expected_given_alive(self.a, self.b + m, self.r + counts.frequency, wait)
        return np.asarray(self.probability_alive(counts) * given_alive)

    def probability_any(self, counts: PurchaseCounts, *, horizon: Horizon) -> FloatArray:
        """Return shape (n,): P(alive) (1 - ((alpha + T) / (alpha + T + h))^(r + x))."""
        wait = np.log1p(horizon / (self.alpha + counts.age))
        none = np.exp(-(self.r + counts.frequency) * wait)
        return np.asarray(self.probability_alive(counts) * (1.0 - none))


def expected_given_alive(
    a: float, kept: FloatArray, rate: FloatArray, wait: FloatArray
) -> FloatArray:
    """Return expected purchases of those alive, whose chance to stop is beta(a, kept).

    Where the series overflows, as it may for large ``a``, its product with a vanishing power is
    still within 0-1; there the mean over the chance to stop is taken instead.
    """
    a = a + SINGULAR if abs(a - 1.0) < SINGULAR else a
    c = a + kept - 1.0
    c = np.where(np.abs(c) < SINGULAR, SINGULAR, c)
    series = hyp2f1(c - rate, a - 1.0, c, wait / (1.0 + wait))
    lost = ~np.isfinite(series)
    product = (1.0 + wait) ** (1.0 - a) * np.where(lost, 0.0, series)
    expected = np.asarray(c / (a - 1.0) * (1.0 - product))
    if lost.any():
        expected[lost] = mean_over_chance(a, kept[lost], rate[lost], wait[lost])
    return expected


def mean_over_chance(a: float, kept: FloatArray, rate: FloatArray, wait: FloatArray) -> FloatArray:
    """Return the mean of (1 - (1 + p wait)^-rate) / p over p, the chance to stop.

    Gauss-Legendre over the quantiles of p, which few distinct ``kept`` share; right to four
    digits from ``a`` of about 7 on, and worse below 1.
    """
    levels, place = np.unique(kept, return_inverse=True)
    p = betaincinv(a, levels[:, None], (_NODES + 1.0) / 2.0)[place]
    p = np.maximum(p, LEAST_CHANCE)
    bought = -np.expm1(-rate[:, None] * np.log1p(p * wait[:, None]))
    return np.asarray(bought / p @ _WEIGHTS / 2.0)


def fit_bg_nbd(counts: PurchaseCounts, *, early_dropout: bool = False) -> BgNbd:
    """Return the maximum likelihood BG/NBD, or MBG/NBD with ``early_dropout``.

    Raises
    ------
    NotEnoughHistoryError
        Too few customers or repeat buyers.
    """
    check_enough(counts)
    unit = float(np.average(counts.age, weights=counts.weight)) or 1.0
    rows = counts.compress().rescale(1.0 / unit)
    theta, _ = maximise(lambda theta: negative(theta, rows, early_dropout), STARTS)
    r, alpha, a, b = (float(value) for value in theta)
    return BgNbd(r, alpha * unit, a, b, early_dropout)


def negative(
    theta: FloatArray, counts: PurchaseCounts, early_dropout: bool
) -> tuple[float, FloatArray]:
    """Return the negative log likelihood and its gradient in (r, alpha, a, b)."""
    r, alpha, a, b = theta
    x, m = counts.frequency, counts.frequency + early_dropout
    log_age, log_last = np.log(alpha + counts.age), np.log(alpha + counts.recency)
    alive = betaln(a, b + m) - (r + x) * log_age
    # Where m is 0 nobody can have stopped; the 2 only keeps the beta function in its domain.
    safe = np.where(m > 0, b + m - 1.0, 2.0)
    gone = np.where(m > 0, betaln(a + 1.0, safe) - (r + x) * log_last, -np.inf)
    both = np.logaddexp(alive, gone)
    known = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    p, q = np.exp(alive - both), np.exp(gone - both)
    shared = psi(a + b) - psi(a + b + m)
    slope = np.array(
        [
            psi(r + x) - psi(r) + np.log(alpha) - p * log_age - q * log_last,
            r / alpha - (r + x) * (p / (alpha + counts.age) + q / (alpha + counts.recency)),
            shared + q / a,
            shared + p * psi(b + m) + q * psi(safe) - psi(b),
        ]
    )
    return -float(counts.weight @ (known + both)), -(slope @ counts.weight)


def time_slopes(model: BgNbd, counts: PurchaseCounts) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives of each row's log likelihood by its age and by its recency."""
    p = model.probability_alive(counts)
    rate = model.r + counts.frequency
    at_age, at_last = model.alpha + counts.age, model.alpha + counts.recency
    return np.asarray(-rate * p / at_age), np.asarray(-rate * (1.0 - p) / at_last)
