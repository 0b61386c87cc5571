"""How long one headline fit takes: 3,000 accounts on 36 monthly past days, at most two cores.

A synthetic company's frames and outcomes are built first (not counted). Counted is the whole fit of
``contract_blend``, the folds that choose the trees' share included; then what is served besides
(curve, causes, band) and the logistic alone, as rivals.
"""

from __future__ import annotations

import time
from datetime import date

from benchmarks.protocol import Result
from benchmarks.worlds import open_company
from lifecycle.periods import add_months
from models.base import Examples, ScoreModel
from models.contract.risk import finish_risk
from training.datasets import build_training_set
from training.evaluate import open_store
from training.specs import CONTRACT_CHURN

NAME = "train-speed"
ACCOUNTS, MONTHS, SLICES, HORIZON, SEED = 3_000, 48, 36, 90, 501
LEARNED = {"contract_blend", "contract_logistic", "contract_trees"}


def load_examples() -> Examples:
    """Build the past days of a synthetic company."""
    with open_company(ACCOUNTS, MONTHS, seed=SEED) as company:
        first = add_months(date(company.end.year, company.end.month, 1), -SLICES - 4)
        days = [add_months(first, month) for month in range(SLICES)]
        store = open_store(CONTRACT_CHURN, company.history, as_of=company.end)
        target = CONTRACT_CHURN.target
        built = build_training_set(store, days, company.end, horizon_days=HORIZON, target=target)
    return built.examples


def fit_timed(examples: Examples, name: str) -> tuple[ScoreModel, float]:
    """Fit one candidate; return it and the seconds."""
    made = {one.name: one for one in (factory() for factory in CONTRACT_CHURN.candidates)}
    began = time.perf_counter()
    return made[name].fit(examples), time.perf_counter() - began


def run() -> Result:
    """Time the fits once each, after one of the logistic to warm up."""
    examples = load_examples()
    found = {name: fit_timed(examples, name) for name in sorted(LEARNED)}
    began = time.perf_counter()
    finish_risk(found["contract_blend"][0], examples)
    finished = time.perf_counter() - began
    rivals = {name: {"seconds": seconds} for name, (_, seconds) in found.items()}
    del rivals["contract_blend"]
    return Result(
        figures={"seconds": found["contract_blend"][1], "finish_seconds": finished},
        rivals=rivals,
        n=examples.frame.num_rows,
        note=f"{SLICES} past days, {examples.frame.num_columns} columns; n counts rows.",
    )
