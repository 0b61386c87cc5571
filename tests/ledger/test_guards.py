"""What was said stays said, whoever writes: guards hold against the service's own role too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import make_url

from ledger.declare import metadata
from ledger.engine import Ledger, attach_ledger
from ledger.runs import read_current_run
from ledger.scores import write_scores
from ledger.tables import APPEND_ONLY
from lifecycle.errors import ConflictError, LedgerError
from tests.ledger.story import score

GRANTS = (
    "DO $$ BEGIN CREATE ROLE app LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app",
)


@pytest.fixture(scope="module")
def service(full_ledger: Ledger) -> Iterator[Ledger]:
    """The ledger as the service sees it: on PostgreSQL by a role that owns nothing."""
    if full_ledger.path is not None:
        yield full_ledger
        return
    with full_ledger.writing() as connection:
        for statement in GRANTS:
            connection.exec_driver_sql(statement)
    url = make_url(full_ledger.engine.url).set(username="app")
    opened = attach_ledger(url.render_as_string(hide_password=False))
    yield opened
    opened.close()


def find_unguarded(ledger: Ledger, tables: Sequence[str] = APPEND_ONLY) -> list[str]:
    """Name the changes of append-only tables that the database let pass; none is kept."""
    passed = []
    for table in tables:
        column = metadata.tables[table].columns.keys()[0]
        for change in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column}"):
            try:
                with ledger.writing() as connection:
                    assert connection.exec_driver_sql(change).rowcount
                    passed.append(change)
                    connection.rollback()
            except ConflictError:
                continue
    return passed


def test_no_append_only_table_can_be_changed(service: Ledger) -> None:
    assert find_unguarded(service) == []


def test_the_planted_fault_is_caught(full_ledger: Ledger, service: Ledger) -> None:
    name = "guard_vintages_update" if full_ledger.path else "guard_vintages_changed ON vintages"
    guard = _definition(full_ledger)
    with full_ledger.writing() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    found = find_unguarded(service)
    with full_ledger.writing() as connection:
        connection.exec_driver_sql(guard)
    assert found == ["UPDATE vintages SET id = id"]


def _definition(ledger: Ledger) -> str:
    """Return the statement that makes a guard again."""
    query = "SELECT sql FROM sqlite_master WHERE name = 'guard_vintages_update'"
    if ledger.path is None:
        query = (
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'guard_vintages_changed'"
        )
    with ledger.reading() as connection:
        return str(connection.exec_driver_sql(query).scalar_one())


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE scores DISABLE TRIGGER ALL",
        "DROP TRIGGER guard_scores_changed ON scores",
        "TRUNCATE scores CASCADE",
        "CREATE TABLE mine (a integer)",
        "CREATE OR REPLACE FUNCTION guard_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN NULL; END $$",
        "SET session_replication_role = replica",
    ],
)
def test_the_services_role_cannot_take_the_guards_away(service: Ledger, statement: str) -> None:
    denied = pytest.raises(LedgerError, match=r"permission denied|must be owner")
    with denied, service.writing() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_temporary_table_does_not_open_a_closed_run(service: Ledger) -> None:
    run = read_current_run(service, "scores")
    assert run is not None
    hide = "CREATE TEMPORARY TABLE publications (run_id integer)"
    insert = f"INSERT INTO run_models SELECT {run.run_id}, 'late', 1, min(id) FROM releases"
    with pytest.raises(ConflictError, match="closed"), service.writing() as connection:
        connection.exec_driver_sql(f"{hide}; {insert}")


def test_a_published_run_takes_no_more_rows_from_the_service(service: Ledger) -> None:
    with pytest.raises(ConflictError, match="closed"):
        write_scores(service, 1, [score("late", 1)])
