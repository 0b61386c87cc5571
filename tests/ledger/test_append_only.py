from __future__ import annotations

import pytest

from ledger.declare import metadata
from ledger.engine import Ledger
from ledger.scores import write_scores
from ledger.tables import APPEND_ONLY
from lifecycle.errors import ConflictError
from tests.ledger.story import score


def _content(ledger: Ledger, table: str) -> list[object]:
    with ledger.reading() as connection:
        return list(connection.exec_driver_sql(f"SELECT * FROM {table}").all())


STATEMENTS = {
    "sqlite": (
        "DELETE FROM {0}",
        "UPDATE {0} SET {1} = {1}",
        "INSERT OR REPLACE INTO {0} SELECT * FROM {0}",
    ),
    "postgresql": ("DELETE FROM {0}", "UPDATE {0} SET {1} = {1}", "TRUNCATE {0} CASCADE"),
}


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("way", range(3))
def test_what_was_said_cannot_be_changed(full_ledger: Ledger, table: str, way: int) -> None:
    before = _content(full_ledger, table)
    assert before
    statement = STATEMENTS[full_ledger.engine.dialect.name][way]
    column = metadata.tables[table].columns.keys()[0]
    with pytest.raises(ConflictError), full_ledger.writing() as connection:
        connection.exec_driver_sql(statement.format(table, column))
    assert _content(full_ledger, table) == before


def test_a_published_run_takes_no_more_rows(full_ledger: Ledger) -> None:
    with pytest.raises(ConflictError, match="closed"):
        write_scores(full_ledger, 1, [score("late", 1)])
