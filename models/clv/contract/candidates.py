"""The candidates for the value of contracts, from the simplest to the richest."""

from __future__ import annotations

from collections.abc import Callable

from models.base import Examples, ScoreModel
from models.clv.contract.cash import HEADLINE_DAYS
from models.clv.contract.rivals import ContractRule
from models.clv.contract.value import ContractValue

CONTRACT_CLV_BASELINE = "contract_persistence"
"""Today's MRR goes on: a brutal rival, because contracts are sticky."""
CONTRACT_CLV_RULES = frozenset(
    {"contract_persistence", "contract_flat_churn", "contract_cohort_average"}
)
"""Names of the candidates that are rules, not fitted models."""

CONTRACT_CLV_CANDIDATES: tuple[Callable[[], ScoreModel], ...] = (
    lambda: ContractRule("persistence"),
    lambda: ContractRule("flat_churn"),
    lambda: ContractRule("cohort_average"),
    lambda: ContractValue(own_year=False),
    ContractValue,
)
"""Value candidates, from the simplest to the richest."""


def serve_residual(
    model: ScoreModel, examples: Examples, *, discount_share: float | None = None
) -> ScoreModel:
    """Return the winner with residual value over 1825 days as its answer.

    Candidates are judged on revenue within the label's horizon, which is what ``predict`` without
    a horizon gives until then; a served value speaks of sixty months.
    """
    if isinstance(model, ContractRule | ContractValue):
        model.serves_days = HEADLINE_DAYS
        if discount_share is not None:
            model.discount = discount_share
    if isinstance(model, ContractValue):
        model.measure_doubt(examples)
    return model
