"""The champion of value: own rate x what becomes of it x the season, customer by customer.

Spend is heavy-tailed and seasonal, and its two usual errors pull apart: a mean learned by trees
is unbiased but wild for large accounts, a median is steady but a third too low in total. So

* the run rate carries each account's size, and trees learn only the *multiple* of it;
* every past day is brought to one level first, and the level of the day to score is the latest
  level times the season of its time of year (``models.season``);
* the multiple is a mix of a quantile (steady for large accounts) and Tweedie means (they rank
  the small ones), each scaled to the right total over the past days.

A quantile above the median, scaled to the total, is the least absolute error that a given total
allows (the Lagrangian of that problem is the pinball loss; Koenker and Bassett 1978).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from lifecycle.errors import NotEnoughHistoryError
from models.base import Examples, Explanation, FloatArray, Unit, check_fitted, check_horizon
from models.blend import Level, learn_level, log_mean
from models.clv.rate import choose_floor, run_rate
from models.columns import Frame
from models.matrix import Layout
from models.parts import read_part, write_part
from models.reasons import GROUPS, sum_groups
from models.season import SEASON_COLUMNS
from models.trees import Growth, Trees

MODEL_PART = "value.json"
SEASON_MEASURE = "spend_{n}d_minor"
FEWEST_BUYS = 300
LEAST = 1e-9


@dataclass(frozen=True)
class Part:
    """One learner of the multiple: its kind, its share in the mix, how it is grown."""

    kind: Literal["quantile", "mean"]
    share: float
    growth: Growth

    def learn(self, matrix: FloatArray, spend: FloatArray, rate: FloatArray) -> Trees:
        """Fit on levelled spend and rates, shape (n,)."""
        if self.kind == "quantile":
            # weighted by the rate, the error of the multiple is the error of the money
            return Trees.grow(matrix, spend / rate, growth=self.growth, weight=rate)
        return Trees.grow(matrix, spend, growth=self.growth, offset=np.log(rate))

    def multiple(self, raw: FloatArray) -> FloatArray:
        """Return the multiple of the rate, shape (n,), from raw scores."""
        return np.exp(raw) if self.kind == "mean" else np.maximum(raw, LEAST)

    def spread(self, shap: FloatArray, base: float) -> tuple[FloatArray, float]:
        """Spread ``multiple(raw) - multiple(base)`` over groups, exactly; and multiple(base)."""
        raw = base + shap.sum(axis=1)
        start = float(self.multiple(np.array([base]))[0])
        away = raw - base
        moved = self.multiple(raw) - start
        near = np.abs(away) < LEAST
        steep = np.where(near, 0.0, moved / np.where(near, 1.0, away))
        return shap * steep[:, None], start


PARTS: tuple[Part, ...] = (
    Part("quantile", 0.5, Growth("quantile", more={"alpha": 0.6})),
    Part("mean", 0.5, Growth("tweedie", more={"tweedie_variance_power": 1.3})),
)


class CombinedValue:
    """Expected gross spend: rate x mixed multiple x level of the day.

    Parameters
    ----------
    parts
        The learners; their shares add up to 1.
    """

    name: str = "clv_combined"
    unit: Unit = "minor"

    def __init__(self, parts: Sequence[Part] = PARTS) -> None:
        self.parts = tuple(parts)
        self.horizon_days = 0
        self._layout = Layout((), {})
        self._floor = 0.0
        self._typical_log_rate = 0.0
        self._level = Level.flat()
        self._trees: tuple[Trees, ...] = ()
        self._scales: tuple[float, ...] = ()

    def fit(self, examples: Examples) -> Self:
        """Learn the multiple on past days brought to one level, and carry the level on.

        Raises
        ------
        NotEnoughHistoryError
            Too few rows with spend, or a past day on which nobody bought within the horizon.
        """
        _check_spend(examples)
        self.horizon_days = examples.horizon_days
        rates = run_rate(examples.frame, examples.horizon_days)
        self._floor = choose_floor(rates)
        rate = np.maximum(rates, self._floor)
        self._typical_log_rate = float(np.log(rate).mean())
        levels, levelled = _bring_to_level(examples, rate)
        self._level = learn_level(examples, levels, slope=1.0, measure=SEASON_MEASURE)
        self._layout = Layout.learn(examples.frame, without=SEASON_COLUMNS)
        matrix = self._layout.matrix(examples.frame)
        self._trees = tuple(part.learn(matrix, levelled, rate) for part in self.parts)
        self._scales = tuple(
            float(levelled.sum() / (rate * part.multiple(trees.raw(matrix))).sum())
            for part, trees in zip(self.parts, self._trees, strict=True)
        )
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return expected gross spend within the horizon, shape (n,), minor units, above 0.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            Another horizon than that of the fit, or no fit.
        """
        check_horizon(self.horizon_days, horizon_days)
        matrix = self._layout.matrix(frame)
        mixed = np.zeros(len(matrix))
        for part, weight, trees in self._fitted():
            mixed += weight * part.multiple(trees.raw(matrix))
        level = np.exp(self._level.base + self._level.season(frame))
        return np.asarray(level * self._rate(frame) * mixed)

    def explain(self, frame: Frame) -> Explanation:
        """Return log money by business group, adding up to the log of the prediction.

        The mix is a sum, so its parts are carried to the log scale by the logarithmic mean.
        """
        matrix = self._layout.matrix(frame)
        start, away = 0.0, np.zeros((len(matrix), len(GROUPS)))
        for part, weight, trees in self._fitted():
            shap, base = trees.contributions(matrix)
            moved, first = part.spread(sum_groups(self._layout.columns, shap), base)
            start, away = start + weight * first, away + weight * moved
        mixed = start + away.sum(axis=1)
        groups = away / log_mean(mixed, np.full(len(mixed), start))[:, None]
        groups[:, GROUPS.index("money")] += np.log(self._rate(frame)) - self._typical_log_rate
        groups[:, GROUPS.index("season")] += self._level.season(frame)
        base_log = self._level.base + self._typical_log_rate + float(np.log(start or 1.0))
        return Explanation(base_log, GROUPS, groups, "log")

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part and the trees of each learner as LightGBM text."""
        kept = {
            "horizon_days": self.horizon_days,
            "parts": [[part.kind, part.share] for part in self.parts],
            "scales": self._scales,
            "floor": self._floor,
            "typical_log_rate": self._typical_log_rate,
            "level": self._level.to_json(),
            "layout": self._layout.to_json(),
        }
        texts = {f"trees_{i}.txt": trees.text.encode() for i, trees in enumerate(self._trees)}
        return {MODEL_PART: write_part(kept), **texts}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``; it predicts the same bits.

        Raises
        ------
        BundleError
            A part is missing or wrong.
        """
        with read_part(parts, MODEL_PART) as kept:
            model = cls([Part(kind, share, Growth(kind)) for kind, share in kept["parts"]])
            model.horizon_days, model._floor = int(kept["horizon_days"]), float(kept["floor"])
            model._typical_log_rate = float(kept["typical_log_rate"])
            model._scales = tuple(float(scale) for scale in kept["scales"])
            model._level = Level.from_json(kept["level"])
            model._layout = Layout.from_json(kept["layout"])
            texts = [parts[f"trees_{place}.txt"].decode() for place in range(len(model.parts))]
            model._trees = tuple(Trees(text) for text in texts)
        return model

    def _rate(self, frame: Frame) -> FloatArray:
        return np.maximum(run_rate(frame, self.horizon_days), self._floor)

    def _fitted(self) -> list[tuple[Part, float, Trees]]:
        trees = check_fitted(self._trees or None, self.name)
        weights = [part.share * s for part, s in zip(self.parts, self._scales, strict=True)]
        return list(zip(self.parts, weights, trees, strict=True))


def _check_spend(examples: Examples) -> None:
    buys = int((examples.label > 0).sum())
    if buys < FEWEST_BUYS:
        raise NotEnoughHistoryError(
            f"{buys} rows with spend after them",
            f"{FEWEST_BUYS} or more",
            "ingest a longer history; the run rate serves until then",
        )


def _bring_to_level(
    examples: Examples, rate: FloatArray
) -> tuple[dict[np.datetime64, float], FloatArray]:
    """Return the log of spend over rate by day, and labels divided by their day's ratio."""
    days, place = np.unique(examples.as_of, return_inverse=True)
    spent = np.bincount(place, examples.label)
    if not (spent > 0).all():
        raise NotEnoughHistoryError(
            f"nobody bought in the {examples.horizon_days} days from {days[spent <= 0][0]}",
            "spend after every past day",
            "start later, or ingest the missing orders",
        )
    ratio = spent / np.bincount(place, rate)
    return dict(zip(days, np.log(ratio).tolist(), strict=True)), examples.label / ratio[place]
