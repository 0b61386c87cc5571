"""The candidates for expected spend, from the simplest to the richest: all are tried and shown."""

from __future__ import annotations

from collections.abc import Callable

from models.base import ScoreModel
from models.baselines import RunRate
from models.clv.combined import CombinedValue
from models.clv.parametric import ParametricValue
from models.clv.rivals import HurdleValue, TweedieValue

CLV_RULES = frozenset({"run_rate_365", "run_rate_90"})
"""Names of the candidates that are rules, not fitted models."""

CLV_CANDIDATES: tuple[Callable[[], ScoreModel], ...] = (
    lambda: RunRate(365),
    lambda: RunRate(90),
    lambda: ParametricValue("bg_nbd"),
    lambda: ParametricValue("pareto_nbd"),
    TweedieValue,
    HurdleValue,
    CombinedValue,
)
"""Value candidates, from the simplest to the richest."""
