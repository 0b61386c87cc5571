"""The rules every model has to beat: last year's rate goes on, and everyone lapses alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np

from lifecycle.errors import FeatureMismatchError, NotEnoughHistoryError
from models.base import Examples, Explanation, FloatArray, Unit, check_horizon
from models.columns import Frame, read_numbers
from models.parts import read_part, write_part

PART = "rule.json"
SHRINK_ROWS = 20.0


class RunRate:
    """Spend of the last ``window_days`` goes on at the same rate.

    Parameters
    ----------
    window_days
        30, 90, 180 or 365: the frame's spend windows.
    """

    unit: Unit = "minor"

    def __init__(self, window_days: int = 365) -> None:
        self.window_days = window_days
        self.name = f"run_rate_{window_days}"
        self.horizon_days = 0
        self.base_minor = 0.0

    def fit(self, examples: Examples) -> Self:
        """Keep the horizon, and the median answer as the base of explanations."""
        self.horizon_days = examples.horizon_days
        rates = self.predict(examples.frame)
        self.base_minor = float(np.median(rates)) if len(rates) else 0.0
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return spend of the window x horizon / window, shape (n,), minor units.

        Raises
        ------
        FeatureMismatchError
            The frame lacks the window's spend.
        """
        column = f"spend_{self.window_days}d_minor"
        if column not in frame.column_names:
            raise FeatureMismatchError(f"frame lacks {column}", "columns of account_frame")
        spend = read_numbers(frame, column)
        horizon = self.horizon_days if horizon_days is None else horizon_days
        return np.nan_to_num(spend) * (horizon / self.window_days)

    def explain(self, frame: Frame) -> Explanation:
        """Return the distance from the median account, all of it due to ``money``."""
        away = self.predict(frame) - self.base_minor
        return Explanation(self.base_minor, ("money",), away[:, None], "identity")

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part."""
        kept = {"window": self.window_days, "horizon": self.horizon_days, "base": self.base_minor}
        return {PART: write_part(kept)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``.

        Raises
        ------
        BundleError
            The part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            model = cls(int(kept["window"]))
            model.horizon_days, model.base_minor = int(kept["horizon"]), float(kept["base"])
        return model


class BaseRate:
    """Every account lapses with the same probability: the share that did."""

    name: str = "base_rate"
    unit: Unit = "probability"
    groups: ClassVar[tuple[str, ...]] = ("context",)

    def __init__(self) -> None:
        self.horizon_days = 0
        self.risk = 0.5

    def fit(self, examples: Examples) -> Self:
        """Take the share of lapsed accounts, shrunk towards one half by 20 rows.

        Raises
        ------
        NotEnoughHistoryError
            There is no example.
        """
        rows = len(examples.label)
        if rows == 0:
            raise NotEnoughHistoryError("0 examples", "1 or more", "ingest a longer history")
        self.horizon_days = examples.horizon_days
        self.risk = float((examples.label.sum() + SHRINK_ROWS / 2) / (rows + SHRINK_ROWS))
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return the same probability for every row, shape (n,).

        Raises
        ------
        ModelError
            Another horizon than that of the fit.
        """
        check_horizon(self.horizon_days, horizon_days)
        return np.full(frame.num_rows, self.risk)

    def explain(self, frame: Frame) -> Explanation:
        """Return the base alone: nothing about an account moves it."""
        base = float(np.log(self.risk / (1.0 - self.risk)))
        return Explanation(base, self.groups, np.zeros((frame.num_rows, 1)), "logit")

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part."""
        kept = {"horizon": self.horizon_days, "risk": self.risk}
        return {PART: write_part(kept)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``.

        Raises
        ------
        BundleError
            The part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            model = cls()
            model.horizon_days, model.risk = int(kept["horizon"]), float(kept["risk"])
        return model
