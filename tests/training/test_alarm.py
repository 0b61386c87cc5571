"""The alarm rings for what knows the future and lets honest signals pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lifecycle.errors import RefusedError
from lifecycle.history import History
from models.base import Examples
from tests.builders import fact, noon
from tests.features.contracts import snapshot_of, sub
from tests.training.slices_without_a_lake import AS_OF, LEAKY, SPEC
from training.alarm import (
    Finding,
    auc_se,
    check_alarm,
    find_clock_faults,
    find_over_ceiling,
    find_overwritten,
    measure_auc,
)
from training.datasets import build_training_set
from training.evaluate import Evaluation, evaluate_origins, open_store, plan_origins
from training.lone_fields import find_lone_fields
from training.specs import Spec
from training.splits import GatePlan

NAME, HORIZON = "contract_logistic", 30


def judge(spec: Spec, history: History) -> tuple[GatePlan, Evaluation]:
    store = open_store(spec, history, as_of=AS_OF)
    plan = plan_origins(spec, store, as_of=AS_OF, horizon_days=HORIZON)
    plan = replace(plan, origins=plan.origins[-2:])
    return plan, evaluate_origins(spec, store, plan, as_of=AS_OF)


@pytest.fixture(scope="module")
def honest(history: History) -> tuple[GatePlan, Evaluation]:
    return judge(SPEC, history)


@pytest.fixture(scope="module")
def leaky(history: History) -> tuple[GatePlan, Evaluation]:
    return judge(LEAKY, history)


def lone(spec: Spec, history: History, judged: tuple[GatePlan, Evaluation]) -> list[str]:
    store = open_store(spec, history, as_of=AS_OF)
    plan, found = judged
    return [
        one.field for one in find_lone_fields(spec, store, plan, as_of=AS_OF, judged=(found, NAME))
    ]


def test_a_planted_flag_is_a_lone_field(
    history: History, leaky: tuple[GatePlan, Evaluation]
) -> None:
    assert lone(LEAKY, history, leaky) == ["number:flag"]


def test_an_honest_signal_is_none(history: History, honest: tuple[GatePlan, Evaluation]) -> None:
    assert lone(SPEC, history, honest) == []


def test_a_planted_flag_is_overwritten(history: History) -> None:
    assert [one.field for one in _overwritten(LEAKY, history)] == ["number:flag"]
    assert _overwritten(SPEC, history) == []


def _overwritten(spec: Spec, history: History) -> list[Finding]:
    store = open_store(spec, history, as_of=AS_OF)
    learned = build_training_set(
        store, [date(2010, 7, 1)], date(2010, 8, 15), horizon_days=HORIZON, target=spec.target
    )
    return find_overwritten(learned.examples)


def test_words_that_tell_who_is_gone_are_overwritten() -> None:
    gone = np.arange(100) % 4 == 0
    frame = pa.table({"account_id": [str(n) for n in range(100)],
                      "text:status": np.where(gone, "closed", "open").tolist(),
                      "text:plan": ["a", "b"] * 50})  # fmt: skip
    outcomes = pa.table({"decided_days": np.where(gone, 9.0, np.nan)})
    days = np.full(100, np.datetime64("2021-01-01"))
    examples = Examples(frame, gone.astype(float), days, 30, outcomes)
    assert [one.field for one in find_overwritten(examples)] == ["text:status"]


def test_an_auc_over_the_ceiling_rings(leaky: tuple[GatePlan, Evaluation]) -> None:
    area, se = measure_auc(leaky[1], NAME)
    assert find_over_ceiling(leaky[1], [NAME], area - 2.1 * se)
    assert not find_over_ceiling(leaky[1], [NAME], area - 1.9 * se)


def test_the_error_of_chance_is_that_of_the_data_page() -> None:
    assert auc_se(0.5, events=112, others=2657) == pytest.approx(0.027, abs=0.001)


def _use(day: date, known: datetime, number: int) -> dict[str, object]:
    return fact(known, usage_id=f"u{number}", account_id="a1", metric="events", used_at=noon(day),
                span_days=1.0, quantity=1.0)  # fmt: skip


@pytest.mark.parametrize(
    ("day", "early_days", "rule"),
    [(date(2020, 3, 1), 0, None), (date(2020, 3, 1), 3, "clock"),
     (date(2019, 3, 1), 0, "before_start")],
)  # fmt: skip
def test_use_known_before_it_happened_rings_and_before_any_contract_is_noted(
    tmp_path: Path, day: date, early_days: int, rule: str | None
) -> None:
    known = noon(day) - timedelta(days=early_days)
    uses = [_use(day, known, number) for number in range(5)]
    found = find_clock_faults(snapshot_of(tmp_path, AS_OF.replace(year=2021),
                                          subscriptions=[sub()], usage=uses))  # fmt: skip
    assert [(one.rule, one.rings) for one in found] == ([(rule, rule == "clock")] if rule else [])


def test_a_finding_that_rings_refuses_the_release_unless_accepted() -> None:
    note = Finding("before_start", "usage", "early use", rings=False).to_json()
    alarm = Finding("lone_field", "number:flag", "without it nothing").to_json()
    check_alarm([note])
    check_alarm([note, alarm], accepted=True)
    with pytest.raises(RefusedError, match="lone_field: without it nothing"):
        check_alarm([note, alarm])
