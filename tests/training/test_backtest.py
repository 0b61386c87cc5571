from datetime import date

import numpy as np
import pytest

from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import FiscalCalendar, Quarter
from models.forecast.vintages import Vintage
from tests.builders import noon
from tests.models.forecast.company import history_of, wavy_orders
from training.backtest import backtest_origins, common, run_backtest, summarise

FACTS = wavy_orders(560, segments=("a",))
AS_OF = date(2011, 6, 3)


def backtest(folder, rows=FACTS, as_of=AS_OF, quarters=2, ticker=None):
    history = history_of(folder, rows)
    return run_backtest(
        history, quarters=quarters, calendar=FiscalCalendar(12), as_of=as_of, progress=ticker
    )


@pytest.fixture(scope="module")
def vintages(tmp_path_factory):
    return backtest(tmp_path_factory.mktemp("backtest"))


def vintage(leg, mean, *, period="2011Q1", week=0, actual=100.0, half=10.0):
    low, high = mean - half, mean + half
    return Vintage(
        period, date(2011, 1, 1 + week), week, "total", leg, low, mean, high, mean, actual
    )


def row(vintages, leg, week=None, **how):
    return next(r for r in summarise(vintages, **how) if r.leg == leg and r.week == week)


def test_origins_are_the_weeks_of_the_last_ended_quarters():
    origins = backtest_origins(quarters=2, calendar=FiscalCalendar(12), as_of=AS_OF)
    assert origins[0] == (Quarter(2011, 1, FiscalCalendar(12)), date(2010, 12, 1))
    assert origins[-1] == (Quarter(2011, 2, FiscalCalendar(12)), date(2011, 5, 31))
    assert len(origins) == 13 + 14


def test_the_actual_is_the_quarters_known_revenue(vintages):
    start, end = date(2011, 3, 1), date(2011, 6, 1)
    sold = sum(r["amount_minor"] for r in FACTS if start <= r["ordered_at"].date() < end)
    actuals = {v.actual_minor for v in vintages if v.period == "2011Q2" and v.node == "total"}
    assert actuals == {float(sold)}


def test_every_origin_has_every_node_and_the_combined_leg(vintages):
    combined = [v for v in vintages if v.leg == "combined"]
    assert len(combined) == (13 + 14) * 2


def test_what_is_learnt_after_an_origin_changes_no_forecast_made_there(tmp_path, vintages):
    cut = noon(date(2011, 3, 1)).replace(hour=0)
    changed = [
        r if r["known_at"] < cut else {**r, "amount_minor": -7 * r["amount_minor"]} for r in FACTS
    ]
    again = backtest(tmp_path, changed)
    early = [v for v in vintages if v.origin <= date(2011, 3, 1)]
    assert [_said(v) for v in again if v.origin <= date(2011, 3, 1)] == [_said(v) for v in early]


def test_origins_are_counted_as_they_are_done(tmp_path):
    class Ticker:
        done = 0.0

        def advance(self, amount=1):
            self.done += amount

    ticker = Ticker()
    backtest(tmp_path, quarters=1, ticker=ticker)
    assert ticker.done == 14


def test_a_company_too_young_for_any_origin_is_refused(tmp_path):
    with pytest.raises(NotEnoughHistoryError, match="no week of the 2 quarters"):
        backtest(tmp_path, as_of=date(2010, 6, 3))


def test_wape_and_bias_are_shares_of_the_actual():
    result = row([vintage("combined", 90.0), vintage("combined", 130.0, week=1)], "combined")
    assert (result.wape, result.bias) == pytest.approx((0.2, 0.1))


def test_the_effective_n_is_quarters_and_not_weeks():
    result = row([vintage("combined", 90.0, week=week) for week in range(5)], "combined")
    assert (result.vintages_count, result.quarters_count) == (5, 1)


def test_a_quarter_is_won_by_the_smaller_mean_error():
    both = [
        vintage("combined", mean, period=period, week=week)
        for period, means in (("2011Q1", (90.0, 105.0)), ("2011Q2", (80.0, 80.0)))
        for week, mean in enumerate(means)
    ]
    both += [vintage("seasonal_naive", 90.0, period=v.period, week=v.week) for v in both]
    result = row(both, "combined")
    assert result.quarters_won == {"seasonal_naive": 1}
    assert result.quarters_compared == {"seasonal_naive": 2}
    assert result.wape_ratios == {"seasonal_naive": pytest.approx((10 + 5 + 20 + 20) / 40)}


def test_the_interval_score_is_compared_on_the_same_vintages():
    rows = [vintage("combined", 100.0, half=5.0), vintage("combined", 0.0, week=1, half=1.0)]
    rows.append(vintage("seasonal_naive", 100.0, half=10.0))
    assert row(rows, "combined", comparable=False).interval_score_ratio == pytest.approx(0.5)


def test_legs_are_judged_at_origins_where_seasonal_naive_spoke_unless_it_never_did():
    young, grown = vintage("combined", 200.0), vintage("combined", 110.0, week=1)
    naive = vintage("seasonal_naive", 120.0, week=1)
    assert row([young, grown, naive], "combined").wape == pytest.approx(0.1)
    assert row([young, grown, naive], "combined", comparable=False).vintages_count == 2
    assert row([young, grown], "combined").vintages_count == 2


def test_coverage_is_the_share_inside_and_width_is_relative():
    rows = [vintage("combined", 100.0), vintage("combined", 150.0, week=1)]
    assert row(rows, "combined").covered == 0.5
    assert row(rows, "combined").width == pytest.approx(0.2)


def test_unscored_vintages_are_left_out():
    assert summarise([vintage("combined", 100.0, actual=None)]) == []


def test_common_keeps_only_origins_at_which_all_spoke():
    rows = [vintage("a", 1.0), vintage("b", 1.0), vintage("a", 1.0, week=1)]
    assert [v.week for v in common(rows, ("a", "b"))] == [0, 0]


def test_rows_come_by_week_and_then_over_all(vintages):
    weeks = [r.week for r in summarise(vintages) if r.leg == "combined" and r.node == "total"]
    assert weeks == [*range(14), None]
    assert all(np.isfinite((r.wape, r.bias, r.interval_score)).all() for r in summarise(vintages))


def _said(v):
    return (v.period, v.origin, v.node, v.leg, v.p10_minor, v.p50_minor, v.p90_minor, v.mean_minor)
