"""What the benchmarks of public series share: a panel, the product, the rival, their scores.

The rival is the median of the library's AutoETS, DynamicOptimizedTheta, AutoCES and AutoARIMA, at
their defaults. Its fits and the product's are kept apart by content (`series_fits`), those they
have in common once; processor seconds are those of the first time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from benchmarks.protocol import BenchmarkError, Result, check_reproduced, data_dir
from benchmarks.series_fits import KeptFits
from models.forecast.time_series.forecast import Question, forecast_series
from models.forecast.time_series.members import LIBRARY, RANGE80
from models.forecast.time_series.scales import naive_error

SHARES = np.arange(1, 10) / 10
LEVELS = (20.0, 40.0, 60.0, 80.0)
OURS, RIVAL, ETS = "Truecast", "median of four", "AutoETS"
KEYS = {
    "quarterly_mase": ("quarterly", "mase"),
    "monthly_mase": ("monthly", "mase"),
    "quarterly_wql": ("quarterly", "wql"),
    "monthly_wql": ("monthly", "wql"),
    "quarterly_coverage80": ("quarterly", "coverage80"),
    "monthly_coverage80": ("monthly", "coverage80"),
}


@dataclass(frozen=True)
class Set:
    """All series of one type: what is known of each, and what came."""

    season: int
    known: list[np.ndarray]
    came: np.ndarray

    @property
    def horizon(self) -> int:
        """Steps to forecast."""
        return self.came.shape[1]


@dataclass(frozen=True)
class Answer:
    """Quantiles .1 to .9, shape (9, series, horizon), and processor seconds."""

    quantiles: np.ndarray
    seconds: float


def load_set(stem: str, type_: str, season: int) -> Set:
    """Read the series of a type from ``<stem>_long.parquet`` and ``<stem>_meta.csv``."""
    rows = pd.read_parquet(data_dir() / f"{stem}_long.parquet")
    meta = pd.read_csv(data_dir() / f"{stem}_meta.csv")
    rows = rows[rows["series_id"].isin(meta.loc[meta["type"] == type_, "series_id"])]
    rows = rows.sort_values(["series_id", "t"])
    parts = {
        name: [one["y"].to_numpy(dtype=float) for _, one in group.groupby("series_id")]
        for name, group in rows.groupby("split")
    }
    return Set(season, parts["train"], np.array(parts["test"]))


def answer_ours(series: Set) -> Answer:
    """Run the product as anybody would, with fits that are kept."""
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(len(series.known)), [len(y) for y in series.known]),
            "ds": np.concatenate([np.arange(len(y)) for y in series.known]),
            "y": np.concatenate(series.known),
        }
    )
    fit, began = KeptFits(), time.process_time()
    found = forecast_series(frame, Question(series.horizon, series.season, LEVELS), fit=fit)
    seconds = time.process_time() - began - fit.made + sum(fit.seconds.values())
    names = [f"lo_{level:g}" for level in reversed(LEVELS)]
    names += ["mean", *(f"hi_{level:g}" for level in LEVELS)]
    values = found[names].to_numpy().T.reshape(len(names), *series.came.shape)
    return Answer(values, seconds)


def answer_library(series: Set, names: Sequence[str]) -> Answer:
    """Take the median of library models; normal quantiles on either side of each path."""
    fit = KeptFits()
    z = np.array([NormalDist().inv_cdf(share) for share in SHARES])[:, None] / RANGE80
    members = []
    for name in names:
        fits = [fit(name, y, horizon=series.horizon, season=series.season) for y in series.known]
        members.append([_normal(one.mean, one.low, one.high, z) for one in fits])
    values = np.median(np.array(members), axis=0)
    return Answer(values.transpose(1, 0, 2), sum(fit.seconds.values()))


def _normal(mean: np.ndarray, low: np.ndarray, high: np.ndarray, z: np.ndarray) -> np.ndarray:
    return mean + np.where(z < 0, z * (mean - low), z * (high - mean))


def score(series: Set, answer: Answer) -> dict[str, float]:
    """Return MASE, WQL, coverage of the 80 % interval and sMAPE, as the data page defines them."""
    came, q, middle = series.came, answer.quantiles, answer.quantiles[4]
    scale = np.array([naive_error(y, series.season) for y in series.known])
    share = SHARES[:, None, None]
    loss = np.maximum(share * (came - q), (share - 1) * (came - q)).sum(axis=(1, 2))
    size = np.abs(came) + np.abs(middle)
    relative = np.divide(200 * np.abs(came - middle), size, out=np.zeros_like(size), where=size > 0)
    moving = scale > 0
    return {
        "mase": float((np.abs(came - middle).mean(axis=1)[moving] / scale[moving]).mean()),
        "wql": float(2 * loss.mean() / np.abs(came).sum()),
        "coverage80": float(((came >= q[0]) & (came <= q[-1])).mean()),
        "smape": float(relative.mean()),
    }


def compare(stem: str, types: Mapping[str, int], published: Mapping[str, float]) -> Result:
    """Forecast every series of a collection by the product and its rivals, and score them.

    Parameters
    ----------
    stem
        Of the data files, below the data folder.
    types
        Type of series → steps a season.
    published
        The rival's MASE by type, as the page says.
    """
    sets = {name: load_set(stem, name, season) for name, season in types.items()}
    answers = {
        OURS: {name: answer_ours(one) for name, one in sets.items()},
        RIVAL: {name: answer_library(one, LIBRARY) for name, one in sets.items()},
        ETS: {name: answer_library(one, LIBRARY[:1]) for name, one in sets.items()},
    }
    scores = {
        owner: {name: score(sets[name], one) for name, one in found.items()}
        for owner, found in answers.items()
    }
    for name, mase in published.items():
        check_reproduced(f"{RIVAL}, {name}, MASE", scores[RIVAL][name]["mase"], mase)
    counts = {name: len(one.known) for name, one in sets.items()}
    seconds = {owner: sum(a.seconds for a in found.values()) for owner, found in answers.items()}
    figures = {owner: _figures(found, counts) for owner, found in scores.items()}
    for owner, total in seconds.items():
        figures[owner]["time_vs_autoets"] = total / seconds[ETS]
    note = _note(figures[OURS], figures[RIVAL], seconds)
    return Result(figures=figures.pop(OURS), rivals=figures, n=sum(counts.values()), note=note)


def _figures(
    found: Mapping[str, Mapping[str, float]], counts: Mapping[str, int]
) -> dict[str, float]:
    figures = {key: found[type_][name] for key, (type_, name) in KEYS.items()}
    total = sum(found[name]["smape"] * count for name, count in counts.items())
    return {**figures, "smape_all": total / sum(counts.values())}


def _note(
    ours: Mapping[str, float], rival: Mapping[str, float], seconds: Mapping[str, float]
) -> str:
    behind = [
        f"{name} {ours[name]:.4g} against {rival[name]:.4g}"
        for name in ours
        if name.endswith(("mase", "wql", "smape_all")) and ours[name] > rival[name]
    ]
    if not all(np.isfinite(list(ours.values()))):
        raise BenchmarkError("a figure of the product is not finite")
    return (
        "One configuration for all sets, chosen on the last horizons of the train parts. "
        f"Processor seconds: {seconds[OURS]:.0f}, the library's four {seconds[RIVAL]:.0f}, "
        f"AutoETS {seconds[ETS]:.0f}. "
        + (f"Behind the rival: {'; '.join(behind)}." if behind else "Nowhere behind the rival.")
    )
