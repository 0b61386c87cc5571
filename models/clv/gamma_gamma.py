"""Gamma-Gamma: what a purchase is worth, shrunk from the customer's own mean to everybody's.

Each purchase is gamma with shape p and a rate that is itself gamma (q, v) over customers; how
much a customer spends is taken to be independent of how often.

Source: Fader, Hardie and Lee 2005b ("RFM and CLV: using iso-value curves"), equations 1 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, psi

from lifecycle.errors import NotEnoughHistoryError
from models.clv.purchase_process import FEWEST_REPEATERS, FloatArray, maximise

STARTS = ((6.0, 4.0, 1.0), (1.0, 2.0, 1.0), (2.0, 1.5, 3.0))


@dataclass(frozen=True)
class GammaGamma:
    """A fitted Gamma-Gamma.

    Attributes
    ----------
    p, q
        Shape of a purchase, and of the gamma of rates; ``q`` is above 1, so that means exist.
    v
        Rate of the gamma of rates, in the unit of money.
    """

    p: float
    q: float
    v: float

    def expected_value(self, frequency: ArrayLike, monetary_value: ArrayLike) -> FloatArray:
        """Return shape (n,): expected worth of one purchase, p (v + x m) / (p x + q - 1).

        Parameters
        ----------
        frequency
            Shape (n,). Purchases x behind the mean; where 0, the mean is not looked at.
        monetary_value
            Shape (n,). Mean worth m of those purchases.

        Examples
        --------
        >>> GammaGamma(6.25, 3.74, 15.44).expected_value([0], [0]).round(2)
        array([35.22])
        """
        x = np.asarray(frequency, dtype=np.float64)
        m = np.where(x > 0, np.asarray(monetary_value, dtype=np.float64), 0.0)
        return np.asarray(self.p * (self.v + x * m) / (self.p * x + self.q - 1.0))


def fit_gamma_gamma(frequency: ArrayLike, monetary_value: ArrayLike) -> GammaGamma:
    """Return the maximum likelihood Gamma-Gamma of the customers with x > 0 and m > 0.

    Raises
    ------
    NotEnoughHistoryError
        Fewer than 10 such customers.
    """
    x, m = np.asarray(frequency, dtype=np.float64), np.asarray(monetary_value, dtype=np.float64)
    usable = (x > 0) & (m > 0) & np.isfinite(m)
    if usable.sum() < FEWEST_REPEATERS:
        raise NotEnoughHistoryError(
            f"{usable.sum()} customers with a repeat purchase of known worth",
            f"at least {FEWEST_REPEATERS}",
        )
    x, m = x[usable], m[usable]
    unit = float(np.median(m))
    theta, _ = maximise(lambda theta: _negative(theta, x, m / unit), STARTS)
    p, above_one, v = (float(value) for value in theta)
    return GammaGamma(p, 1.0 + above_one, v * unit)


def _negative(theta: FloatArray, x: FloatArray, m: FloatArray) -> tuple[float, FloatArray]:
    """Return the negative log likelihood and its gradient in (p, q - 1, v)."""
    p, q, v = theta[0], 1.0 + theta[1], theta[2]
    k, total = p * x, v + m * x
    log_share, log_rest = np.log(m * x / total), np.log(v / total)
    value = gammaln(k + q) - gammaln(k) - gammaln(q) + k * log_share + q * log_rest - np.log(m)
    slope = np.array(
        [
            x @ (psi(k + q) - psi(k) + log_share),
            (psi(k + q) - psi(q) + log_rest).sum(),
            (q / v - (k + q) / total).sum(),
        ]
    )
    return -float(value.sum()), -slope
