"""Two usual ways to learn spend by trees, as rivals: one Tweedie mean, and chance times amount.

Both learn on raw spend with all columns, season included, and both answer on the log scale.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
from scipy.special import expit

from lifecycle.errors import NotEnoughHistoryError
from models.base import Examples, Explanation, FloatArray, Unit, check_fitted, check_horizon
from models.columns import Frame
from models.matrix import Layout
from models.parts import read_part, write_part
from models.reasons import GROUPS, sum_groups
from models.trees import Growth, Trees

MODEL_PART = "rival.json"
FEWEST_BUYS = 300
TWEEDIE = Growth("tweedie", rounds=120, more={"tweedie_variance_power": 1.5})
CHANCE = Growth("binary", rounds=100)
AMOUNT = Growth("gamma", rounds=100)


class _Rival(ABC):
    """What both share: columns, horizon, parts."""

    name: str
    unit: Unit = "minor"
    texts: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        self.horizon_days = 0
        self._layout = Layout((), {})
        self._trees: tuple[Trees, ...] = ()

    def fit(self, examples: Examples) -> Self:
        """Learn from past days.

        Raises
        ------
        NotEnoughHistoryError
            Too few rows with spend after them.
        """
        buys = int((examples.label > 0).sum())
        if buys < FEWEST_BUYS:
            raise NotEnoughHistoryError(
                f"{self.name}: {buys} rows with spend after them",
                f"{FEWEST_BUYS} or more",
                "ingest a longer history; the run rate serves until then",
            )
        self.horizon_days = examples.horizon_days
        self._layout = Layout.learn(examples.frame)
        self._trees = self._grow(self._layout.matrix(examples.frame), examples.label)
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return expected gross spend within the horizon, shape (n,), minor units.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            Another horizon than that of the fit, or no fit.
        """
        check_horizon(self.horizon_days, horizon_days)
        matrix = self._layout.matrix(frame)
        return np.exp(sum(self._log_parts(matrix), np.zeros(len(matrix))))

    def explain(self, frame: Frame) -> Explanation:
        """Return log money by business group, adding up to the log of the prediction."""
        matrix = self._layout.matrix(frame)
        base, parts = 0.0, np.zeros((len(matrix), len(GROUPS)))
        for place, trees in enumerate(self._fitted()):
            shap, start = trees.contributions(matrix)
            groups, first = self._to_log(place, sum_groups(self._layout.columns, shap), start)
            base, parts = base + first, parts + groups
        return Explanation(base, GROUPS, parts, "log")

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part and the trees as LightGBM text."""
        kept = {"horizon_days": self.horizon_days, "layout": self._layout.to_json()}
        trees = zip(self.texts, self._fitted(), strict=True)
        texts = {name: one.text.encode() for name, one in trees}
        return {MODEL_PART: write_part(kept), **texts}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``; it predicts the same bits.

        Raises
        ------
        BundleError
            A part is missing or wrong.
        """
        model = cls()
        with read_part(parts, MODEL_PART) as kept:
            model.horizon_days = int(kept["horizon_days"])
            model._layout = Layout.from_json(kept["layout"])
            model._trees = tuple(Trees(parts[name].decode()) for name in cls.texts)
        return model

    @abstractmethod
    def _grow(self, matrix: FloatArray, spend: FloatArray) -> tuple[Trees, ...]: ...

    def _log_parts(self, matrix: FloatArray) -> list[FloatArray]:
        return [trees.raw(matrix) for trees in self._fitted()]

    def _to_log(self, place: int, groups: FloatArray, start: float) -> tuple[FloatArray, float]:
        return groups, start

    def _fitted(self) -> tuple[Trees, ...]:
        return check_fitted(self._trees or None, self.name)


class TweedieValue(_Rival):
    """One Tweedie regression of spend (Jorgensen 1987; variance power 1.5)."""

    name: str = "clv_tweedie"
    texts = ("tweedie.txt",)

    def _grow(self, matrix: FloatArray, spend: FloatArray) -> tuple[Trees, ...]:
        return (Trees.grow(matrix, spend, growth=TWEEDIE),)


class HurdleValue(_Rival):
    """Chance of any purchase times the expected spend given one (gamma)."""

    name: str = "clv_hurdle"
    texts = ("chance.txt", "amount.txt")

    def _grow(self, matrix: FloatArray, spend: FloatArray) -> tuple[Trees, ...]:
        buys = spend > 0
        chance = Trees.grow(matrix, buys.astype(np.float64), growth=CHANCE)
        return chance, Trees.grow(matrix[buys], spend[buys], growth=AMOUNT)

    def _log_parts(self, matrix: FloatArray) -> list[FloatArray]:
        chance, amount = self._fitted()
        return [np.log(expit(chance.raw(matrix))), amount.raw(matrix)]

    def _to_log(self, place: int, groups: FloatArray, start: float) -> tuple[FloatArray, float]:
        if place == 1:
            return groups, start
        # log-odds to log chance: each group keeps its share of the whole way, so the sum is exact
        away = groups.sum(axis=1)
        first = float(np.log(expit(start)))
        moved = np.log(expit(start + away)) - first
        still = np.abs(away) < 1e-12
        steep = np.where(still, 0.0, moved / np.where(still, 1.0, away))
        return groups * steep[:, None], first
