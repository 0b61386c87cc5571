"""What is learned: one plain list of models, each with its label, candidates and gate rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import pyarrow as pa

from features.columns import ACCOUNT_COLUMNS, Column
from features.contract_columns import CONTRACT_COLUMNS
from lifecycle.errors import ModelNotFoundError, UsageError
from models.base import Examples, FloatArray, Route, ScoreModel, Unit
from models.churn import LAPSE_CANDIDATES, LAPSE_RULES
from models.clv.candidates import CLV_CANDIDATES, CLV_RULES
from models.clv.contract.candidates import (
    CONTRACT_CLV_BASELINE,
    CONTRACT_CLV_CANDIDATES,
    CONTRACT_CLV_RULES,
    serve_residual,
)
from models.contract.candidates import CONTRACT_CANDIDATES, CONTRACT_RULES
from models.contract.risk import finish_risk
from training.contract_measures import measure_leaving, rate_by_segment
from training.contract_slices import contract_slices
from training.gate import BIAS_BOUND
from training.labels import label_lapse, label_spend
from training.outcomes import Per
from training.slices import ORDERS, SliceKind
from training.splits import CONTRACT_ORIGINS, ORDER_ORIGINS, OriginRule
from training.trials import LAPSE_MEASURES, LEAVE_MEASURES, VALUE_MEASURES, GateRule

Candidate = Callable[[], ScoreModel]
MeasureMore = Callable[[Examples, FloatArray, FloatArray], Mapping[str, float]]
RouteWish = Literal["auto", "contractual", "non_contractual"]
FIVE_YEARS_DAYS = 1825
ORDER_LIMITS = (
    "It knows orders and the account's segment; not prices, stock, campaigns or competitors.",
    "Accounts that never bought are not scored.",
    "One account's value is mostly chance: rankings and totals are what the past confirms.",
    "A reason says what moved the score, not what would change the customer's mind.",
)
CONTRACT_LIMITS = (
    "It knows what is on record of contracts, use, support, money and people; not what competitors "
    "offer or what was said in meetings.",
    "Accounts that have given notice are listed apart, not scored.",
    "Free and test accounts are not scored.",
    "A reason says what moved the score, not what would change the customer's mind.",
)


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
        ``non_contractual`` (customers who order when they like) or ``contractual``.
    meaning
        What the score says, in one sentence.
    target
        From the amount of a slice (gross spend in minor units, or the label itself) to the label.
    candidates
        Factories, from the simplest to the richest: ties go to the earlier.
    rule
        How the gate compares them.
    horizons
        Default look-ahead (days), one model each.
    slices
        How past days of the route are read.
    origins
        How past origins are chosen.
    population, limits, columns
        For the card: who is scored, where the model ends, and the frame's columns.
    per
        What is scored: accounts, or contract lines.
    label_days
        Learned and judged at this horizon whatever the score speaks of; ``None``: the score's own.
    finish
        Completes the calibrated winner with all examples.
    reference
        From examples and a frame to what ``measure_more`` compares with.
    measure_more
        Measures that need the rows: of them, predictions and the reference.
    ceiling
        AUC that nothing honest exceeds, if known (an oracle's, a control's band).
    finds_leaks
        Whether the leak alarm watches over it.
    """

    name: str
    unit: Unit
    route: Route
    meaning: str
    target: Callable[[FloatArray], FloatArray]
    candidates: tuple[Candidate, ...]
    rule: GateRule
    horizons: tuple[int, ...]
    slices: SliceKind = ORDERS
    origins: OriginRule = ORDER_ORIGINS
    population: str = "accounts with at least one purchase known before the day"
    limits: tuple[str, ...] = ORDER_LIMITS
    columns: tuple[Column, ...] = ACCOUNT_COLUMNS
    per: Per = "account"
    label_days: int | None = None
    finish: Callable[[ScoreModel, Examples], ScoreModel] | None = None
    reference: Callable[[Examples, pa.Table], FloatArray] | None = None
    measure_more: MeasureMore | None = None
    ceiling: float | None = None
    finds_leaks: bool = False

    def learn_horizon(self, horizon_days: int) -> int:
        """Return the horizon of labels and gate for a model that speaks of ``horizon_days``."""
        return self.label_days or horizon_days


def price_at(spec: Spec, discount_share: float) -> Spec:
    """Return a spec whose residual values are discounted at a yearly rate (share)."""
    if spec.finish is not serve_residual:
        return spec
    return replace(spec, finish=partial(serve_residual, discount_share=discount_share))


def as_it_is(amount: FloatArray) -> FloatArray:
    """Return the amount: it is the label already."""
    return np.asarray(amount, dtype=np.float64)


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
CONTRACT_CHURN = Spec(
    name="churn",
    unit="probability",
    route="contractual",
    meaning="probability that the account decides to leave within the horizon",
    target=as_it_is,
    candidates=CONTRACT_CANDIDATES,
    rule=GateRule(
        "log_loss", LEAVE_MEASURES, baseline="base_rate", simple=CONTRACT_RULES, must_beat=True
    ),
    horizons=(90,),
    slices=contract_slices("leave"),
    origins=CONTRACT_ORIGINS,
    population="accounts with a live contract line, paid for, that have not given notice",
    limits=CONTRACT_LIMITS,
    columns=CONTRACT_COLUMNS,
    finish=finish_risk,
    reference=rate_by_segment,
    measure_more=measure_leaving,
    finds_leaks=True,
)
CONTRACT_CLV = Spec(
    name="clv",
    unit="minor",
    route="contractual",
    meaning="expected discounted margin less cost to serve over the horizon (revenue where the "
    "margin is unknown)",
    target=as_it_is,
    candidates=CONTRACT_CLV_CANDIDATES,
    rule=GateRule(
        # a score that is a mean is judged by squares: absolute errors favour the median account,
        # which stays as it is, and would crown whoever says that nobody leaves
        "rmse",
        VALUE_MEASURES,
        baseline=CONTRACT_CLV_BASELINE,
        simple=CONTRACT_CLV_RULES,
        bias_bound=BIAS_BOUND,
        rules_serve=False,
    ),
    horizons=(FIVE_YEARS_DAYS,),
    slices=contract_slices("revenue"),
    origins=CONTRACT_ORIGINS,
    population=CONTRACT_CHURN.population,
    limits=CONTRACT_LIMITS,
    columns=CONTRACT_COLUMNS,
    label_days=365,
    finish=serve_residual,
    finds_leaks=True,
)
SPECS: tuple[Spec, ...] = (CHURN, CLV, CONTRACT_CHURN, CONTRACT_CLV)


def find_spec(
    name: str,
    *,
    route: Route = "non_contractual",
    per: Per = "account",
    allow: Sequence[str] = (),
) -> Spec:
    """Return the spec of that name and route.

    Parameters
    ----------
    name
        ``churn`` or ``clv``.
    route
        Of the accounts.
    per
        ``subscription`` scores contract lines; its model is called ``churn_subscription``, so that
        it never speaks for accounts.
    allow
        Custom fields let in although their names are forbidden: for tests of the alarm.

    Raises
    ------
    ModelNotFoundError
        There is none.
    UsageError
        Lines are asked for where there are only orders.
    """
    for spec in SPECS:
        if (spec.name, spec.route) == (name, route):
            return _shaped(spec, per, allow)
    known = ", ".join(dict.fromkeys(spec.name for spec in SPECS))
    raise ModelNotFoundError(f"model {name[:40]!r}", f"one of {known}", "correct the name")


def _shaped(spec: Spec, per: Per, allow: Sequence[str]) -> Spec:
    if per == "account" and not allow:
        return spec
    if spec.route != "contractual":
        raise UsageError(
            f"unit {per} of customers without a contract",
            "accounts, or the contractual route",
            "pass --route contractual",
        )
    label: Literal["leave", "revenue"] = "leave" if spec.unit == "probability" else "revenue"
    shaped = replace(spec, slices=contract_slices(label, per=per, allow=allow))
    if per == "account":
        return shaped
    return replace(
        shaped,
        name=f"{spec.name}_subscription",
        per=per,
        meaning=spec.meaning.replace("the account decides", "the contract line is decided"),
        population="contract lines that live and are paid for, of which no notice was given",
    )
