from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy.dialects import postgresql

from ledger.accuracy import AccuracyRow, read_accuracy
from ledger.engine import Ledger
from ledger.vintages import Wanted, judged_vintages
from models import accuracy
from models.forecast.scoring import score_grid
from tests.ledger.forecast_story import GRID, past_book, publish_books, publish_judged, said

PERIODS = [f"{year}Q{quarter}" for year in (2009, 2010, 2011) for quarter in (1, 2, 3, 4)]
ACTUALS = dict(zip(PERIODS, (90.0, 100, 110, 95, 99, 104, 120, 90, 101, 112, 118, 99), strict=True))
WANTED = Wanted("bookings")


def _fill(ledger: Ledger, legs: dict[str, float], weeks: int = 3) -> None:
    books = [past_book(period, legs, week=week) for period in PERIODS for week in range(weeks)]
    publish_judged(ledger, books, ACTUALS)


def _of(rows: list[AccuracyRow], leg: str = "combined", week: int | None = None) -> AccuracyRow:
    return next(row for row in rows if (row.leg, row.week) == (leg, week))


def test_wape_and_bias_are_the_published_formulas(ledger: Ledger) -> None:
    _fill(ledger, {"combined": 103.0})
    found = _of(read_accuracy(ledger, WANTED, by_week=False))
    actual, said_each = list(ACTUALS.values()) * 3, [103.0] * 36
    assert (found.n, found.periods_count) == (36, 12)
    assert found.wape == pytest.approx(accuracy.wape(actual, said_each))
    assert found.bias_share == pytest.approx(accuracy.bias_share(actual, said_each))


def test_mase_scales_by_changes_before_the_quarter_alone(ledger: Ledger) -> None:
    _fill(ledger, {"combined": 103.0}, weeks=1)
    found = _of(read_accuracy(ledger, WANTED, by_week=False))
    series = list(ACTUALS.values())
    judged = range(8, 12)
    each = [accuracy.mase(series[q : q + 1], [103.0], history=series[:q], season=4) for q in judged]
    assert found.scaled_count == len(judged)
    assert found.mase == pytest.approx(np.mean(each))


def test_rmsse_is_the_root_of_the_mean_scaled_square(ledger: Ledger) -> None:
    _fill(ledger, {"combined": 103.0}, weeks=1)
    series = np.array(list(ACTUALS.values()))
    scales = [np.square(series[4:q] - series[: q - 4]).mean() for q in range(8, 12)]
    expected = np.sqrt(np.mean(np.square(103.0 - series[8:]) / scales))
    found = _of(read_accuracy(ledger, WANTED, by_week=False))
    assert found.rmsse == pytest.approx(expected)


def test_a_year_without_changes_before_gives_no_scale(ledger: Ledger) -> None:
    publish_judged(ledger, [past_book("2011Q1", {"combined": 90.0})], {"2011Q1": 100.0})
    found = _of(read_accuracy(ledger, WANTED, by_week=False))
    assert (found.mase, found.rmsse, found.scaled_count) == (None, None, 0)


def test_scores_of_distributions_are_averaged(ledger: Ledger) -> None:
    _fill(ledger, {"combined": 100.0})
    found = _of(read_accuracy(ledger, WANTED, by_week=False))
    every = score_grid([GRID] * 12, [101.0] * 12, list(ACTUALS.values()))
    size = sum(ACTUALS.values())
    assert found.crps_share == pytest.approx(every.crps_minor.sum() / size)
    assert found.wql == pytest.approx(2 * every.pinball_minor.sum() / size)
    assert found.score80_minor == pytest.approx(every.score80_minor.mean())
    assert found.coverage50 == pytest.approx(every.inside50.mean())
    tenths = [at / 10 for at in range(11)]
    assert found.pit_counts == tuple(3 * np.histogram(every.pit, tenths)[0])


def test_formulas_in_use_elsewhere_go_by_their_names(ledger: Ledger) -> None:
    books = [past_book(period, {"combined": 90.0}) for period in ("2011Q1", "2011Q2")]
    publish_judged(ledger, books, {"2011Q1": 100.0, "2011Q2": 40.0})
    found = _of(read_accuracy(ledger, WANTED, by_week=False)).formulas
    assert found["truecast"] == pytest.approx((0.9 + 0.0) / 2)
    assert found["attainment"] == pytest.approx((0.9 + 2.25) / 2)
    assert found["one_minus_over_forecast"] == pytest.approx((8 / 9 + 4 / 9) / 2)


def test_quarters_of_nothing_have_no_infinite_accuracy(ledger: Ledger) -> None:
    publish_judged(ledger, [past_book("2011Q1", {"combined": 90.0})], {"2011Q1": 0.0})
    found = _of(read_accuracy(ledger, WANTED, by_week=False))
    assert (found.wape, found.bias_share, found.crps_share, found.stability) == (None,) * 4
    assert found.formulas["truecast"] is None


def test_a_quarter_without_actual_is_not_judged(ledger: Ledger) -> None:
    books = [past_book(period, {"combined": 90.0}) for period in ("2011Q1", "2011Q2")]
    publish_judged(ledger, books, {"2011Q1": 100.0})
    assert _of(read_accuracy(ledger, WANTED, by_week=False)).n == 1


def test_weeks_are_told_apart_and_those_before_the_quarter_not_pooled(ledger: Ledger) -> None:
    guesses = {-1: 150.0, 0: 120.0, 1: 110.0}
    books = [past_book("2011Q1", {"combined": p50}, week=week) for week, p50 in guesses.items()]
    publish_judged(ledger, books, {"2011Q1": 100.0})
    weeks = read_accuracy(ledger, WANTED)
    assert [(row.week, row.wape) for row in weeks if row.leg == "combined"] == [
        (-1, pytest.approx(0.5)), (0, pytest.approx(0.2)), (1, pytest.approx(0.1))
    ]  # fmt: skip
    assert _of(read_accuracy(ledger, WANTED, by_week=False)).n == 2


def test_stability_is_the_move_from_one_week_to_the_next(ledger: Ledger) -> None:
    guesses = {0: 120.0, 1: 110.0, 2: 113.0, 4: 90.0}
    books = [past_book("2011Q1", {"combined": p50}, week=week) for week, p50 in guesses.items()]
    publish_judged(ledger, books, {"2011Q1": 100.0})
    found = _of(read_accuracy(ledger, WANTED, by_week=False))
    assert found.stability == pytest.approx((10 + 3) / 200)


def test_what_was_served_has_a_record_of_its_own(ledger: Ledger) -> None:
    rows = [said("conversion", 95.0, served=True), said("combined", 80.0)]
    first = past_book("2011Q1", {"combined": 110.0, "conversion": 90.0})
    publish_judged(
        ledger, [first, past_book("2011Q2", {}, rows=rows)], {"2011Q1": 100.0, "2011Q2": 100.0}
    )
    assert _of(read_accuracy(ledger, WANTED, by_week=False), "served").wape == pytest.approx(0.075)
    (alone,) = read_accuracy(ledger, Wanted("bookings", leg="served"), by_week=False)
    assert (alone.leg, alone.n) == ("served", 2)


def test_a_leg_is_judged_only_where_the_yardstick_spoke(ledger: Ledger) -> None:
    books = [past_book("2010Q1", {"combined": 900.0})]
    books.append(past_book("2011Q1", {"combined": 110.0, "seasonal_naive": 130.0}))
    publish_judged(ledger, books, {"2010Q1": 100.0, "2011Q1": 100.0})
    rows = read_accuracy(ledger, WANTED, by_week=False)
    assert [(row.leg, row.n) for row in rows] == [
        ("seasonal_naive", 1), ("combined", 1), ("served", 1)
    ]  # fmt: skip


def test_live_forecasts_and_backtests_are_two_sources_of_one_query(ledger: Ledger) -> None:
    _fill(ledger, {"combined": 103.0})
    publish_judged(ledger, [past_book("2011Q1", {"combined": 90.0})], {"2011Q1": 100.0}, "forecast")
    assert _of(read_accuracy(ledger, WANTED, by_week=False)).n == 36
    live = read_accuracy(ledger, Wanted("bookings", "live"), by_week=False)
    assert [(row.leg, row.n, row.wape) for row in live] == [
        ("combined", 1, pytest.approx(0.1)), ("served", 1, pytest.approx(0.1))
    ]  # fmt: skip


def test_each_node_is_judged_by_itself(ledger: Ledger) -> None:
    rows = [said(served=True), said(p50=50.0, node="segment=smb", served=True)]
    publish_judged(ledger, [past_book("2011Q1", {}, rows=rows)], {"2011Q1": 100.0})
    found = read_accuracy(ledger, Wanted("bookings", node=None, leg="combined"), by_week=False)
    assert {row.node: row.wape for row in found} == {"total": 0.0, "segment=smb": 0.5}


def test_nothing_judged_is_an_empty_answer(ledger: Ledger) -> None:
    publish_books(ledger, [past_book("2011Q1", {"combined": 90.0})], "backtest")
    assert read_accuracy(ledger, WANTED) == []


@pytest.mark.parametrize("source", ["live", "backtest"])
def test_the_statements_are_those_of_a_server_too(source: str) -> None:
    judged = judged_vintages(Wanted("bookings", source))  # type: ignore[arg-type]
    text = str(judged.select().compile(dialect=postgresql.dialect()))
    assert "JOIN vintage_scores" in text
