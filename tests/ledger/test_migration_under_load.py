"""Up, down and up again on 100,000 rows while the version before writes: nothing fails or is lost.

The version before is the statements of the last tables that only SQLite had (step 0006): it writes
its rows into the newest tables as into its own.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Row, create_engine, text

from ledger.engine import WEB_LIMITS, Ledger, attach_ledger, open_ledger
from ledger.migrate import FOLDER, head_revision, stop_writers
from lifecycle.errors import LedgerError
from tests.ledger.test_migration_in_use import read_step, upgrade
from tests.postgresql import shared_cluster

BEFORE = "0006"
ROWS = 100_000
RUN = text(
    "INSERT INTO runs (kind, as_of, data_as_of, started_at, note) "
    "VALUES ('scores', '2011-12-10', '2011-12-09 12:50:00', '2011-12-09 12:50:00', '{}')"
)
LIST = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
INSERT INTO at_risk (run_id, account_id, route, status, risk, band, value_if_kept_minor,
                     expected_loss_minor, currency, rank, recency_days, reasons)
SELECT {run}, 'a' || n, 'non_contractual', 'at_risk', (n % 97) / 97.0, 'low', n, n / 3.0, 'GBP', n,
       n % 31, '[]'
FROM numbers
"""
KEPT = "SELECT count(*), sum(expected_loss_minor), count(DISTINCT account_id) FROM at_risk"


@pytest.fixture
def url(database: str, tmp_path: Path) -> str:
    """The address of a ledger of the version before, with a long list."""
    address = f"sqlite:///{tmp_path / 'old.sqlite'}"
    if database == "postgresql":
        cluster = shared_cluster()
        cluster.run("DROP DATABASE IF EXISTS loaded WITH (FORCE)", "CREATE DATABASE loaded")
        address = cluster.address("loaded")
    engine = create_engine(address)
    with engine.begin() as connection:
        upgrade(connection, BEFORE)
        connection.execute(RUN)
        connection.execute(text(LIST.format(run=1, rows=ROWS)))
    engine.dispose()
    return address


def downgrade(connection: Connection, step: str) -> None:
    script = ScriptDirectory(str(FOLDER))
    environment = EnvironmentContext(
        Config(), script, fn=lambda revision, _: script._downgrade_revs(step, revision)
    )
    with environment:
        environment.configure(connection=connection)
        environment.run_migrations()


def take_down(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            stop_writers(connection)
        downgrade(connection, BEFORE)
    engine.dispose()


class Writer(threading.Thread):
    """The version before at work: a run and a row of its list, one after the other."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger, self.over = ledger, threading.Event()
        self.kept, self.errors, self.longest = 0, list[str](), 0.0

    def run(self) -> None:
        while not self.over.is_set():
            began = time.monotonic()
            try:
                with self.ledger.writing() as connection:
                    if self.ledger.path is None:  # how long it waits is judged at the end
                        connection.exec_driver_sql("SET LOCAL lock_timeout = '30s'")
                    connection.execute(RUN)
                    time.sleep(0.005)  # with one table's lock, it will want another's
                    connection.execute(text(LIST.format(run=self.kept + 2, rows=1)))
                self.kept += 1
            except Exception as error:
                self.errors.append(str(error)[:200])
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.04)  # SQLite's lock is not fair: without a pause nobody else gets it


def go_up_down_up(url: str, *, spoil: str | None = None) -> None:
    ledger = attach_ledger(url, any_version=True)
    before = count(ledger)
    writer = Writer(ledger)
    writer.start()
    try:
        for move in (open_newest, take_down, open_newest):
            move(url)
            if spoil is not None:
                run_alone(ledger, spoil)
                spoil = None
            time.sleep(0.1)
    finally:
        writer.over.set()
        writer.join()
    assert writer.errors == []
    assert writer.kept > 3
    assert writer.longest < WEB_LIMITS.statement_seconds
    after = count(ledger)
    ledger.close()
    assert after[0] == before[0] + writer.kept
    assert after[1] == pytest.approx(before[1] + writer.kept / 3.0, abs=1e-3)
    assert (after[2], read_step(url)) == (ROWS, head_revision())


def open_newest(url: str) -> None:
    open_ledger(url).close()


def run_alone(ledger: Ledger, statement: str) -> None:
    with ledger.writing() as connection:
        connection.exec_driver_sql(statement)


def count(ledger: Ledger) -> Row[Any]:
    with ledger.reading() as connection:
        return connection.execute(text(KEPT)).one()


def test_the_version_before_writes_on_while_tables_go_up_down_and_up(url: str) -> None:
    go_up_down_up(url)


def test_the_planted_fault_is_caught(url: str) -> None:
    with pytest.raises(AssertionError, match="note"):
        go_up_down_up(url, spoil="ALTER TABLE runs RENAME COLUMN note TO remark")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_planted_order_of_locks_is_caught(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.migrate.stop_writers", lambda connection: None)
    with pytest.raises((AssertionError, LedgerError)):
        go_often(url)


def go_often(url: str) -> None:
    for _ in range(3):
        go_up_down_up(url)
        take_down(url)
