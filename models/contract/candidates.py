"""Who competes for the churn risk of accounts that hold a contract, from the simplest on."""

from __future__ import annotations

from collections.abc import Callable

from models.base import ScoreModel
from models.contract.headline import ContractModel
from models.contract.health_score import HealthScore
from models.contract.tables import ContractTable

CONTRACT_RULES = frozenset({"base_rate", "renewal_table", "health_score"})
"""Names of the candidates that are rules, not fitted models."""

CONTRACT_CANDIDATES: tuple[Callable[[], ScoreModel], ...] = (
    lambda: ContractTable("base_rate"),
    lambda: ContractTable("renewal_table"),
    HealthScore,
    lambda: ContractModel("logistic"),
    lambda: ContractModel("blend"),
    lambda: ContractModel("trees"),
)
"""Simplest first: ties go to the earlier. The winner is completed by ``risk.finish_risk``."""
