"""What the two older tables of forecasts said is found among the vintages."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from ledger.accuracy import read_accuracy
from ledger.engine import Ledger, open_ledger
from ledger.issued_books import read_book
from ledger.migrate import FOLDER
from ledger.vintage_scores import read_actuals, read_unscored, read_unscored_periods
from ledger.vintages import Wanted, read_vintages
from tests.ledger.story import address

AT = "'2011-12-09 12:50:00.000000'"
METHOD = json.dumps({"verdict": "combined is served", "weights": {"auto_ets": 1.0}})
SPREAD = "90.0,100.0,115.0,101.0,'GBP'"
OLD_ROWS = (
    *(
        f"INSERT INTO runs VALUES ({run},'{kind}','2011-12-10',{AT},{AT},'{{}}')"
        for run, kind in ((1, "forecast"), (2, "backtest"))
    ),
    *(
        "INSERT INTO forecasts VALUES "
        f"({at},1,'2012Q1','2011-12-10',1,'{node}','{leg}',{SPREAD},{served},NULL,21.0,'{METHOD}')"
        for at, (node, leg, served) in enumerate(
            (("total", "combined", 1), ("total", "auto_ets", 0), ("segment=UK", "combined", 1)), 1
        )
    ),
    *(
        "INSERT INTO backtests VALUES "
        f"({at},2,'2011Q{at}','2011-0{at}-01',0,'total','combined',{SPREAD},{actual})"
        for at, actual in ((1, "120.0"), (2, "95.0"), (3, "NULL"))
    ),
    *(f"INSERT INTO publications VALUES ({run},{run},{AT})" for run in (1, 2)),
    "INSERT INTO current_runs VALUES ('forecast',1)",
    "INSERT INTO current_runs VALUES ('backtest',2)",
)  # fmt: skip
# PostgreSQL came later: no ledger on it is that old
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A ledger filled at the first schema, then opened by this version."""
    folder: Path = tmp_path_factory.mktemp("data")
    script = ScriptDirectory(str(FOLDER))
    engine = create_engine(address(folder))
    with engine.begin() as connection:
        environment = EnvironmentContext(
            Config(), script, fn=lambda revision, _: script._upgrade_revs("0001", revision)
        )
        with environment:
            environment.configure(connection=connection)
            environment.run_migrations()
        for statement in OLD_ROWS:
            connection.exec_driver_sql(statement)
    engine.dispose()
    return open_ledger(address(folder))


def test_an_older_forecast_is_a_book_of_orders(ledger: Ledger) -> None:
    found = read_book(ledger, "orders", "2012Q1")
    assert found is not None
    assert (found.book.served_leg, found.book.verdict) == ("combined", "combined is served")
    assert found.book.weights == {"auto_ets": 1.0}
    assert [(row.node, row.leg, row.served) for row in found.book.rows] == [
        ("segment=UK", "combined", True),
        ("total", "auto_ets", False),
        ("total", "combined", True),
    ]


def test_older_quantiles_stay_the_three_that_were_said(ledger: Ledger) -> None:
    (one,) = read_vintages(ledger, Wanted("orders", "live", leg="combined"))
    row = one.row
    assert (row.p10_minor, row.p50_minor, row.p90_minor, row.mean_minor) == (90, 100, 115, 101)
    assert (row.quantiles, row.to_date_minor, one.origin) == (None, 21.0, date(2011, 12, 10))


def test_older_backtests_keep_their_record(ledger: Ledger) -> None:
    (row,) = read_accuracy(ledger, Wanted("orders", leg="combined"), by_week=False)
    assert (row.n, row.wape, row.coverage80) == (2, pytest.approx(25 / 215), 0.5)
    assert row.score80_minor == pytest.approx((25 + 10 * 5 + 25) / 2)
    assert (row.whole_count, row.crps_share, row.coverage50) == (0, None, None)


def test_older_actuals_are_known_and_the_rest_waits(ledger: Ledger) -> None:
    assert [one.actual_minor for one in read_actuals(ledger, "orders")] == [120.0, 95.0]
    assert read_unscored_periods(ledger) == [("orders", "2011Q3"), ("orders", "2012Q1")]
    waiting = read_unscored(ledger, "orders", "2011Q3")
    assert [(one.range_minor, one.quantiles) for one in waiting] == [((90, 100, 115), None)]
