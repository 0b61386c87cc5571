"""The past is replayed with what was known; placebo labels leave nothing to find."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from lifecycle.history import History
from models import accuracy
from tests.training.slices_without_a_lake import AS_OF, SPEC
from training.alarm import measure_auc
from training.datasets import SliceStore
from training.evaluate import (
    Evaluation,
    Replay,
    evaluate_origins,
    find_folds,
    open_store,
    placebo,
    plan_origins,
)
from training.splits import GatePlan

NAME, HORIZON = "contract_logistic", 30


@pytest.fixture(scope="module")
def store(history: History) -> SliceStore:
    return open_store(SPEC, history, as_of=AS_OF)


@pytest.fixture(scope="module")
def plan(store: SliceStore) -> GatePlan:
    return plan_origins(SPEC, store, as_of=AS_OF, horizon_days=HORIZON)


def run(store: SliceStore, plan: GatePlan, how: Replay | None = None) -> Evaluation:
    return evaluate_origins(SPEC, store, plan, as_of=AS_OF, replay=how)


@pytest.fixture(scope="module")
def found(store: SliceStore, plan: GatePlan) -> Evaluation:
    return run(store, plan)


def test_every_candidate_speaks_at_every_origin(found: Evaluation) -> None:
    names = {factory().name for factory in SPEC.candidates}
    assert set(found.predictions) == {(name, day) for name in names for day in found.origins}
    for (_, day), risk in found.predictions.items():
        assert len(risk) == len(found.actuals[day]) == found.judged[day].frame.num_rows


def test_a_signal_is_found(found: Evaluation) -> None:
    area, se = measure_auc(found, NAME)
    assert area - 2 * se > 0.6


def test_placebo_labels_leave_chance(store: SliceStore, plan: GatePlan) -> None:
    few = replace(plan, origins=plan.origins[-3:])
    area, se = measure_auc(run(store, few, Replay(change=placebo(5))), NAME)
    assert abs(area - 0.5) <= 2 * se


def test_placebo_keeps_how_many_left_on_each_day(store: SliceStore, plan: GatePlan) -> None:
    made = store.slice(plan.origins[0], AS_OF, horizon_days=HORIZON, target=SPEC.target)
    shuffled = placebo(1)(made)
    assert shuffled.label.sum() == made.label.sum()
    assert shuffled.outcomes is not None
    left = shuffled.outcomes["decided_days"].to_numpy() < HORIZON
    assert (left == (shuffled.label > 0)).all()


def test_folds_keep_an_account_together_on_all_days() -> None:
    frame = pa.table({"account_id": [f"a{n % 50}" for n in range(200)]})
    fold = find_folds(frame, folds=5)
    assert (fold.reshape(4, 50) == fold[:50]).all()
    assert set(fold) == set(range(5))


def test_new_customers_are_judged_by_models_that_never_saw_them(
    store: SliceStore, plan: GatePlan
) -> None:
    few = replace(plan, origins=plan.origins[-1:])
    apart = run(store, few, Replay(folds=2))
    [day] = apart.origins
    assert accuracy.auc(apart.actuals[day], apart.predictions[NAME, day]) > 0.6


def test_origins_with_too_few_events_are_passed_over_not_the_candidate(
    store: SliceStore, plan: GatePlan
) -> None:
    spec = replace(SPEC, candidates=(SPEC.candidates[0], _late_bloomer(plan.origins[2])))
    found = evaluate_origins(spec, store, plan, as_of=AS_OF)
    assert found.origins == plan.origins[2:]
    assert found.left_out == {}


def _late_bloomer(day: date) -> type:
    """A logistic that wants a slice as late as it would have at ``day``."""
    from lifecycle.errors import NotEnoughHistoryError
    from models.base import Examples
    from models.contract.headline import ContractModel

    class LateBloomer(ContractModel):
        def __init__(self) -> None:
            super().__init__("logistic")

        def fit(self, examples: Examples) -> LateBloomer:
            if examples.as_of.max() < np.datetime64(day) - HORIZON:
                raise NotEnoughHistoryError("few events", "more", "wait")
            return super().fit(examples)

    return LateBloomer


def test_given_origins_are_taken_as_they_are(store: SliceStore) -> None:
    days = [date(2010, 7, 1), date(2010, 6, 1)]
    given = plan_origins(SPEC, store, as_of=AS_OF, horizon_days=HORIZON, origins=days)
    assert given.origins == tuple(sorted(days))


def test_contracts_are_judged_on_eight_origins_when_history_allows(store: SliceStore) -> None:
    later = replace(SPEC.slices, find_first_day=lambda _: date(2006, 9, 1))
    spec = replace(SPEC, slices=later)
    plan = plan_origins(spec, store, as_of=AS_OF, horizon_days=90)
    gaps = np.diff(np.array(plan.origins, dtype="datetime64[D]")).astype(int)
    assert (len(plan.origins), set(gaps.tolist())) == (8, {90})
