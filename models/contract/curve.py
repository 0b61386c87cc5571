"""From monthly hazards to the risk by any day, through a given risk at the horizon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.base import FloatArray
from models.contract.events import MONTH_DAYS

STEPS = 20
EDGE = 1e-12
HALF_MONTHS = 3.0
"""Months after the horizon in which what sets an account apart loses half its weight."""


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


def fade(deadline: NDArray[np.bool_], *, horizon_days: int) -> FloatArray:
    """Return how much of an account's offset each month keeps, from 0 to 1.

    All of it within the horizon. After it the share halves every three months, so that a contract
    that can be left at any time has no step at the horizon; at a later deadline nothing is kept,
    because what is known of an account now says little of a renewal far ahead, where the same
    log-odds would weigh many times as much.

    Parameters
    ----------
    deadline
        Shape (n, m): whether a notice deadline falls in the month.

    Examples
    --------
    >>> fade(np.array([[False] * 3, [False, False, True]]), horizon_days=30).round(2).tolist()
    [[1.0, 0.79, 0.63], [1.0, 0.79, 0.0]]
    """
    months = np.arange(deadline.shape[1])
    within = months * MONTH_DAYS < horizon_days
    beyond = np.maximum(months + 1.0 - horizon_days / MONTH_DAYS, 0.0)
    share = np.where(within, 1.0, 0.5 ** (beyond / HALF_MONTHS))
    return np.where(deadline & ~within, 0.0, share)


def _cumulated(odds: FloatArray) -> FloatArray:
    # -log(1 - hazard), exact also where the hazard is tiny
    return np.logaddexp(0.0, odds)
