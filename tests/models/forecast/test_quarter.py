from datetime import date

import numpy as np
import pytest

from lifecycle.errors import NotEnoughHistoryError, UsageError
from lifecycle.periods import FiscalCalendar, Quarter
from models.forecast.quarter import forecast_quarter, forecast_sales
from models.forecast.vintages import PARTS, Vintage
from tests.builders import order
from tests.models.forecast.company import FIRST, history_of, sales_of, steady, wavy_orders

DAYS = 640


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    return history_of(tmp_path_factory.mktemp("wavy"), wavy_orders(DAYS))


@pytest.fixture(scope="module")
def forecast(history):
    return forecast_quarter(history.as_of(date(2011, 7, 4)), Quarter(2011, 3, FiscalCalendar(12)))


def means(forecast, leg):
    return {row.node: row.mean_minor for row in forecast.legs if row.leg == leg}


def of_sales(sales, quarter, past=()):
    class Instant:
        as_of = None

    return forecast_sales(sales, Instant(), quarter, past=past)


def test_parts_add_up_to_the_served_mean_at_every_node(forecast):
    for node, parts in forecast.parts.items():
        assert tuple(parts) == PARTS
        served = forecast.leg(node, forecast.served[node])
        assert sum(parts.values()) == pytest.approx(served.mean_minor, rel=1e-9)


@pytest.mark.parametrize("leg", ["combined", "seasonal_naive", "last_quarter", "bottom_up"])
def test_what_may_be_served_adds_up_over_segments(forecast, leg):
    nodes = means(forecast, leg)
    assert nodes.pop("total") == pytest.approx(sum(nodes.values()), rel=1e-9)


def test_parts_of_the_total_are_the_sums_of_the_segments_parts(forecast):
    for part in PARTS:
        segments = [parts[part] for node, parts in forecast.parts.items() if node != "total"]
        assert forecast.parts["total"][part] == pytest.approx(sum(segments), rel=1e-9)


def test_quantiles_increase_in_every_row(forecast):
    assert all(row.p10_minor <= row.p50_minor <= row.p90_minor for row in forecast.legs)


def test_the_combined_range_is_no_wider_than_seasonal_naives(forecast):
    for node in forecast.served:
        ours, naive = forecast.leg(node, "combined"), forecast.leg(node, "seasonal_naive")
        allowed = (naive.p90_minor - naive.p10_minor) * (1 + 1e-9)
        assert ours.p90_minor - ours.p10_minor <= allowed


def test_weights_sum_to_one_and_leave_last_quarter_out(forecast):
    for weights in forecast.weights.values():
        assert sum(weights.values()) == pytest.approx(1.0)
        assert "last_quarter" not in weights


@pytest.mark.parametrize("ahead", [1, 2])
def test_a_quarter_that_has_not_begun_is_forecast_whole(history, ahead):
    quarter = Quarter(2011, 3, FiscalCalendar(12)).shift(ahead)
    forecast = forecast_quarter(history.as_of(date(2011, 7, 4)), quarter)
    assert forecast.week < 0
    assert forecast.actual_to_date_minor == 0.0
    assert forecast.parts["total"]["to_date"] == 0.0
    assert forecast.leg("total", "combined").mean_minor > 0


def test_a_quarter_too_far_ahead_is_refused(history):
    with pytest.raises(UsageError, match="no later than 2012Q1"):
        forecast_quarter(history.as_of(date(2011, 7, 4)), Quarter(2012, 2, FiscalCalendar(12)))


def test_three_months_of_history_are_refused(history):
    with pytest.raises(NotEnoughHistoryError, match="90 days of orders"):
        forecast_quarter(history.as_of(date(2010, 3, 1)), Quarter(2010, 2, FiscalCalendar(12)))


def test_an_ended_quarter_answers_with_what_is_known(history):
    snapshot = history.as_of(date(2011, 7, 4))
    forecast = forecast_quarter(snapshot, Quarter(2011, 2, FiscalCalendar(12)))
    row = forecast.leg("total", forecast.served["total"])
    assert row.mean_minor == forecast.actual_to_date_minor
    assert row.p10_minor == row.p90_minor


def test_before_a_year_is_known_the_other_legs_go_on(history):
    forecast = forecast_quarter(
        history.as_of(date(2010, 9, 6)), Quarter(2010, 4, FiscalCalendar(12))
    )
    legs = {row.leg for row in forecast.legs}
    assert "seasonal_naive" not in legs
    assert {"bottom_up", "combined", "last_quarter"} <= legs


@pytest.mark.parametrize("days", [200, 500, 900])
def test_a_constant_company_is_forecast_exactly_and_without_width(days):
    sales = steady(days)
    quarter = Quarter.containing(sales.as_of, FiscalCalendar(12))
    row = of_sales(sales, quarter).leg("total", "combined")
    assert row.mean_minor == pytest.approx(2000 * quarter.days)
    assert row.p90_minor - row.p10_minor == pytest.approx(0.0, abs=0.5) or days == 500


def test_one_segment_carries_the_whole_total(tmp_path):
    rows = wavy_orders(400, segments=("only",))
    history = history_of(tmp_path, rows)
    forecast = forecast_quarter(
        history.as_of(date(2011, 1, 3)), Quarter(2011, 1, FiscalCalendar(12))
    )
    combined = means(forecast, "combined")
    assert combined["segment=only"] == pytest.approx(combined["total"])


def test_a_company_without_segments_has_one_unassigned_node(tmp_path):
    history = history_of(tmp_path, wavy_orders(400, segments=(None,)))
    forecast = forecast_quarter(
        history.as_of(date(2011, 1, 3)), Quarter(2011, 1, FiscalCalendar(12))
    )
    assert set(forecast.served) == {"total", "segment=unassigned"}


def test_weeks_of_negative_revenue_keep_every_number_finite():
    rng = np.random.default_rng(4)
    sales = sales_of(rng.normal(20, 400, (3, 640)), anonymous=rng.normal(0, 50, (3, 640)))
    for row in of_sales(sales, Quarter.containing(sales.as_of, FiscalCalendar(12))).legs:
        values = (row.p10_minor, row.p50_minor, row.p90_minor, row.mean_minor)
        assert np.isfinite(values).all()
        assert row.p10_minor <= row.p50_minor <= row.p90_minor


def test_a_combination_that_lost_gives_way_to_the_plain_rule():
    sales = steady(900, segments=1)
    lost = [
        Vintage(period, start, 0, "total", leg, 0, mean, mean, mean)
        for period, start in (("2011Q1", date(2010, 12, 1)), ("2011Q2", date(2011, 3, 1)))
        for leg, mean in (("combined", 150_000.0), ("seasonal_naive", 91_000.0))
    ]
    forecast = of_sales(sales, Quarter.containing(sales.as_of, FiscalCalendar(12)), past=lost)
    assert set(forecast.served.values()) == {"seasonal_naive"}
    assert "did not beat seasonal_naive" in forecast.verdict


def test_past_vintages_may_come_in_any_order(history):
    snapshot, quarter = history.as_of(date(2011, 7, 4)), Quarter(2011, 3, FiscalCalendar(12))
    earlier = forecast_quarter(
        history.as_of(date(2011, 3, 7)), Quarter(2011, 2, FiscalCalendar(12))
    )
    past = earlier.vintages(date(2011, 3, 7))
    one, other = (forecast_quarter(snapshot, quarter, past=p) for p in (past, past[::-1]))
    assert one == other


def test_vintages_carry_the_origin_and_no_actual(forecast):
    rows = forecast.vintages(date(2011, 7, 4))
    assert len(rows) == len(forecast.legs)
    assert {(v.period, v.origin, v.week, v.actual_minor) for v in rows} == {
        ("2011Q3", date(2011, 7, 4), 4, None)
    }


def test_a_missing_leg_is_a_key_error(forecast):
    with pytest.raises(KeyError):
        forecast.leg("total", "crystal_ball")


def test_a_sale_on_the_first_day_alone_is_not_enough(tmp_path):
    history = history_of(tmp_path, [order("a", FIRST)])
    with pytest.raises(NotEnoughHistoryError):
        forecast_quarter(history.as_of(date(2010, 1, 1)), Quarter(2010, 1, FiscalCalendar(12)))
