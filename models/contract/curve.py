"""From monthly hazards to the risk by any day, through a given risk at the horizon."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from models.base import FloatArray
from models.contract.events import MONTH_DAYS

STEPS = 20
EDGE = 1e-12


def leave_by(odds: FloatArray, days: FloatArray) -> FloatArray:
    """Return P(gone within so many days).

    Parameters
    ----------
    odds
        Shape (n, m): log-odds of each month's hazard.
    days
        Shape (n, d). Inside a month the hazard is even; beyond the last month it ends.

    Returns
    -------
    numpy.ndarray
        Shape (n, d); it never falls as days grow; NaN where days are.
    """
    months = np.arange(odds.shape[1])
    covered = np.clip(days[:, :, None] / MONTH_DAYS - months, 0.0, 1.0)
    total = (covered * _cumulated(odds)[:, None, :]).sum(axis=2)
    return np.asarray(-np.expm1(-total))


def anchor(odds: FloatArray, risk: FloatArray, *, horizon_days: int) -> FloatArray:
    """Find the offset of an account's log-odds that makes its risk at the horizon the given one.

    Parameters
    ----------
    odds
        Shape (n, m): log-odds of each month's hazard.
    risk
        Shape (n,), within ``horizon_days``.

    Returns
    -------
    numpy.ndarray
        Shape (n,), log-odds, by Newton's method on the log of the cumulated hazard; the number of
        steps is fixed, so that one account's answer never hangs on the others of its frame.
    """
    covered = np.clip(horizon_days / MONTH_DAYS - np.arange(odds.shape[1]), 0.0, 1.0)
    used = odds[:, covered > 0]
    covered = covered[covered > 0]
    wanted = np.log(-np.log1p(-np.clip(risk, EDGE, 1.0 - EDGE)))
    offset = np.zeros(len(odds))
    for _ in range(STEPS):
        moved = used + offset[:, None]
        total = (covered * _cumulated(moved)).sum(axis=1)
        slope = (covered * expit(moved)).sum(axis=1) / total
        offset = offset - (np.log(total) - wanted) / slope
    return offset


def _cumulated(odds: FloatArray) -> FloatArray:
    # -log(1 - hazard), exact also where the hazard is tiny
    return np.logaddexp(0.0, odds)
