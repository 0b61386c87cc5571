"""A ledger of the first schema keeps what it said when it is brought to this version."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from ledger.engine import Ledger, open_ledger
from ledger.migrate import FOLDER, current_revision, head_revision
from ledger.releases import read_champion
from ledger.scores import read_account
from ledger.views import read_at_risk_account, write_at_risk
from lifecycle.errors import ConflictError
from tests.ledger.story import address, at_risk

AT = "'2011-12-09 12:50:00.000000'"
FIRST_ROWS = (
    "INSERT INTO releases VALUES "
    f"(1,'churn',90,'non_contractual','blend','1','d','2011-12-10',{AT},'{{}}','{{}}',NULL)",
    f"INSERT INTO promotions VALUES (1,'churn',90,1,{AT},'passed')",
    f"INSERT INTO runs VALUES (1,'scores','2011-12-10',{AT},{AT},'{{}}')",
    "INSERT INTO scores VALUES "
    "(1,1,'A1','churn',90,1,'non_contractual',0.25,'probability',NULL,1,'low','[]',NULL)",
    "INSERT INTO at_risk VALUES (1,'A1',NULL,NULL,NULL,NULL,'non_contractual','at_risk',"
    "0.25,'low',400.0,100.0,'GBP',1,31.0,'2011-11-09','[]')",
    f"INSERT INTO publications VALUES (1,1,{AT})",
    "INSERT INTO current_runs VALUES ('scores',1)",
)
# PostgreSQL came later: no ledger on it is that old
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger filled at the first schema, then opened by this version."""
    script = ScriptDirectory(str(FOLDER))
    engine = create_engine(address(tmp_path))
    with engine.begin() as connection:
        environment = EnvironmentContext(
            Config(), script, fn=lambda revision, _: script._upgrade_revs("0001", revision)
        )
        with environment:
            environment.configure(connection=connection)
            environment.run_migrations()
        for statement in FIRST_ROWS:
            connection.exec_driver_sql(statement)
    engine.dispose()
    return open_ledger(address(tmp_path))


def test_an_older_ledger_reaches_this_versions_tables(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        assert current_revision(connection) == head_revision() == "0015"


def test_an_older_champion_speaks_for_accounts_without_contract(ledger: Ledger) -> None:
    found = read_champion(ledger, "churn", horizon_days=90, route="non_contractual")
    assert found.version == "1"


def test_what_was_said_before_is_still_said(ledger: Ledger) -> None:
    assert read_at_risk_account(ledger, "A1") == at_risk("A1", segment=None, country=None,
        band="low", reasons=[])  # fmt: skip
    assert [(one.value, one.detail) for one in read_account(ledger, "A1")] == [(0.25, None)]


def test_a_run_published_before_stays_closed(ledger: Ledger) -> None:
    with pytest.raises(ConflictError, match="closed"):
        write_at_risk(ledger, 1, [at_risk("late")])
