"""What is learned: one plain list of models, each with its label, candidates and gate rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lifecycle.errors import ModelNotFoundError
from models.base import FloatArray, ScoreModel, Unit
from models.churn import LAPSE_CANDIDATES, LAPSE_RULES
from models.clv.candidates import CLV_CANDIDATES, CLV_RULES
from training.gate import BIAS_BOUND
from training.labels import label_lapse, label_spend
from training.trials import LAPSE_MEASURES, VALUE_MEASURES, GateRule

Candidate = Callable[[], ScoreModel]


@dataclass(frozen=True)
class Spec:
    """One model of the product.

    Attributes
    ----------
    name
        The same in the command line, the ledger, MLflow and the API.
    unit
        ``probability`` or ``minor``.
    route
        ``non_contractual`` (customers who order when they like).
    meaning
        What the score says, in one sentence.
    target
        From gross spend in the window (minor units) to the label.
    candidates
        Factories, from the simplest to the richest: ties go to the earlier.
    rule
        How the gate compares them.
    horizons
        Default look-ahead (days), one model each.
    """

    name: str
    unit: Unit
    route: str
    meaning: str
    target: Callable[[FloatArray], FloatArray]
    candidates: tuple[Candidate, ...]
    rule: GateRule
    horizons: tuple[int, ...]


CHURN = Spec(
    name="churn",
    unit="probability",
    route="non_contractual",
    meaning="probability that the account places no order within the horizon",
    target=label_lapse,
    candidates=tuple(LAPSE_CANDIDATES),
    rule=GateRule("log_loss", LAPSE_MEASURES, baseline="base_rate", simple=LAPSE_RULES),
    horizons=(90,),
)
CLV = Spec(
    name="clv",
    unit="minor",
    route="non_contractual",
    meaning="expected gross spend of the account within the horizon",
    target=label_spend,
    candidates=tuple(CLV_CANDIDATES),
    rule=GateRule(
        "mae", VALUE_MEASURES, baseline="run_rate_365", simple=CLV_RULES, bias_bound=BIAS_BOUND
    ),
    horizons=(90, 365),
)
SPECS: tuple[Spec, ...] = (CHURN, CLV)


def find_spec(name: str) -> Spec:
    """Return the spec of that name.

    Raises
    ------
    ModelNotFoundError
        There is none.
    """
    for spec in SPECS:
        if spec.name == name:
            return spec
    known = ", ".join(spec.name for spec in SPECS)
    raise ModelNotFoundError(f"model {name[:40]!r}", f"one of {known}", "correct the name")
