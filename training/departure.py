"""How far a new model departs from the champion on the rows of today, before it may speak.

A model that learned from poisoned or broken facts may pass its own gate, because the past that it
is judged on is broken too. So one that says something quite different of the same rows is kept
beside the champion until somebody has looked: `truecast promote` lets it speak.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.stats import spearmanr

from ledger.releases import Release
from lifecycle.errors import BundleError, FeatureMismatchError
from models.base import FloatArray, ScoreModel
from models.loading import load_model

LEVEL_FACTOR = 2.0
"""A new level (the sum over all rows) may be so many times the old one, or one of so many parts."""
LEAST_LIKENESS = 0.2
"""Rank correlation (Spearman) below which two models order the same rows quite differently."""
FEWEST_ROWS = 30
FEWEST_VALUES = 10
LARGEST_SHARE = 0.99


@dataclass(frozen=True)
class Departure:
    """What two models say of the same rows.

    Attributes
    ----------
    level
        Sum over the rows by the new model as a multiple of the old one's, the largest hundredth
        of each counted like the next smaller value: one account is not a level.
    likeness
        Spearman's rank correlation; ``None`` where one of them tells fewer than ``FEWEST_VALUES``
        values apart.
    """

    level: float
    likeness: float | None

    def why_far(self) -> str | None:
        """Return why somebody should look before the new model speaks; ``None``: no need."""
        if not 1 / LEVEL_FACTOR <= self.level <= LEVEL_FACTOR:
            return f"its level on today's rows is {self.level:.2f} of the champion's"
        if self.likeness is not None and self.likeness < LEAST_LIKENESS:
            return f"its order of today's rows is like the champion's by {self.likeness:.2f} only"
        return None


def find_departure(
    new: ScoreModel, champion: Release, frame: pa.Table, *, horizon_days: int, bundles_dir: Path
) -> Departure | None:
    """Compare a new model with the champion on one frame.

    Returns
    -------
    Departure or None
        ``None`` where they cannot be compared: fewer than ``FEWEST_ROWS`` rows, a champion whose
        bundle is gone, or one that does not know today's columns.
    """
    if frame.num_rows < FEWEST_ROWS:
        return None
    try:
        old = load_model(bundles_dir, champion.digest)
        told = [one.predict(frame, horizon_days=horizon_days) for one in (new, old)]
    except (BundleError, FeatureMismatchError):
        return None
    return measure_departure(*told)


def measure_departure(new: FloatArray, old: FloatArray) -> Departure:
    """Compare two models' values of the same rows, each of shape (n,).

    Examples
    --------
    >>> import numpy as np
    >>> measure_departure(np.linspace(0.1, 0.9, 50), np.linspace(0.2, 0.8, 50)).why_far()
    >>> measure_departure(np.linspace(0.9, 0.1, 50), np.linspace(0.2, 0.8, 50)).why_far()
    "its order of today's rows is like the champion's by -1.00 only"
    """
    before = _level(old)
    level = _level(new) / before if before > 0 else 1.0
    apart = min(len(np.unique(new)), len(np.unique(old))) >= FEWEST_VALUES
    return Departure(level, float(spearmanr(new, old).statistic) if apart else None)


def _level(values: FloatArray) -> float:
    return float(np.minimum(values, np.quantile(values, LARGEST_SHARE)).sum())
