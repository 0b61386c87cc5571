"""How right a backtest of one target was, pooled over companies; for studies of worlds.

A row is one leg's forecast of the total from one origin, scored. Errors are those of the median,
bias that of the mean; weeks, quarters and companies are pooled by size, and two legs are compared
on the origins at which both spoke.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.protocol import BenchmarkError
from models.forecast.conclude import Concluded
from models.forecast.nodes import TOTAL, dimension_of
from models.forecast.raw import Leg
from models.forecast.scoring import score_grid

WEEKS = 13
ORACLE_WEEKS = (0, 3, 6, 9, 12)
MIDDLE_WEEK = 6
SERVED, ORACLE, INDEPENDENT = "served", "oracle", "independent"
NAIVE, CONVERSION, COMMIT = "last_quarter", "conversion", "commit"
NODE_TOLERANCE = 1e-6
MOST_STEP_UP = 0.01
KEPT = ("error_minor", "mean_error_minor", "crps_minor", "inside50", "inside80")

Row = Mapping[str, Any]
Key = tuple[int, str, int]


def score(forecast: Concluded, name: str, leg: Leg, *, actual: float, seed: int) -> Row:
    """Return the scores of a leg's total as plain values."""
    found = score_grid(leg.grid_minor[:1], leg.mean_minor[:1], np.array([actual]))
    return {
        "seed": seed,
        "period": str(forecast.raw.quarter),
        "week": forecast.raw.week,
        "leg": name,
        "actual_minor": actual,
        **{one: float(getattr(found, one)[0]) for one in KEPT},
    }


def score_legs(forecast: Concluded, *, actual: float, seed: int) -> Iterator[Row]:
    """Yield the scores of every leg, and of the one that is served once more under that name."""
    legs = {**forecast.legs, SERVED: forecast.legs[forecast.served]}
    for name, leg in legs.items():
        yield score(forecast, name, leg, actual=actual, seed=seed)


def node_gap(forecast: Concluded) -> float:
    """Return how far any dimension's served means are off the total, as a share of it."""
    mean = forecast.legs[forecast.served].mean_minor
    levels = np.array([dimension_of(node) for node in forecast.raw.nodes])
    gaps = [abs(mean[levels == level].sum() - mean[0]) for level in set(levels) - {TOTAL}]
    return float(max(gaps, default=0.0) / max(abs(mean[0]), 1.0))


class Judgement:
    """Rows of all companies, asked leg by leg.

    Parameters
    ----------
    rows
        Of `score`, any order.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._legs: dict[str, dict[Key, Row]] = {}
        for row in rows:
            key = (row["seed"], row["period"], row["week"])
            self._legs.setdefault(row["leg"], {})[key] = row

    @property
    def legs(self) -> list[str]:
        """Return the names of all legs."""
        return list(self._legs)

    def wape(self, leg: str, *, week: int | None = None) -> float:
        """Return the sum of absolute errors over the sum of actuals, of one week or all."""
        rows = [row for key, row in self._legs[leg].items() if week in (None, key[2])]
        return _sum(rows, "error_minor") / _sum(rows, "actual_minor")

    def ratio(
        self, leg: str, rival: str, *, column: str = "error_minor", week: int | None = None
    ) -> float:
        """Return a leg's summed error (or another column) over a rival's where both spoke."""
        ours, theirs = self._legs[leg], self._legs[rival]
        both = [key for key in ours if key in theirs and week in (None, key[2])]
        return _sum([ours[k] for k in both], column) / _sum([theirs[k] for k in both], column)

    def measure(self, leg: str) -> dict[str, float]:
        """Return WAPE, bias, coverage, CRPS as a share of the actuals, and WAPE by week."""
        rows = list(self._legs[leg].values())
        size = _sum(rows, "actual_minor")
        return {
            "wape": self.wape(leg),
            "bias": float(np.sum([row["mean_error_minor"] for row in rows]) / size),
            "coverage80": float(np.mean([row["inside80"] for row in rows])),
            "coverage50": float(np.mean([row["inside50"] for row in rows])),
            "crps": _sum(rows, "crps_minor") / size,
            **{f"week {week}": self.wape(leg, week=week) for week in self.weeks(leg)},
        }

    def weeks(self, leg: str) -> list[int]:
        """Return the weeks from which a leg spoke."""
        return sorted({week for _, _, week in self._legs[leg]})

    def step_up(self, leg: str) -> float:
        """Return by how much WAPE is at most above that of an earlier week."""
        by_week = np.array([self.wape(leg, week=week) for week in self.weeks(leg)])
        return float(np.max(by_week - np.minimum.accumulate(by_week)))

    def above_oracle(self, leg: str) -> float:
        """Return by how many standard errors a leg's absolute error is below the oracle's.

        A company's quarter counts once: its weeks share one outcome. Each is a share of the
        quarter's own actual.
        """
        ours, truth = self._legs[leg], self._legs[ORACLE]
        gaps: dict[tuple[int, str], list[float]] = {}
        for key in (one for one in truth if one in ours):
            gap = abs(truth[key]["error_minor"]) - abs(ours[key]["error_minor"])
            gaps.setdefault(key[:2], []).append(gap / abs(truth[key]["actual_minor"]))
        each = np.array([np.mean(one) for one in gaps.values()])
        return float(each.mean() / max(each.std() / np.sqrt(len(each)), 1e-9))

    def figures(self) -> dict[str, float]:
        """Return what a study of forecasts publishes of the served leg."""
        served = self.measure(SERVED)
        return {
            "wape_vs_naive": self.ratio(SERVED, NAIVE),
            "wape_vs_conversion": self.ratio(SERVED, CONVERSION),
            "wape_vs_commit": self.ratio(SERVED, COMMIT),
            "wape_week6": self.ratio(SERVED, ORACLE, week=MIDDLE_WEEK),
            "abs_bias": abs(served["bias"]),
            "coverage80": served["coverage80"],
            "coverage50": served["coverage50"],
            "crps_vs_independent": self.ratio(SERVED, INDEPENDENT, column="crps_minor"),
            "wape": served["wape"],
            "oracle_vs_naive": self.ratio(ORACLE, NAIVE),
            "oracle_vs_conversion": self.ratio(ORACLE, CONVERSION),
            "week_to_week_worst": self.step_up(SERVED),
            "above_oracle_se": max(self.above_oracle(leg) for leg in self.legs if leg != ORACLE),
        }


def check_figures(figures: Mapping[str, float]) -> None:
    """Refuse forecasts better than the oracle's, and nodes that do not add up.

    Raises
    ------
    BenchmarkError
        A leg is more than two standard errors better, or a sum is off.
    """
    if figures["above_oracle_se"] > 2.0:
        worst = figures["above_oracle_se"]
        raise BenchmarkError(f"a leg is {worst:.1f} standard errors above the oracle: a leak")
    if figures["node_gap"] > NODE_TOLERANCE:
        raise BenchmarkError(f"node sums are off by {figures['node_gap']:.1e} of the total")


def _sum(rows: Sequence[Row], column: str) -> float:
    return float(np.sum([abs(row[column]) for row in rows]))
