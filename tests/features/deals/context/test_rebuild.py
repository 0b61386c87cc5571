"""What a row of an earlier day holds does not depend on how much was known later."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from features.deals.accounts import build_account_columns
from features.deals.facts import DealFacts, Rows
from features.deals.own_fields import build_own_field_columns
from features.deals.owners import build_owner_columns
from features.deals.paths import build_path_columns
from lifecycle.history import History, open_history
from lifecycle.snapshot import Snapshot
from tests.builders import Row, build_lake, fact, noon
from tests.features.deals.context.company import DAY, Facts, ago, company, rebuilt
from tests.leakage.worlds import ZONE, delete

DAYS = [ago(n) for n in range(182, -1, -14)]


def everything(facts: DealFacts, rows: Rows, snapshot: Snapshot) -> dict[str, Any]:
    return {
        **build_owner_columns(facts, rows, snapshot),
        **build_account_columns(facts, rows, snapshot),
        **build_path_columns(facts, rows),
        **build_own_field_columns(facts, rows, snapshot),
    }


def planted(facts: Facts) -> Facts:
    """Add facts of every table that happened before DAY but were known from that day on."""
    told = {name: list(rows) for name, rows in facts.items()}
    known = noon(DAY)
    latest = {row["opportunity_id"]: row for row in delete(facts, known)["opportunities"]}
    for row in list(latest.values())[::3]:
        end = {"outcome": "won", "closed_at": noon(ago(30)), "owner_id": "o1",
               "amount_minor": 10**9, "stage": "won", "close_on": ago(30)}  # fmt: skip
        told["opportunities"].append({**row, **end, **fact(known + timedelta(seconds=1))})
    told["owners"] += [{**row, "hired_on": ago(1), **fact(known)} for row in facts["owners"]]
    told["targets"] += [{**row, "amount_minor": 1, **fact(known)} for row in facts["targets"]]
    told["attributes"] += [{**row, "number": 9.0, **fact(known)} for row in facts["attributes"]]
    told["account_merges"] = [_merge(n, known) for n in range(1, 25, 3)]
    return told


def _merge(number: int, known: Any) -> Row:
    return fact(known, merge_id=f"m{number}", account_id=f"a{number}", into_account_id="a0",
                merged_at=noon(ago(60)))  # fmt: skip


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, History]:
    facts, found = company(), {}
    told: dict[str, Any] = {
        "as it was": facts,
        "deleted": delete(facts, noon(DAY)),
        "planted": planted(facts),
    }
    for name, tables in told.items():
        folder = tmp_path_factory.mktemp(name.replace(" ", "-"))
        build_lake(folder, **tables)
        found[name] = open_history(folder / "lake", zone=ZONE)
    return found


def test_a_later_snapshot_rebuilds_every_earlier_day(histories: dict[str, History]) -> None:
    history = histories["as it was"]
    late = rebuilt(history.as_of(DAY + timedelta(days=200)), everything, DAYS)
    assert rebuilt(history.as_of(DAY), everything, DAYS) == late
    half = DAYS[:7]
    early = rebuilt(history.as_of(half[-1]), everything, half)
    kept = [n for n, day in enumerate(late["day"]) if day <= max(early["day"])]
    assert {name: [late[name][n] for n in kept] for name in early} == early
    assert len(kept) > 100


def test_facts_of_the_past_that_are_known_later_change_nothing(
    histories: dict[str, History],
) -> None:
    truth = rebuilt(histories["deleted"].as_of(DAY), everything, DAYS)
    late = histories["planted"].as_of(DAY + timedelta(days=200))
    assert rebuilt(late, everything, DAYS) == truth


def test_the_company_says_something_in_every_column(histories: dict[str, History]) -> None:
    found = rebuilt(histories["as it was"].as_of(DAY), everything, DAYS)
    silent = {name for name, values in found.items() if len(set(values)) == 1}
    contracts = {"account_is_customer", "account_mrr_minor", "account_tenure_days",
                 "account_notice", "account_tickets_open_count", "account_usage_trend",
                 "account_nps"}  # fmt: skip
    assert silent == contracts  # proved against the frame of contracts


def test_the_planted_facts_change_the_next_day(histories: dict[str, History]) -> None:
    later = [DAY + timedelta(days=1)]
    truth = rebuilt(histories["deleted"].as_of(later[0]), everything, later)
    assert rebuilt(histories["planted"].as_of(later[0]), everything, later) != truth
