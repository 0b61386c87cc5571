"""Sixty broken pushes: bad rows are told why and not kept, good rows are, and no value comes back.

The rules are those of files: what is refused here is refused there, by the same name.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ledger.engine import Ledger
from lifecycle.checks import pushed, pushed_values
from lifecycle.checks.bounds import CheckContext
from lifecycle.checks.deals import check_deals
from lifecycle.checks.pushed import check_pushed
from lifecycle.checks.rows import check_rows
from lifecycle.checks.rules import RULES, Faults
from lifecycle.tables.arrow import arrow_schema
from lifecycle.tables.catalog import find_table
from tests.service.conftest import Client
from tests.service.ingest.corpus import BODIES, GOOD, ROWS, Row
from tests.service.ingest.pushes import CURRENCY, count_waiting, push
from tests.service.test_jobs import post

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CONTEXT = CheckContext(NOW, CURRENCY)
# those whose values a typed file could hold; the others are told apart while a text is read
ALIKE = (
    "id with a blank",
    "id of 65",
    "id an address",
    "reference a path",
    "reference in Cyrillic",
    "a sale below zero",
    "a sale of nothing",
    "a credit above zero",
    "kind unknown",
    "kind missing",
    "currency unknown",
    "currency foreign",
    "currency missing",
    "an event to come",
    "a count below zero",
    "a share above one",
    "a contract that pays",
    "a term that ends first",
    "a term below zero",
    "a deal below zero",
    "a deal closed first",
    "a rate that is none",
)


def fill(table: str, place: int) -> Row:
    """A good row with a key of its own."""
    row = dict(GOOD[table])
    key = find_table(table).key
    name = "rate_on" if "rate_on" in key else next(one for one in key if one in row)
    name = "entity_id" if table == "attributes" else name
    row[name] = str(date(2026, 1, 1 + place)) if name == "rate_on" else f"g{place}"
    return row


def test_there_are_sixty_of_them() -> None:
    assert len(ROWS) + len(BODIES) >= 60
    told = {rule for _, _, _, rule in ROWS.values()}
    assert told <= set(RULES) | set(pushed.PUSH_RULES)


@pytest.mark.parametrize("name", ROWS)
def test_a_bad_row_is_told_why_and_the_good_ones_are_kept(
    crm: Client, ledger: Ledger, name: str
) -> None:
    table, change, column, rule = ROWS[name]
    before = count_waiting(ledger)
    rows = [fill(table, place) for place in range(19)]
    rows.insert(7, {**GOOD[table], **change})
    answer = push(crm, rows, table)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert (told["sent_count"], told["accepted_count"], told["refused_count"]) == (20, 19, 1)
    problems = told["results"][7]["problems"]
    assert (column, rule) in {(one["column"], one["rule"]) for one in problems}
    assert "canary" not in answer.text
    assert count_waiting(ledger) - before == 19


@pytest.mark.parametrize("name", BODIES)
def test_a_broken_body_is_refused_and_nothing_is_kept(
    crm: Client, ledger: Ledger, name: str
) -> None:
    body, status = BODIES[name]
    before = count_waiting(ledger)
    answer = post(crm, "/v1/ingest/orders", body, key=f"broken {name}".replace(" ", "-"))
    assert answer.status_code == status, answer.text
    assert "canary" not in answer.text
    assert count_waiting(ledger) == before


@pytest.mark.parametrize("table", GOOD)
def test_a_good_row_is_good(table: str) -> None:
    assert check_pushed(find_table(table), [GOOD[table]], CONTEXT)[0].faults == ()


def judge_as_file(table: str, row: Row) -> set[str]:
    """Hold a row to the rules of files, read into Arrow's types as a source with them would be."""
    declared = find_table(table)
    plain = {name: _typed(declared.column(name).type, value) for name, value in row.items()}
    whole = {**plain, "known_at": NOW}
    schema = arrow_schema(declared)
    columns = {
        name: pa.array([whole.get(name)], schema.field(name).type)
        for name in (*declared.names, "known_at")
    }
    faults = Faults(1)
    check_rows(declared, columns, faults, context=CONTEXT)
    check_deals(declared, columns, faults)
    return {rule for rule, _ in faults.labels}


def _typed(kind: str, value: Any) -> Any:
    if kind == "timestamp":
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if kind == "date" else value


def judge_as_push(table: str, row: Row) -> set[str]:
    faults = check_pushed(find_table(table), [row], CONTEXT)[0].faults
    return {one.rule for one in faults}


def compare(name: str) -> None:
    table, change, _, _ = ROWS[name]
    row = {key: one for key, one in {**GOOD[table], **change}.items() if one is not None}
    found = judge_as_file(table, row)
    assert found, "a file takes it"
    assert found <= judge_as_push(table, row)  # a file is told one rule a row, a push all of them


@pytest.mark.parametrize("name", ALIKE)
def test_what_is_refused_here_is_refused_of_a_file_by_the_same_name(name: str) -> None:
    compare(name)


@pytest.mark.parametrize("table", GOOD)
def test_what_is_good_here_is_good_of_a_file(table: str) -> None:
    assert judge_as_file(table, GOOD[table]) == set()


@pytest.mark.parametrize(
    ("fault", "name"), [("SIGNS", "a sale below zero"), ("SPANS", "a term that ends first")]
)
def test_a_planted_rule_that_is_forgotten_is_caught(
    monkeypatch: pytest.MonkeyPatch, fault: str, name: str
) -> None:
    monkeypatch.setattr(pushed, fault, {})
    with pytest.raises(AssertionError):
        compare(name)


def test_a_planted_value_in_a_refusal_is_caught(
    crm: Client, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    monkeypatch.setattr(pushed, "describe_kind", lambda value: json.dumps(value))
    with pytest.raises(AssertionError):
        test_a_bad_row_is_told_why_and_the_good_ones_are_kept(crm, ledger, "kind unknown")


def test_the_slowest_text_costs_no_more_than_its_length_is_looked_at() -> None:
    column = find_table("orders").column("channel")
    with pytest.raises(pushed_values.OddValueError, match="text_too_long"):
        pushed_values.read_value(column, "-at-" * 2_500)


def test_the_web_process_checks_rows_without_arrow() -> None:
    source = Path(pushed.__file__).read_text() + Path(pushed_values.__file__).read_text()
    assert not any(name in source for name in ("pyarrow", "numpy", "pandas"))
