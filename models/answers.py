"""What a fitted model answers for some rows: values, bands, reasons.

Refresh and serving both ask it: nothing here imports Arrow, so that the web process answers with
the code that refresh ran.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lifecycle.errors import ModelError
from models.base import DetailedModel, Explanation, FloatArray, Route, ScoreModel, Unit
from models.columns import Columns
from models.reasons import tell_reasons

RISK_BANDS: Mapping[Route, tuple[float, float]] = {
    "non_contractual": (2 / 3, 1 / 3),
    "contractual": (0.30, 0.10),
    "deals": (0.50, 0.20),
}
"""By route, where a probability is high and medium: of those who hold a contract few ever leave.

Of deals it is the chance to win.
"""
VALUE_HIGH_SHARE, VALUE_MEDIUM_SHARE = 0.50, 0.90


@dataclass(frozen=True)
class Answers:
    """What a model says of n rows, in their order.

    Attributes
    ----------
    values
        Shape (n,), probability or minor units.
    reasons, detail
        Per row, JSON values (``models.reasons``; what else the model says); empty where they were
        not asked for.
    why
        The explanation behind them; None where none was asked for, or there are no rows.
    """

    values: FloatArray
    reasons: list[list[dict[str, Any]]]
    detail: list[dict[str, Any]]
    why: Explanation | None


def predict_values(model: ScoreModel, frame: Columns, *, horizon_days: int) -> FloatArray:
    """Return the model's predictions, shape (n,), in its unit.

    Raises
    ------
    FeatureMismatchError
        The frame lacks columns of the fit.
    ModelError
        A prediction is not finite, or the model cannot speak for that horizon.
    """
    values = np.asarray(model.predict(frame, horizon_days=horizon_days), dtype=np.float64)
    if not np.isfinite(values).all():
        raise ModelError(
            f"{model.name}: {(~np.isfinite(values)).sum()} scores are not finite",
            "finite scores",
            "train again",
        )
    return values


def answer(model: ScoreModel, frame: Columns, *, horizon_days: int, peers: bool = True) -> Answers:
    """Return values, reasons and detail.

    Parameters
    ----------
    model
        A fitted model.
    frame
        Columns of an account, contract or deal frame.
    horizon_days
        Look-ahead (days).
    peers
        Whether reasons say what sets a row apart from the others of the frame. False for a few
        rows that were asked together by chance: each is then told apart from the model's base.

    Raises
    ------
    FeatureMismatchError, ModelError
        As `predict_values`.
    """
    values = predict_values(model, frame, horizon_days=horizon_days)
    if frame.num_rows == 0:
        return Answers(values, [], [], None)
    # an explanation is the dearest part, so it is made once
    why = model.explain(frame)
    detail: list[dict[str, Any]] = [{}] * frame.num_rows
    if isinstance(model, DetailedModel):
        detail = model.detail(frame, why)
    return Answers(values, tell_reasons(why, frame, unit=model.unit, peers=peers), detail, why)


def choose_bands(values: FloatArray, unit: Unit, *, route: Route = "non_contractual") -> list[str]:
    """Sort scores into ``high``, ``medium`` and ``low``.

    A probability is high from 2/3 and medium from 1/3 on (0.30 and 0.10 for accounts that hold a
    contract), so that a band means the same next month. Values are banded by their share of the
    total: the largest accounts that together make up the first half are high, those up to nine
    tenths medium, the rest low.

    Examples
    --------
    >>> choose_bands(np.array([0.9, 0.5, 0.1]), "probability")
    ['high', 'medium', 'low']
    >>> choose_bands(np.array([5.0, 60.0, 35.0]), "minor")
    ['low', 'high', 'medium']
    """
    if unit == "probability":
        high, medium = (values >= edge for edge in RISK_BANDS[route])
    else:
        order = np.argsort(-values, kind="stable")
        worth = np.maximum(values[order], 0.0)
        before = np.empty(len(values))
        before[order] = np.cumsum(worth) - worth  # what stands above, so that the first is high
        total = float(worth.sum())
        high = (before < VALUE_HIGH_SHARE * total) & (values > 0)
        medium = (before < VALUE_MEDIUM_SHARE * total) & (values > 0)
    names = np.where(high, "high", np.where(medium, "medium", "low"))
    return [str(name) for name in names]
