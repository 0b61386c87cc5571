"""Where all accounts together stand now: the latest days' level, as far as they can be trusted."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from models.base import FloatArray
from models.season import LATEST_DAYS

WANDERING = 0.15
"""How far the level of a company moves from year to year (standard deviation, log-odds)."""
STEPS = 30


def choose_level(levels: FloatArray, events: FloatArray) -> float:
    """Carry the latest days' level forward, drawn towards the mean of all days.

    Parameters
    ----------
    levels
        Shape (d,), log-odds by past day, the latest last.
    events
        Shape (d,), decisions to leave by past day.

    Returns
    -------
    float
        The latest days count by v / (v + 1/e): v, how much levels wander, against the noise of
        their e events.

    Examples
    --------
    >>> choose_level(np.array([-3.0, -3.0, -2.0]), np.array([0.0, 0.0, 0.0])).__round__(2)
    -2.67
    """
    latest = levels[-LATEST_DAYS:]
    # windows of neighbouring days share most of their events: they count as those of one day
    noise = 1.0 / max(float(events[-LATEST_DAYS:].mean()), 1e-9)
    trust = WANDERING**2 / (WANDERING**2 + noise)
    return float(levels.mean() + trust * (latest.mean() - levels.mean()))


def balance(raw: FloatArray, label: FloatArray) -> float:
    """Return the shift of log-odds that makes expected events equal those that happened.

    Parameters
    ----------
    raw, label
        Shape (n,): log-odds, and 0 or 1.
    """
    shift = 0.0
    for _ in range(STEPS):
        risk = expit(raw + shift)
        step = (label.sum() - risk.sum()) / max(float((risk * (1.0 - risk)).sum()), 1e-9)
        shift += float(np.clip(step, -1.0, 1.0))
        if abs(step) < 1e-10:
            break
    return shift
