from __future__ import annotations

from pathlib import Path

import pytest

from ledger.backtests import read_accuracy, read_backtests, read_duels, write_backtests
from ledger.engine import Ledger
from tests.ledger.story import new_ledger, new_run, publish_backtest, vintage


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = new_ledger(tmp_path)
    rows = [vintage(f"2011Q{q}", "combined", guess) for q, guess in ((1, 110.0), (2, 125.0))]
    rows += [vintage(f"2011Q{q}", "seasonal_naive", 130.0) for q in (1, 2)]
    publish_backtest(made, [*rows, vintage("2011Q3", "combined", 110.0, actual=None)])
    return made


def test_vintages_come_back_by_period(ledger: Ledger) -> None:
    assert read_backtests(ledger, "2011Q1") == [
        vintage("2011Q1", "combined", 110.0),
        vintage("2011Q1", "seasonal_naive", 130.0),
    ]
    assert len(read_backtests(ledger)) == 5


def test_accuracy_follows_its_definitions(ledger: Ledger) -> None:
    row = next(row for row in read_accuracy(ledger) if row.leg == "combined")
    errors, misses = [10.0, 25.0], [0.0, 5.0]  # P10 of the second is 105, its actual 100
    assert (row.week, row.n, row.periods_count) == (1, 2, 2)
    assert row.wape == pytest.approx(sum(errors) / 200)
    assert row.bias_share == pytest.approx(35 / 200)
    assert row.coverage_share == 0.5
    assert row.interval_score_minor == pytest.approx(40 + 10 * sum(misses) / 2)


def test_periods_without_an_actual_are_not_scored(ledger: Ledger) -> None:
    assert {row.periods_count for row in read_accuracy(ledger, by_week=False)} == {2}


def test_a_leg_is_judged_only_where_the_yardstick_spoke(ledger: Ledger) -> None:
    early = vintage("2010Q1", "combined", 900.0)
    both = [vintage("2011Q1", leg, 110.0) for leg in ("combined", "seasonal_naive")]
    publish_backtest(ledger, [early, *both])
    assert {(row.leg, row.n) for row in read_accuracy(ledger)} == {
        ("combined", 1),
        ("seasonal_naive", 1),
    }


def test_weeks_can_be_pooled(ledger: Ledger) -> None:
    publish_backtest(ledger, [vintage("2011Q1", "combined", 110.0, week=week) for week in range(3)])
    assert [(row.week, row.n) for row in read_accuracy(ledger, by_week=False)] == [(None, 3)]


def test_a_duel_counts_periods_not_weeks(ledger: Ledger) -> None:
    duel = read_duels(ledger, rival="seasonal_naive")[0]
    assert (duel.leg, duel.n, duel.wins) == ("combined", 2, 2)
    assert duel.wape_ratio == pytest.approx(35 / 60)


def test_an_unpublished_backtest_is_invisible(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path / "other")
    write_backtests(ledger, new_run(ledger, "backtest"), [vintage("2011Q1", "combined", 1.0)])
    assert read_backtests(ledger) == []
    assert read_accuracy(ledger) == []
