"""What the steps say to PostgreSQL, read by squawk: nothing that stops or breaks an old version."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event

from ledger.engine import open_ledger
from tests.ledger.test_migration_in_use import upgrade
from tests.postgresql import shared_cluster

KINDS_WE_CHOSE = "as on SQLite; numbers of rows stay far below 2^31, and instants are UTC"
ONE_TRANSACTION = (
    "a migration is one transaction, old tables or new; it waits 2 s for a lock and gives up, and "
    "an index over the largest list takes less than the 8 s that a request may wait"
)
ACCEPTED = {
    "prefer-bigint-over-int": KINDS_WE_CHOSE,
    "prefer-identity": KINDS_WE_CHOSE,
    "prefer-text-field": KINDS_WE_CHOSE,
    "prefer-timestamp-tz": KINDS_WE_CHOSE,
    "require-concurrent-index-creation": ONE_TRANSACTION,
    "require-concurrent-index-deletion": ONE_TRANSACTION,
    "require-statement-timeout": "every connection of the ledger brings one, 15 minutes in jobs",
    "changing-column-type": "only the order of a text column that the same migration has added",
}
pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture(scope="module")
def said(database: str) -> list[str]:
    """All statements by which a ledger of step 6, the last on SQLite alone, reaches this one."""
    cluster, heard = shared_cluster(), list[str]()
    cluster.run("DROP DATABASE IF EXISTS read WITH (FORCE)", "CREATE DATABASE read")
    engine = create_engine(cluster.address("read"))
    with engine.begin() as connection:
        upgrade(connection, "0006")
    engine.dispose()

    def hear(connection: object, cursor: object, statement: str, *more: object) -> None:
        if statement.lstrip().startswith(("SET", "CREATE", "ALTER", "DROP", "COMMENT", "TRUNCATE")):
            heard.append(statement.strip())

    event.listen(type(engine), "before_cursor_execute", hear)
    open_ledger(cluster.address("read")).close()
    event.remove(type(engine), "before_cursor_execute", hear)
    return heard


def find_findings(statements: list[str], folder: Path) -> list[str]:
    """Return squawk's findings but those accepted, as ``rule: statement``."""
    program = shutil.which("squawk", path=str(Path(sys.executable).parent))
    assert program is not None
    script = folder / "steps.sql"
    script.write_text("".join(f"{' '.join(one.split())};\n" for one in statements))
    words = [program, "--assume-in-transaction", "--pg-version=15", "--reporter=json"]
    words.append(f"--exclude={','.join(ACCEPTED)}")
    told = subprocess.run([*words, script], capture_output=True, check=False).stdout
    lines = script.read_text().splitlines()
    return [f"{one['rule_name']}: {lines[one['line']]}" for one in json.loads(told)]


def test_no_step_takes_a_lock_or_a_column_that_others_need(said: list[str], tmp_path: Path) -> None:
    assert any(one.startswith("CREATE INDEX ix_at_risk_by_loss") for one in said)
    assert find_findings(said, tmp_path) == []


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("ALTER TABLE scores DROP COLUMN detail", "ban-drop-column"),
        ("ALTER TABLE scores ADD COLUMN more varchar(9) NOT NULL", "adding-required-field"),
        ("ALTER TABLE scores RENAME COLUMN band TO class", "renaming-column"),
    ],
)
def test_the_planted_fault_is_caught(
    said: list[str], tmp_path: Path, fault: str, rule: str
) -> None:
    assert find_findings([*said, fault], tmp_path) == [f"{rule}: {fault};"]
