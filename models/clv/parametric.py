"""Buy-till-you-die models as score models: lapse risk, and expected spend with Gamma-Gamma.

They read four columns of the account frame, nothing else, and learn from the latest day of the
examples only: every customer's whole history up to that day is in its row, once.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np

from lifecycle.errors import FeatureMismatchError, ModelError
from models.base import Examples, Explanation, FloatArray, Unit
from models.clv.bg_nbd import BgNbd, fit_bg_nbd
from models.clv.gamma_gamma import GammaGamma, fit_gamma_gamma
from models.clv.pareto_nbd import ParetoNbd, fit_pareto_nbd
from models.clv.purchase_process import PurchaseCounts, build_counts
from models.columns import Frame, read_numbers
from models.parts import read_part, write_part

Process = BgNbd | ParetoNbd
Players = frozenset[str]

FREQUENCY, RECENCY, AGE, MONEY = "frequency", "recency", "T", "monetary_value"
PART = "parametric.json"
SURE = 1e-9

FITS: dict[str, Callable[[PurchaseCounts], Process]] = {
    "bg_nbd": fit_bg_nbd,
    "mbg_nbd": lambda counts: fit_bg_nbd(counts, early_dropout=True),
    "pareto_nbd": fit_pareto_nbd,
}


@dataclass(frozen=True)
class _Rows:
    """What the models read of a frame: each shape (n,), days and minor units."""

    frequency: FloatArray
    silence: FloatArray
    age: FloatArray
    money: FloatArray

    @classmethod
    def read(cls, frame: Frame) -> Self:
        missing = [n for n in (FREQUENCY, RECENCY, AGE, MONEY) if n not in frame.column_names]
        if missing:
            raise FeatureMismatchError(f"frame lacks {missing}", "columns of account_frame")
        x, last, age, money = (read_numbers(frame, n) for n in (FREQUENCY, RECENCY, AGE, MONEY))
        return cls(x, age - last, age, np.where(x > 0, np.nan_to_num(money), 0.0))

    def counts(self) -> PurchaseCounts:
        last = np.where(self.frequency > 0, np.maximum(self.age - self.silence, SURE), 0.0)
        return build_counts(self.frequency, last, np.maximum(self.age, last))

    def typical(self) -> tuple[float, float, float, float]:
        """Return the median frequency, silence and age, and the median worth of a purchase."""
        buyers = self.money[self.money > 0]
        money = float(np.median(buyers)) if len(buyers) else 0.0
        columns = (self.frequency, self.silence, self.age)
        x, silence, age = (float(np.median(column)) for column in columns)
        return x, silence, age, money

    def only(self, known: Players, typical: tuple[float, float, float, float]) -> _Rows:
        """Return the rows with every group that is not ``known`` set to the typical account."""
        x, silence, age, money = (np.full_like(self.age, value) for value in typical)
        return _Rows(
            self.frequency if "frequency" in known else x,
            self.silence if "recency" in known else silence,
            self.age if "frequency" in known else age,
            self.money if "money" in known else money,
        )


class _Parametric(ABC):
    """What the lapse and the value model share: a process, its fit, its parts, its reasons."""

    prefix: ClassVar[str]
    groups: ClassVar[tuple[str, ...]]
    unit: Unit

    def __init__(self, process: str = "bg_nbd") -> None:
        if process not in FITS:
            raise ModelError(f"a purchase process {process!r}", f"one of {sorted(FITS)}")
        self.process = process
        self.name = f"{self.prefix}_{process}"
        self.horizon_days = 0
        self._model: Process | None = None
        self._worth: GammaGamma | None = None
        self._typical = (0.0, 0.0, 0.0, 0.0)

    def fit(self, examples: Examples) -> Self:
        """Fit the process on the histories known at the latest day of the examples.

        The labels are not used: the likelihood is that of the past purchases themselves.

        Raises
        ------
        NotEnoughHistoryError
            Too few customers or repeat buyers on that day.
        FeatureMismatchError
            The frame lacks one of frequency, recency, T, monetary_value.
        """
        latest = examples.take(examples.as_of == examples.as_of.max())
        rows = _Rows.read(latest.frame)
        self._model = FITS[self.process](rows.counts())
        if "money" in self.groups:
            self._worth = fit_gamma_gamma(rows.frequency, rows.money)
        self._typical, self.horizon_days = rows.typical(), examples.horizon_days
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return shape (n,) in ``unit``, in closed form for any horizon.

        Raises
        ------
        FeatureMismatchError
            The frame lacks one of frequency, recency, T, monetary_value.
        ModelError
            The model was not fitted.
        """
        return self._answer(_Rows.read(frame), horizon_days or self.horizon_days)

    def explain(self, frame: Frame) -> Explanation:
        """Return exact Shapley values of the groups against the typical account of the fit.

        A group's part is its mean effect over all orders of telling the model about the groups:
        ``recency`` is the days since the last purchase, ``frequency`` the repeat purchases and the
        days since the first, ``money`` the mean worth of a purchase. The typical account has the
        median of each. Source: Shapley 1953; Lundberg and Lee 2017.
        """
        rows = _Rows.read(frame)
        told = {
            known: self._linked(self._answer(rows.only(known, self._typical), self.horizon_days))
            for known in _subsets(self.groups)
        }
        parts = [_share(told, group, len(self.groups)) for group in self.groups]
        link: Any = "logit" if self.unit == "probability" else "identity"
        contributions = np.column_stack(parts).reshape(-1, len(self.groups))
        return Explanation(told[frozenset()], self.groups, contributions, link)

    def to_parts(self) -> dict[str, bytes]:
        """Return the fitted parameters as one JSON part."""
        data = {
            "process": self.process,
            "parameters": asdict(self._fitted()),
            "worth": asdict(self._worth) if self._worth else None,
            "typical": self._typical,
            "horizon_days": self.horizon_days,
        }
        return {PART: write_part(data)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild the model; it predicts the same bits.

        Raises
        ------
        BundleError
            The part is missing or lacks a field.
        """
        with read_part(parts, PART) as data:
            model = cls(data["process"])
            kind = ParetoNbd if data["process"] == "pareto_nbd" else BgNbd
            model._model = kind(**data["parameters"])
            model._worth = GammaGamma(**data["worth"]) if data["worth"] else None
            x, silence, age, money = (float(value) for value in data["typical"])
            model._typical, model.horizon_days = (x, silence, age, money), data["horizon_days"]
        return model

    @abstractmethod
    def _answer(self, rows: _Rows, horizon_days: int) -> FloatArray: ...

    def _linked(self, answer: FloatArray) -> FloatArray:
        return np.log(answer / (1.0 - answer)) if self.unit == "probability" else answer

    def _fitted(self) -> Process:
        # the types of a union are lost on the way through check_fitted
        if self._model is None:
            raise ModelError(f"{self.name} is not fitted", "a fitted model", "call fit first")
        return self._model


class ParametricLapse(_Parametric):
    """P(no purchase within the horizon), from a purchase process alone."""

    prefix = "lapse"
    groups = ("recency", "frequency")
    unit: Unit = "probability"

    def _answer(self, rows: _Rows, horizon_days: int) -> FloatArray:
        buys = self._fitted().probability_any(rows.counts(), horizon=float(horizon_days))
        # kept off 0 and 1, so that the reasons on the logit scale stay finite
        return np.clip(1.0 - buys, SURE, 1.0 - SURE)


class ParametricValue(_Parametric):
    """Expected gross spend: expected purchases x expected worth of a purchase, in minor units."""

    prefix = "clv"
    groups = ("recency", "frequency", "money")
    unit: Unit = "minor"

    def _answer(self, rows: _Rows, horizon_days: int) -> FloatArray:
        count = self._fitted().expected_purchases(rows.counts(), horizon=float(horizon_days))
        if self._worth is None:
            raise ModelError(f"{self.name} has no worth of a purchase", "a fitted model")
        return np.asarray(count * self._worth.expected_value(rows.frequency, rows.money))


def _subsets(groups: tuple[str, ...]) -> list[Players]:
    sizes = range(len(groups) + 1)
    return [frozenset(c) for size in sizes for c in itertools.combinations(groups, size)]


def _share(told: Mapping[Players, FloatArray], group: str, size: int) -> FloatArray:
    """Return the Shapley value of one group from the answers for every subset of groups."""
    total = np.zeros_like(told[frozenset()])
    for known, answer in told.items():
        if group not in known:
            orders = math.factorial(len(known)) * math.factorial(size - len(known) - 1)
            total += orders / math.factorial(size) * (told[known | {group}] - answer)
    return total
