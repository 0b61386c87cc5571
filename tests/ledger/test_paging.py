"""A page costs the same wherever it lies: the store enters an index at its place."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from ledger.engine import Ledger
from ledger.views import AtRiskFilters, AtRiskSort, Position, read_at_risk
from tests.ledger.story import fill

# how PostgreSQL goes about a short table says nothing of a long one
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
PLACE: dict[AtRiskSort, float | str] = {AtRiskSort.account_id: "A1"}


def find_detours(ledger: Ledger, sort: AtRiskSort) -> list[str]:
    """Name the steps of a middle page's statements that sort rows or read a whole list."""
    said: list[tuple[str, Any]] = []

    def hear(connection: Any, cursor: Any, statement: str, values: Any, *more: Any) -> None:
        if "FROM at_risk" in statement:
            said.append((statement, values))

    event.listen(ledger.engine, "before_cursor_execute", hear)
    place = Position(1, PLACE.get(sort, 1.0), "A1")
    filters = AtRiskFilters(status="at_risk", min_risk=0.1, min_value_minor=1.0)
    read_at_risk(ledger, filters, sort=sort, cursor=place)
    event.remove(ledger.engine, "before_cursor_execute", hear)
    assert len(said) == 2
    with ledger.reading() as connection:
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", at) for one, at in said]
        steps = [str(row[-1]) for plan in plans for row in plan]
    return [step for step in steps if "TEMP B-TREE" in step or "(run_id=?)" in step]


@pytest.mark.parametrize("sort", list(AtRiskSort))
def test_no_page_sorts_or_reads_what_lies_before_it(ledger: Ledger, sort: AtRiskSort) -> None:
    fill(ledger)
    assert find_detours(ledger, sort) == []


def test_the_planted_fault_is_caught(ledger: Ledger) -> None:
    fill(ledger)
    with ledger.writing() as connection:
        connection.exec_driver_sql("DROP INDEX ix_at_risk_by_recency")
    assert find_detours(ledger, AtRiskSort.recency) != []
