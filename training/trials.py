"""What one candidate scored on one past origin, and by which measures candidates are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from lifecycle.errors import DataError, GateError
from models import accuracy
from models.base import FloatArray

Measure = Callable[[FloatArray, FloatArray], float]
LAPSE_MEASURES: Mapping[str, Measure] = {
    "log_loss": accuracy.log_loss,
    "auc": accuracy.auc,
    "average_precision": accuracy.average_precision,
    "brier": accuracy.brier,
    "calibration_slope": accuracy.calibration_slope,
}
LEAVE_MEASURES: Mapping[str, Measure] = {**LAPSE_MEASURES, "lift_10": accuracy.lift_at}
VALUE_MEASURES: Mapping[str, Measure] = {
    "mae": accuracy.mae,
    "rmse": accuracy.rmse,
    "r2": accuracy.r2,
    "spearman": accuracy.spearman,
    "gini": accuracy.gini_normalised,
    "wape": accuracy.wape,
}


@dataclass(frozen=True)
class Trial:
    """One candidate on one past origin.

    Attributes
    ----------
    candidate
        Its name.
    origin
        The day it stood on.
    n
        Accounts judged.
    measures
        Measure to value; money in minor units; a measure that is undefined here is left out.
    actual_total, predicted_total
        Sums over the accounts (cases, or minor units).
    """

    candidate: str
    origin: date
    n: int
    measures: Mapping[str, float]
    actual_total: float
    predicted_total: float

    def with_measures(self, more: Mapping[str, float]) -> Trial:
        """Return the trial with further measures."""
        return replace(self, measures={**self.measures, **more})


@dataclass(frozen=True)
class GateRule:
    """How a model's candidates are compared.

    Attributes
    ----------
    measure
        The deciding measure; lower is better.
    measures
        Everything that is measured.
    baseline
        Name of the rule that a candidate has to beat to be worth its trouble.
    simple
        Names of the candidates that are rules, not fitted models.
    bias_bound
        Largest absolute ``bias_share`` of a winner; ``None`` for no bound.
    must_beat
        The baseline serves unless a candidate beats it by more than one standard error.
    rules_serve
        Whether a simple rule may win. Not where the score speaks of years that the judgement does
        not reach: a rule that is right for one year says nothing of five.
    """

    measure: str
    measures: Mapping[str, Measure]
    baseline: str
    simple: frozenset[str]
    bias_bound: float | None = None
    must_beat: bool = False
    rules_serve: bool = True


def measure_trial(
    candidate: str, origin: date, *, actual: FloatArray, predicted: FloatArray, rule: GateRule
) -> Trial:
    """Measure one candidate's predictions on one origin.

    Raises
    ------
    GateError
        A prediction is not finite.
    """
    check_finite(candidate, predicted)
    found: dict[str, float] = {}
    for name, measure in rule.measures.items():
        try:
            found[name] = measure(actual, predicted)
        except DataError:  # undefined here, e.g. AUC when every account lapsed
            continue
    total = float(actual.sum()), float(predicted.sum())
    return Trial(candidate, origin, len(actual), found, *total)


def check_finite(candidate: str, predicted: FloatArray) -> None:
    """Refuse predictions that are not numbers.

    Raises
    ------
    GateError
        A prediction is not finite.
    """
    if not np.isfinite(predicted).all():
        raise GateError(
            f"{candidate} predicts {(~np.isfinite(predicted)).sum()} values that are not finite",
            "finite predictions",
            "correct the candidate",
        )
