"""The command writes every past forecast, says how right it was, and goes on where it stopped."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ledger.engine import Ledger, open_ledger
from ledger.past_books import read_past_books
from ledger.vintages import Wanted
from lifecycle.errors import DataError, NotEnoughHistoryError
from lifecycle.periods import Quarter
from models.forecast.conclude import conclude
from tests.builders import build_lake
from tests.models.forecast.company import wavy_orders
from tests.models.forecast.raws import actual, leg, raw
from training.backtest import Backtest
from training.backtest_command import LegAccuracy, summarise
from training.cli import app

DAY = date(2011, 4, 1)


def run(folder: Path, day: date = DAY) -> Result:
    options = ["--as-of", day.isoformat(), "--quarters", "1", "--json"]
    return CliRunner().invoke(app, ["backtest", *options, "--data-dir", str(folder)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shop")
    (made / "truecast.toml").write_text('currency = "GBP"\n')
    build_lake(made, orders=wavy_orders(500, segments=("a",)))
    return made


@pytest.fixture(scope="module")
def done(folder: Path) -> dict[str, Any]:
    result = run(folder)
    assert result.exit_code == 0, result.exception
    return dict(json.loads(result.stdout))


def ledger_of(folder: Path) -> Ledger:
    return open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")


def test_every_week_is_in_the_ledger(folder: Path, done: dict[str, Any]) -> None:
    found = read_past_books(ledger_of(folder), Wanted("orders", "backtest"))
    assert [one.week for one in found] == list(range(13))
    assert {row.node for one in found for row in one.rows} == {"total", "segment=a"}


def test_what_it_says_is_told_by_target_and_leg(done: dict[str, Any]) -> None:
    combined = next(row for row in done["accuracy"] if row["leg"] == "combined")
    assert (combined["target"], combined["vintages"], combined["quarters"]) == ("orders", 13, 1)
    assert 0 < combined["wape"] < 1


def test_made_again_it_finds_its_pieces_and_says_the_same(
    folder: Path, done: dict[str, Any]
) -> None:
    pieces = sorted((folder / "backtests").iterdir())
    again = json.loads(run(folder).stdout)
    assert again["accuracy"] == done["accuracy"]
    assert again["run_id"] > done["run_id"]
    assert len(pieces) == 1


def test_a_company_too_young_is_refused(folder: Path) -> None:
    assert isinstance(run(folder, date(2010, 4, 1)).exception, NotEnoughHistoryError)


def test_a_day_long_after_the_newest_order_is_refused(folder: Path) -> None:
    assert isinstance(run(folder, date(2014, 4, 1)).exception, DataError)


def backtest_of(*said: tuple[int, int, float], known: float | None = 100.0) -> Backtest:
    """Forecasts of a total (quarters back, week, median) and one actual for all quarters."""
    raws = [
        raw({"simulation": leg(total)}, quarter=Quarter(2012, 1).shift(-back), week=week)
        for back, week, total in said
    ]
    made = [conclude(one, []) for one in raws]
    actuals = {} if known is None else {"bookings": actual(known)}
    return Backtest(tuple(made), {str(one.raw.quarter): actuals for one in made})


def combined(found: Backtest) -> LegAccuracy:
    return next(row for row in summarise(found) if row.leg == "combined")


def test_wape_and_bias_are_shares_of_the_actual() -> None:
    row = combined(backtest_of((1, 0, 90.0), (1, 1, 130.0)))
    assert (row.wape, row.bias) == pytest.approx((0.2, 0.1))


def test_the_effective_n_is_quarters_and_not_weeks() -> None:
    row = combined(backtest_of(*((1, week, 90.0) for week in range(5)), (2, 0, 90.0)))
    assert (row.vintages, row.quarters) == (6, 2)


# ten units of spread, and the doubt of a leg without any past: P90 of Student's t
UNJUDGED_P90 = 1.28155 * (1 + (1.28155**2 + 1) / (4 * 8)) * 10.0


def test_coverage_is_the_share_inside_and_width_is_relative() -> None:
    row = combined(backtest_of((1, 0, 100.0), (1, 1, 150.0)))
    assert row.covered == 0.5
    assert row.width == pytest.approx(2 * UNJUDGED_P90 / 100.0, rel=1e-3)


def test_the_interval_score_adds_ten_times_the_miss() -> None:
    row = combined(backtest_of((1, 0, 150.0)))
    miss = 150.0 - UNJUDGED_P90 - 100.0
    assert row.interval_score == pytest.approx(row.width + 10 * miss / 100.0, rel=1e-3)


@pytest.mark.parametrize("known", [None, 0.0])
def test_forecasts_without_money_to_be_judged_by_are_left_out(known: float | None) -> None:
    assert summarise(backtest_of((1, 0, 100.0), known=known)) == []
