"""From hazards of winning and losing to chances by any day, through a given chance.

Two risks compete: won or lost, whichever comes first (cumulative incidence; Kalbfleisch and
Prentice 1980, 8.2). Inside a period both intensities are even.
"""

from __future__ import annotations

import numpy as np

from models.base import FloatArray

WEEK_DAYS = 7.0
ENDS = np.array([1.0, 2.0, 4.0, 8.0, 13.0, 26.0, 52.0]) * WEEK_DAYS
"""Ends of the periods ahead that are learned (days)."""
STARTS = np.concatenate([[0.0], ENDS[:-1]])
LATER = np.array([78.0, 104.0]) * WEEK_DAYS
"""Ends of periods that go on like the last one learned."""
ALL_ENDS = np.concatenate([ENDS, LATER])
ALL_STARTS = np.concatenate([[0.0], ALL_ENDS[:-1]])
EDGE = 1e-9
FAR = 30.0
HALVINGS = 60
HALF_DAYS = 91.0
"""Days after the quarter in which what sets a deal apart loses half its weight."""


def extend(odds: FloatArray) -> FloatArray:
    """Repeat the last period's log-odds for the later periods: shape (n, 7) to (n, 9)."""
    return np.hstack([odds, np.repeat(odds[:, -1:], len(LATER), axis=1)])


def win_by(won: FloatArray, lost: FloatArray, days: FloatArray) -> FloatArray:
    """Return P(won within so many days).

    Parameters
    ----------
    won, lost
        Shape (n, 9): log-odds against staying open, by period.
    days
        Shape (n, d); infinite: ever; NaN where unknown. After the last period, wins and losses of
        deals still open stay in its proportion.

    Returns
    -------
    numpy.ndarray
        Shape (n, d); it never falls as days grow; NaN where days are.
    """
    closing, share = _closing(won, lost)
    before = np.cumsum(closing, axis=1) - closing
    gone = -np.expm1(-closing) * np.exp(-before)
    spent = np.cumsum(gone * share, axis=1)
    known = np.where(np.isnan(days), 0.0, days)
    place = np.clip(np.searchsorted(ALL_ENDS, known, side="right"), 0, len(ALL_ENDS) - 1)
    covered = np.clip((known - ALL_STARTS[place]) / (ALL_ENDS - ALL_STARTS)[place], 0.0, 1.0)
    here, ahead = (np.take_along_axis(one, place, axis=1) for one in (closing, before))
    part = np.take_along_axis(share, place, axis=1)
    base = np.take_along_axis(spent - gone * share, place, axis=1)
    found = base - np.expm1(-here * covered) * np.exp(-ahead) * part
    still_open = np.exp(-(before + closing))[:, -1:]
    found = np.where(np.isinf(known), spent[:, -1:] + still_open * share[:, -1:], found)
    return np.where(np.isnan(days), np.nan, np.clip(found, 0.0, 1.0))


def days_to_win(won: FloatArray, lost: FloatArray, quantiles: FloatArray) -> FloatArray:
    """Return days by which so much of the chance ever to win is used up, shape (n, q).

    Parameters
    ----------
    won, lost
        Shape (n, 9), as in ``win_by``.
    quantiles
        Shape (q,), in (0, 1): of the day of winning, given that the deal is won. At most two years.
    """
    rows = len(won)
    ever = win_by(won, lost, np.full((rows, 1), np.inf))
    low = np.zeros((rows, len(quantiles)))
    high = np.full((rows, len(quantiles)), ALL_ENDS[-1])
    for _ in range(24):
        middle = (low + high) / 2.0
        short = win_by(won, lost, middle) < quantiles * ever
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high


def anchor(won: FloatArray, lost: FloatArray, chance: FloatArray, days: FloatArray) -> FloatArray:
    """Find the offset of a deal's log-odds of winning that makes its chance by a day the given one.

    Parameters
    ----------
    won, lost
        Shape (n, 9), as in ``win_by``.
    chance, days
        Shape (n,): P(won within ``days``). Where days are NaN or not positive nothing is moved.

    Returns
    -------
    numpy.ndarray
        Shape (n, 9): by period the offset, whole within ``days``, halved every 91 days after.
        By halving an interval a fixed number of times, so that one deal's answer never hangs on
        the others of its frame.
    """
    kept = fade(days)
    wanted = np.clip(chance, EDGE, 1.0 - EDGE)[:, None]
    low, high = np.full((len(won), 1), -FAR), np.full((len(won), 1), FAR)
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        short = win_by(won + middle * kept, lost, days[:, None]) < wanted
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    usable = (days > 0)[:, None]
    return np.where(usable, (low + high) / 2.0 * kept, 0.0)


def fade(days: FloatArray) -> FloatArray:
    """Return how much of a deal's offset each period keeps, shape (n, 9), from 0 to 1.

    Examples
    --------
    >>> fade(np.array([14.0])).round(2).tolist()
    [[1.0, 1.0, 1.0, 0.9, 0.73, 0.56, 0.28, 0.07, 0.02]]
    """
    beyond = np.maximum(ALL_STARTS[None, :] - np.nan_to_num(days)[:, None], 0.0)
    return np.asarray(0.5 ** (beyond / HALF_DAYS))


def _closing(won: FloatArray, lost: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return each period's cumulated intensity of closing, and the share of wins in it."""
    closing = np.logaddexp(0.0, np.logaddexp(won, lost))
    share = 1.0 / (1.0 + np.exp(np.clip(lost - won, -700.0, 700.0)))
    return closing, share
