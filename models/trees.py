"""Gradient-boosted trees as data: fitted by LightGBM, kept as its text, the same on every run."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from lifecycle.errors import BundleError
from models.base import FloatArray
from models.golden import HEAVY

THREADS = 1
SEED = 20091201


@dataclass(frozen=True)
class Growth:
    """How trees are grown.

    Attributes
    ----------
    objective
        LightGBM's name: ``binary``, ``tweedie``, ``gamma``, ``quantile``.
    rounds
        Number of trees.
    leaves, least_rows
        Size of a tree, and the fewest rows in a leaf.
    more
        Further LightGBM parameters, as ``{"alpha": 0.6}``.
    """

    objective: str
    rounds: int = 150
    rate: float = 0.06
    leaves: int = 15
    least_rows: int = 60
    more: dict[str, Any] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """Return LightGBM's parameters: reproducible, and one thread.

        On tables of this size a second thread gains a tenth on idle cores and loses tenfold on
        busy ones, where the threads wait for each other at every split.
        """
        return {
            "objective": self.objective,
            "learning_rate": self.rate,
            "num_leaves": self.leaves,
            "min_child_samples": self.least_rows,
            "feature_fraction": 0.6,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "max_bin": 127,
            "lambda_l2": 5.0,
            "seed": SEED,
            "num_threads": THREADS,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            **self.more,
        }


def load_lightgbm() -> Any:
    """Import LightGBM without the libraries it would pull in although nobody here needs them.

    They cost half a second and a hundred megabytes, and one of them brings joblib, which unpickles:
    the web process has none of it.
    """
    if "lightgbm" not in sys.modules:
        unwanted = [name for name in HEAVY if name not in sys.modules]
        sys.modules.update(dict.fromkeys(unwanted))  # type: ignore[arg-type]
        try:
            importlib.import_module("lightgbm")
        finally:
            for name in unwanted:
                del sys.modules[name]
    return sys.modules["lightgbm"]


class Trees:
    """A fitted booster, on its raw scale (log-odds, log, or the plain quantile)."""

    def __init__(self, text: str) -> None:
        lgb = load_lightgbm()
        try:
            self._booster = lgb.Booster(model_str=text)
        except lgb.basic.LightGBMError as error:
            raise BundleError(
                f"trees cannot be read: {str(error)[:100]}", "LightGBM text", "train again"
            ) from error
        self.text = text

    @classmethod
    def grow(
        cls,
        matrix: FloatArray,
        label: FloatArray,
        *,
        growth: Growth,
        weight: FloatArray | None = None,
        offset: FloatArray | None = None,
    ) -> Self:
        """Fit on shape (n, f) and (n,); ``offset`` is a known part of the raw score."""
        lgb = load_lightgbm()
        data = lgb.Dataset(matrix, label, weight=weight, init_score=offset)
        booster = lgb.train(growth.parameters(), data, growth.rounds)
        # predictions always come from the text, so that a reloaded model gives the same bits
        return cls(booster.model_to_string())

    def raw(self, matrix: FloatArray) -> FloatArray:
        """Return shape (n,), without any offset of the fit."""
        found = self._booster.predict(matrix, raw_score=True, num_threads=THREADS)
        return np.asarray(found, dtype=np.float64).reshape(len(matrix))

    def contributions(self, matrix: FloatArray) -> tuple[FloatArray, float]:
        """Return TreeSHAP values of shape (n, f), and the base they start from.

        Source: Lundberg et al. 2020, exact for trees; ``raw`` = base + row sum.
        """
        columns = matrix.shape[1]
        if len(matrix) == 0:
            return np.zeros((0, columns)), 0.0
        found = self._booster.predict(matrix, pred_contrib=True, num_threads=THREADS)
        values = np.asarray(found, dtype=np.float64).reshape(len(matrix), columns + 1)
        return values[:, :-1], float(values[0, -1])
