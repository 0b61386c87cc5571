from __future__ import annotations

import multiprocessing
import sqlite3
import stat
import threading
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from ledger.declare import metadata
from ledger.engine import Ledger, attach_ledger, open_ledger
from lifecycle.errors import LedgerError, UsageError
from tests.ledger.story import address, new_run


@pytest.mark.filterwarnings("ignore:.*xpression.based index")
@pytest.mark.filterwarnings("ignore:.*expression index")
def test_the_migrated_tables_are_the_declared_ones(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_opening_twice_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    new_run(ledger)
    again = open_ledger(address(tmp_path))
    with again.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM runs").scalar() == 1


SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@SQLITE
def test_only_the_owner_can_read_the_files(ledger: Ledger, tmp_path: Path) -> None:
    new_run(ledger)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("ledger.sqlite*")}
    assert modes == {0o600}


@SQLITE
@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("busy_timeout", 5000),
        ("foreign_keys", 1),
        ("secure_delete", 1),
        ("trusted_schema", 0),
    ],
)
def test_connections_carry_the_pragmas(ledger: Ledger, pragma: str, value: object) -> None:
    with ledger.reading() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


@SQLITE
def test_a_restored_file_is_opened_while_another_writes(tmp_path: Path, ledger: Ledger) -> None:
    ledger.close()
    writer = sqlite3.connect(tmp_path / "ledger.sqlite", check_same_thread=False)
    writer.execute("PRAGMA journal_mode=DELETE")  # as a backup leaves it
    writer.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, writer.rollback)
    release.start()
    again = open_ledger(address(tmp_path))
    release.join()
    with again.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    writer.close()


@SQLITE
def test_attaching_to_a_missing_ledger_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger"):
        attach_ledger(address(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_attaching_to_an_older_ledger_says_what_to_run(tmp_path: Path, ledger: Ledger) -> None:
    with ledger.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(LedgerError, match="truecast migrate"):
        attach_ledger(address(tmp_path))


def test_a_newer_ledger_is_refused(tmp_path: Path, ledger: Ledger) -> None:
    with ledger.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerError, match="newer version"):
        open_ledger(address(tmp_path))


@SQLITE
def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        open_ledger(address(tmp_path))


@pytest.mark.parametrize("url", ["postgresql://h/d", "sqlite://", "nonsense", "sqlite:///:memory:"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(UsageError):
        open_ledger(url)


@SQLITE
def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be made"):
        open_ledger(address(tmp_path / "file" / "data"))


def _read_then_write(url: str, times: int, together: Barrier) -> None:
    ledger = open_ledger(url)
    together.wait(60)
    for _ in range(times):
        with ledger.writing() as connection:
            found = connection.exec_driver_sql("SELECT value FROM tally").scalar()
            connection.exec_driver_sql(f"UPDATE tally SET value = {int(found or 0) + 1}")


@SQLITE
def test_writers_that_read_first_wait_for_each_other(tmp_path: Path, ledger: Ledger) -> None:
    with ledger.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE tally (value INTEGER)")
        connection.exec_driver_sql("INSERT INTO tally VALUES (0)")
    spawn = multiprocessing.get_context("spawn")
    job = (address(tmp_path), 60, spawn.Barrier(2))
    workers = [spawn.Process(target=_read_then_write, args=job) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with ledger.reading() as connection:
        assert connection.exec_driver_sql("SELECT value FROM tally").scalar() == 120
