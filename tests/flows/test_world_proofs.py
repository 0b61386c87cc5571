"""On a company whose truth is known: nothing beats the truth, and all sums are right to the cent.

The company is small (300 accounts, two years; about 60 independent decisions to leave are judged),
so bounds on sizes are wide and stated where they stand; the benchmarks hold larger ones to more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.contract_frame import contract_frame, split_notice
from ledger.engine import open_ledger
from ledger.views import AtRiskFilters, read_at_risk
from lifecycle.errors import RefusedError
from lifecycle.metrics.movements import build_movements, check_reconciled, read_balances
from lifecycle.metrics.revenue import measure_billing
from lifecycle.settings import load_settings
from models import accuracy
from models.base import Examples
from models.scoring import score
from tests.flows.worlds import HORIZON, Pool, World, only, open_world, pool, thin
from training.alarm import check_alarm, measure_auc
from training.datasets import SliceStore, build_training_set
from training.evaluate import Evaluation, Replay, placebo
from training.specs import find_spec
from training.splits import OriginRule
from training.train import TrainOutputs, train
from truecast import main

pytestmark = pytest.mark.timeout(900)
SPEC = find_spec("churn", route="contractual")
CANARY = "account_status"
LEARNED = "contract_logistic"
RANKED = ("base_rate", "renewal_table", "health_score", "contract_logistic", "contract_blend")
FIVE_YEARS_DAYS = 1825
LARGE_BIAS = 0.25  # two standard errors of about 60 decisions to leave
DAYS = (date(2021, 7, 5), date(2022, 3, 1), date(2022, 10, 17), date(2023, 1, 2))


@pytest.fixture(scope="module")
def world(world_dir: Path) -> World:
    return open_world(world_dir)


@pytest.fixture(scope="module")
def store(world: World) -> SliceStore:
    return world.store(SPEC)


@pytest.fixture(scope="module")
def judged(world: World, store: SliceStore) -> Pool:
    return pool(world, world.replay(SPEC, store, world.plan(SPEC, store)))


@pytest.fixture(scope="module")
def leaky(world: World, store: SliceStore) -> Pool:
    """The canary let in beside all other fields, on the last two origins."""
    known = world.history.as_of(world.end).table("attributes")
    told = world.history.as_of(world.end).collect(known.filter(known.name == CANARY))
    status = dict(zip(told["entity_id"].to_pylist(), told["text"].to_pylist(), strict=True))

    def let_in(one: Examples) -> Examples:
        words = [status[name] for name in one.frame.column("account_id").to_pylist()]
        return replace(one, frame=one.frame.append_column(f"text:{CANARY}", pa.array(words)))

    plan = thin(world.plan(SPEC, store), 2)
    return pool(world, world.replay(only(SPEC, LEARNED), store, plan, Replay(change=let_in)))


@pytest.fixture(scope="module")
def alarm(world: World, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the card of a training says of the canary: the product's own path, no contest."""
    made = tmp_path_factory.mktemp("leaky")
    spec = find_spec("churn", route="contractual", allow=(CANARY,))
    # the last months alone: every past day is a frame of its own
    late = replace(spec.slices, find_first_day=lambda known: date(2022, 3, 1))
    spec = replace(only(spec, "base_rate"), slices=late, origins=OriginRule(most=0))
    out = TrainOutputs(made / "bundles", made / "frames")
    return train(spec, world.history, as_of=world.end, horizon_days=HORIZON, out=out).card["alarm"]


@pytest.fixture(scope="module")
def by_chance(world: World, store: SliceStore) -> Evaluation:
    plan = thin(world.plan(SPEC, store), 2)
    return world.replay(only(SPEC, *RANKED), store, plan, Replay(change=placebo(1)))


@pytest.mark.parametrize("name", RANKED)
def test_no_candidate_ranks_above_the_oracle(judged: Pool, name: str) -> None:
    above, se = judged.gap(judged.risks[name], judged.oracle, accuracy.auc)
    assert above <= 2 * se


def test_a_field_overwritten_in_place_ranks_above_the_oracle(leaky: Pool) -> None:
    above, se = leaky.gap(leaky.risks[LEARNED], leaky.oracle, accuracy.auc)
    assert above > 2 * se


def test_the_alarm_rings_for_it(alarm: Any) -> None:
    assert {one["field"] for one in alarm if one["rings"]} == {f"text:{CANARY}"}


def test_what_rings_is_not_released(alarm: Any) -> None:
    with pytest.raises(RefusedError, match=CANARY):
        check_alarm(alarm)


def test_no_alarm_rings_over_an_honest_company(world: World) -> None:
    for model, horizon_days in (("churn", HORIZON), ("clv", FIVE_YEARS_DAYS)):
        card = world.release(model, horizon_days)[0].card
        assert not any(one["rings"] for one in card["alarm"])


@pytest.mark.parametrize("name", RANKED)
def test_labels_given_by_chance_cannot_be_ranked(by_chance: Evaluation, name: str) -> None:
    area, se = measure_auc(by_chance, name)
    assert abs(area - 0.5) <= 2 * se


def test_as_many_are_said_to_leave_as_do(world: World, judged: Pool) -> None:
    served = judged.risks[world.release("churn", HORIZON)[0].candidate]
    assert abs(served.sum() / judged.label.sum() - 1) <= LARGE_BIAS


@pytest.mark.parametrize("measure", [accuracy.log_loss, accuracy.brier])
def test_what_serves_beats_the_base_rate(world: World, judged: Pool, measure: Any) -> None:
    served = judged.risks[world.release("churn", HORIZON)[0].candidate]
    worse, se = judged.gap(judged.risks["base_rate"], served, measure)
    assert worse > 2 * se


@pytest.fixture(scope="module")
def today(world: World) -> list[str]:
    """The accounts that can still be kept on the last day."""
    known: list[str] = world.store(SPEC).frame(world.end).column("account_id").to_pylist()
    return known


@pytest.mark.parametrize("day", DAYS)
def test_movements_known_on_a_day_reconcile_to_the_lines(world: World, day: date) -> None:
    known = world.history.as_of(day)
    movements = build_movements(known)
    total = check_reconciled(known, movements)
    assert total == sum(read_balances(movements, day).values()) > 0


@pytest.mark.parametrize("week", [1, 30, 77, 103])
def test_movements_tell_each_accounts_true_revenue(world: World, week: int) -> None:
    trace = world.trace
    told = read_balances(
        build_movements(world.history.as_of(world.end)), trace.params.start + timedelta(7 * week)
    )
    names, true = trace.accounts.account_id.tolist(), trace.weekly.mrr_minor[:, week].tolist()
    assert told == {name: mrr for name, mrr in zip(names, true, strict=True) if mrr}


@pytest.mark.parametrize("day", DAYS)
def test_what_was_invoiced_is_earned_before_a_day_or_after_it(world: World, day: date) -> None:
    billing = measure_billing(world.history.as_of(day))
    assert billing.invoiced_minor == billing.recognised_minor + billing.deferred_minor
    assert billing.deferred_minor > 0


def test_an_undisturbed_period_is_billed_at_its_months_of_mrr(world: World) -> None:
    known = world.history.as_of(world.end)
    price = _prices(world)
    checked = 0
    for row in known.collect(known.table("invoices")).to_pylist():
        start, end = row["period_start_on"], row["period_end_on"]
        mrr = price(row["subscription_id"], start, end)
        months = (end.year - start.year) * 12 + end.month - start.month
        if row["kind"] == "invoice" and mrr is not None and start.day == end.day:
            assert row["amount_minor"] == months * mrr, row["invoice_id"]
            checked += 1
    assert checked > 2_000


def _prices(world: World) -> Any:
    """Return a function from a line and a period to its MRR; None if it moved within it."""
    known = world.history.as_of(world.end)
    changes = known.table("subscription_changes")
    moving = changes.filter(changes.kind.notin(("notice", "notice_withdrawn")))
    steps: dict[str, list[tuple[date, int, int]]] = {}
    for row in known.collect(moving.order_by("effective_on", "changed_at")).to_pylist():
        step = row["effective_on"], row["mrr_before_minor"], row["mrr_after_minor"]
        steps.setdefault(row["subscription_id"], []).append(step)

    def price(line: str, start: date, end: date) -> int | None:
        mine = [one for one in steps.get(line, []) if one[1] != one[2]]
        before = [one for one in mine if one[0] < start]
        if not before or any(start <= one[0] < end for one in mine):
            return None
        return before[-1][2]

    return price


def test_nobody_who_gave_notice_is_learned_from_or_judged(world: World, store: SliceStore) -> None:
    plan = world.plan(SPEC, store)
    days = sorted({*plan.learn_days(world.end), *plan.origins})
    learned = build_training_set(
        store, days, world.end, horizon_days=HORIZON, target=SPEC.target
    ).examples
    names, as_of = np.array(learned.frame.column("account_id").to_pylist()), learned.as_of
    noticed = {day: world.under_notice(day) for day in days}
    assert sum(map(len, noticed.values())) > 30
    for day, gone in noticed.items():
        assert not gone & set(names[as_of == np.datetime64(day)].tolist())


def test_who_gave_notice_is_listed_apart_and_not_scored(world: World, today: list[str]) -> None:
    whole = contract_frame(world.history.as_of(world.end))
    told = set(split_notice(whole)[1].column("account_id").to_pylist())
    ledger = open_ledger(load_settings(world.data_dir).ledger_address)
    page = read_at_risk(ledger, AtRiskFilters(status="notice_given"), limit=200)
    assert page is not None
    assert {row.account_id for row in page.rows} == told == world.under_notice(world.end)
    assert not told & set(today)
    assert not list(world.scores("churn", sorted(told)))


def test_no_truth_lies_among_the_facts(world: World) -> None:
    beside = world.data_dir.with_name("data-truth")
    assert len(list(beside.glob("truth_*"))) == 4
    assert not list(world.data_dir.rglob("*truth*"))


def test_without_the_truth_the_same_scores_come_out(world: World, today: list[str]) -> None:
    beside = world.data_dir.with_name("data-truth")
    beside.rename(beside.with_name("away"))
    try:
        frame = world.store(SPEC).frame(world.end)
        again = score(world.release("churn", HORIZON)[1], frame, horizon_days=HORIZON)
        assert main(["metrics", "--as-of", str(world.end), "--data-dir", str(world.data_dir)]) == 0
    finally:
        beside.with_name("away").rename(beside)
    told = [one.value for one, _ in world.scores("churn", today)]
    assert again.column("value").to_pylist() == pytest.approx(told, abs=1e-12)
