"""How right chances of deals were: by quarter for the gate, by week of the quarter for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from lifecycle.errors import DataError
from models import accuracy
from models.base import FloatArray
from training.trials import LAPSE_MEASURES, Measure

SHOWN_WEEKS = (0, 3, 6, 9, 12)
ECE_BINS = 10
EDGE = 1e-9


@dataclass(frozen=True)
class Judged:
    """Rows that are judged, shape (n,) each.

    Attributes
    ----------
    won
        1.0 where the deal was won in the landmark's quarter.
    chance
        What was predicted.
    base
        What the base rate of the past said.
    week
        Week of the quarter, 0-12.
    deal
        The deal's id.
    closed_days
        Days from the landmark to the close; NaN while open.
    expected_minor
        Amount expected if won; NaN where nothing can be expected yet.
    final_minor
        Amount won; NaN unless won, or where none is told.
    """

    won: FloatArray
    chance: FloatArray
    base: FloatArray
    week: FloatArray
    deal: NDArray[np.str_]
    closed_days: FloatArray
    expected_minor: FloatArray
    final_minor: FloatArray

    def take(self, rows: NDArray[np.bool_]) -> Judged:
        """Return the chosen rows."""
        return Judged(**{name: values[rows] for name, values in vars(self).items()})


def calibration_error(won: FloatArray, chance: FloatArray) -> float:
    """Return the mean distance of chance and share won over bins of equal size, weighted.

    Examples
    --------
    >>> calibration_error(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    0.0
    """
    order = np.argsort(chance, kind="stable")
    bins = [part for part in np.array_split(order, ECE_BINS) if len(part)]
    gaps = [len(part) * abs(float(won[part].mean() - chance[part].mean())) for part in bins]
    return float(sum(gaps) / len(won))


def calibration_intercept(won: FloatArray, chance: FloatArray) -> float:
    """Return how far chances are off on the whole, in log-odds: 0 is right, above is too low.

    The constant that makes the chances add up to what was won (calibration in the large).

    Raises
    ------
    DataError
        All or none were won.
    """
    if not 0.0 < float(won.mean()) < 1.0:
        raise DataError("all or none won", "both outcomes", "judge more rows")
    odds = logit(np.clip(chance, EDGE, 1.0 - EDGE))
    moved = 0.0
    for _ in range(50):
        now = 1.0 / (1.0 + np.exp(-(odds + moved)))
        step = float((won - now).sum() / max(float((now * (1.0 - now)).sum()), 1e-12))
        moved += min(max(step, -1.0), 1.0)
        if abs(step) < 1e-9:
            break
    return moved


def amount_bias(judged: Judged) -> float:
    """Return expected less actual amount won in the quarter, over the actual (share).

    Expected is a deal's chance times the amount it is expected to be won for; wins whose amount
    nobody told are left out on both sides.

    Raises
    ------
    DataError
        Nothing with an amount was won.
    """
    told = np.isfinite(judged.expected_minor)
    told &= (judged.won == 0.0) | np.isfinite(judged.final_minor)
    actual = float(judged.won[told] @ np.nan_to_num(judged.final_minor[told]))
    if actual <= 0:
        raise DataError("no amount won", "one deal won with its amount", "judge more rows")
    return float(judged.chance[told] @ judged.expected_minor[told]) / actual - 1.0


def brier_skill(judged: Judged) -> float:
    """Return the share of the base rate's Brier score that is gone; 0 is no better than it."""
    base = accuracy.brier(judged.won, judged.base)
    return 1.0 - accuracy.brier(judged.won, judged.chance) / base if base > 0 else 0.0


def find_early(judged: Judged) -> dict[str, float]:
    """Say how long before the close won deals were seen coming.

    The operating point lets through as many rows as were won. Of deals won, the first landmark of
    the quarter at or over it counts.

    Returns
    -------
    dict
        ``found_share`` of deals won, and ``early_days`` (median; only where any was found).
    """
    wins = int(judged.won.sum())
    if wins == 0:
        return {}
    point = np.sort(judged.chance)[-wins]
    mine = judged.won == 1.0
    deals = np.unique(judged.deal[mine])
    over = mine & (judged.chance >= point) & np.isfinite(judged.closed_days)
    names, place = np.unique(judged.deal[over], return_inverse=True)
    if len(names) == 0:
        return {"found_share": 0.0}
    first = np.full(len(names), -np.inf)
    np.maximum.at(first, place, judged.closed_days[over])
    return {"found_share": len(names) / len(deals), "early_days": float(np.median(first))}


def measure_deals(judged: Judged) -> dict[str, float]:
    """Measure chances over all rows; what is undefined here (one outcome only) is left out."""
    plain: dict[str, Measure] = {
        **LAPSE_MEASURES,
        "calibration_intercept": calibration_intercept,
        "ece": calibration_error,
    }
    found: dict[str, float] = {"rows_count": float(len(judged.won))}
    for name, measure in plain.items():
        try:
            found[name] = float(measure(judged.won, judged.chance))
        except DataError:
            continue
    for name, of_rows in {"brier_skill": brier_skill, "amount_bias": amount_bias}.items():
        try:
            found[name] = float(of_rows(judged))
        except DataError:
            continue
    return found


def measure_weeks(judged: Judged) -> list[dict[str, Any]]:
    """Measure chances in each shown week of the quarter, as JSON values."""
    told: list[dict[str, Any]] = []
    for week in SHOWN_WEEKS:
        rows = judged.week == week
        if rows.any():
            told.append({"week": week, **measure_deals(judged.take(rows))})
    return told


def more_measures(judged: Judged) -> Mapping[str, float]:
    """Return what the gate's table shows beside log loss, AUC and slope."""
    found = measure_deals(judged)
    names = ("calibration_intercept", "ece", "brier_skill", "amount_bias")
    return {name: found[name] for name in names if name in found}
