"""Migrations while others write, wait, race, or die: old tables or new ones, nothing between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, insert, select

import ledger.migrate
from ledger.engine import attach_ledger, open_ledger
from ledger.migrate import FOLDER, current_revision, head_revision
from ledger.tables import runs
from lifecycle.errors import LedgerError
from tests.ledger.story import DAY, KNOWN
from tests.postgresql import shared_cluster

RUN = {"kind": "scores", "as_of": DAY, "data_as_of": KNOWN, "started_at": KNOWN, "note": "{}"}


@pytest.fixture
def url(database: str, tmp_path: Path) -> str:
    """The address of a ledger of the first step that knew contracts."""
    address = f"sqlite:///{tmp_path / 'old.sqlite'}"
    if database == "postgresql":
        shared_cluster().run("DROP DATABASE IF EXISTS old WITH (FORCE)", "CREATE DATABASE old")
        address = shared_cluster().address("old")
    engine = create_engine(address)
    with engine.begin() as connection:
        upgrade(connection, "0001")
    engine.dispose()
    return address


def upgrade(connection: Connection, step: str) -> None:
    script = ScriptDirectory(str(FOLDER))
    environment = EnvironmentContext(
        Config(), script, fn=lambda revision, _: script._upgrade_revs(step, revision)
    )
    with environment:
        environment.configure(connection=connection)
        environment.run_migrations()


def read_step(url: str) -> str | None:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = current_revision(connection)
    engine.dispose()
    return found


def write_until(engine: Engine, stop: threading.Event, waits: list[float]) -> None:
    """Write as the version before does, one short transaction after the other."""
    while not stop.is_set():
        began = time.monotonic()
        with engine.begin() as connection:
            connection.execute(insert(runs), RUN)
        waits.append(time.monotonic() - began)
        time.sleep(0.005)  # SQLite's lock is not fair: without a pause nobody else gets it


def test_writers_of_the_old_version_go_on_while_it_is_migrated(url: str) -> None:
    engine, stop, waits = create_engine(url), threading.Event(), list[float]()
    writer = threading.Thread(target=write_until, args=(engine, stop, waits))
    writer.start()
    time.sleep(0.3)
    before = len(waits)
    open_ledger(url).close()
    time.sleep(0.3)
    stop.set()
    writer.join()
    with engine.connect() as connection:
        kept = len(connection.execute(select(runs.c.id)).all())
    engine.dispose()
    assert (kept, read_step(url)) == (len(waits), head_revision())
    assert 0 < before < len(waits)
    assert max(waits) < 5


def migrate_behind_a_reader(url: str, *, seconds: float) -> float:
    """Migrate while someone reads a table that a step changes; return how long it was tried."""
    engine = create_engine(url)
    began = time.monotonic()
    with engine.connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM at_risk")
        release = threading.Timer(seconds, reader.rollback)
        release.start()
        try:
            open_ledger(url).close()
        except LedgerError:
            assert read_step(url) == "0001"
        tried = time.monotonic() - began
        release.join()
    engine.dispose()
    return tried


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_migration_gives_up_before_requests_pile_up_behind_it(url: str) -> None:
    assert migrate_behind_a_reader(url, seconds=6) < 5
    open_ledger(url).close()
    assert read_step(url) == head_revision()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_planted_patience_is_caught(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.migrate, "LOCK_SECONDS", 60)
    assert migrate_behind_a_reader(url, seconds=6) >= 5


_DYING = """
import sys, time
from sqlalchemy import Engine, event
from ledger.engine import open_ledger
def stop(connection, cursor, statement, *rest):
    if statement.strip().startswith("CREATE TABLE deals"):
        if sys.argv[2] == "early":
            connection.connection.driver_connection.commit()
        sys.stdout.write("middle\\n"); sys.stdout.flush()
        time.sleep(60)
event.listen(Engine, "before_cursor_execute", stop)
open_ledger(sys.argv[1])
"""


def die_in_the_middle(url: str, commit: str) -> list[str]:
    """Kill a migration half way; return the step then found, and whether it can be done again."""
    words = [sys.executable, "-c", _DYING, url, commit]
    settings = {**os.environ, "PYTHONPATH": os.getcwd()}
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=settings) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"middle\n"
        child.send_signal(signal.SIGKILL)
    found = [str(read_step(url))]
    try:
        open_ledger(url).close()
    except LedgerError:
        return [*found, "broken"]
    return [*found, str(read_step(url))]


def test_a_migration_that_was_killed_leaves_the_old_tables(url: str) -> None:
    assert die_in_the_middle(url, "never") == ["0001", head_revision()]


def test_the_planted_early_commit_is_caught(url: str) -> None:
    assert die_in_the_middle(url, "early") != ["0001", head_revision()]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_two_migrations_take_turns(url: str) -> None:
    words = [sys.executable, "-c", "import sys; from ledger.engine import open_ledger; "
             "open_ledger(sys.argv[1]).close()", url]  # fmt: skip
    settings = {**os.environ, "PYTHONPATH": os.getcwd()}
    both = [subprocess.Popen(words, env=settings) for _ in range(2)]
    assert [one.wait(60) for one in both] == [0, 0]
    attach_ledger(url).close()
