"""Orders forecast from what is known, at every node, as far ahead as two quarters."""

from datetime import date

import numpy as np
import pytest

from lifecycle.errors import NotEnoughHistoryError, UsageError
from lifecycle.periods import FiscalCalendar, Quarter
from models.forecast.combine import COMBINED
from models.forecast.conclude import conclude, said_of
from models.forecast.grid import MEDIAN, interval
from models.forecast.judged import judge
from models.forecast.orders import OrdersEngine, orders_forecast
from models.forecast.raw import ORDERS, SIMULATION, Leg
from tests.builders import order
from tests.models.forecast.company import FIRST, history_of, sales_of, steady, wavy_orders

CALENDAR = FiscalCalendar(12)
Q2, Q3 = Quarter(2011, 2, CALENDAR), Quarter(2011, 3, CALENDAR)
DAY = date(2011, 7, 4)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return OrdersEngine(history_of(tmp_path_factory.mktemp("wavy"), wavy_orders(640)).as_of)


@pytest.fixture(scope="module")
def forecast(engine):
    (raw,) = engine.raw(DAY, Q3)
    return conclude(raw, [])


def running(sales):
    return orders_forecast(sales, Quarter.containing(sales.as_of, CALENDAR))


def ends(leg):
    low, high = interval(leg.grid_minor, 0.8)
    return low, leg.grid_minor[:, MEDIAN], high


def test_parts_add_up_to_the_served_mean_at_every_node(forecast):
    assert set(forecast.raw.parts) == {"to_date", "known_customers", "new_customers", "anonymous"}
    served = forecast.legs[forecast.served].mean_minor
    assert sum(forecast.parts.values()) == pytest.approx(served, rel=1e-9)


@pytest.mark.parametrize("leg", [COMBINED, "seasonal_naive", "last_quarter", SIMULATION])
def test_what_may_be_served_adds_up_over_segments(forecast, leg):
    mean = forecast.legs[leg].mean_minor
    assert mean[0] == pytest.approx(mean[1:].sum(), abs=1e-6)


def test_parts_of_the_total_are_the_sums_of_the_segments_parts(forecast):
    for part in forecast.parts.values():
        assert part[0] == pytest.approx(part[1:].sum(), rel=1e-9, abs=1e-6)


def test_quantiles_increase_in_every_leg(forecast):
    assert all((np.diff(leg.grid_minor) >= 0).all() for leg in forecast.legs.values())


def test_the_combined_range_is_no_wider_than_seasonal_naives(forecast):
    (ours, _, our_top), (naive, _, top) = (
        ends(forecast.legs[leg]) for leg in (COMBINED, "seasonal_naive")
    )
    assert (our_top - ours <= (top - naive) * (1 + 1e-9)).all()


def test_weights_sum_to_one_and_leave_last_quarter_out(forecast):
    for weights in forecast.weights.values():
        assert sum(weights.values()) == pytest.approx(1.0)
        assert "last_quarter" not in weights


def test_booked_revenue_is_in_every_leg_and_the_rest_comes_on_top(engine, forecast):
    booked = engine.sales(DAY).between(Q3.start, Q3.end)
    assert forecast.raw.to_date_minor.tolist() == booked.tolist()
    assert all((leg.mean_minor > booked).all() for leg in forecast.legs.values())


@pytest.mark.parametrize("ahead", [1, 2])
def test_a_quarter_that_has_not_begun_is_forecast_whole(engine, ahead):
    (raw,) = engine.raw(DAY, Q3.shift(ahead))
    assert raw.week < 0
    assert raw.to_date_minor[0] == raw.parts["to_date"][0] == 0.0
    assert raw.legs[SIMULATION].mean_minor[0] > 0


def test_a_quarter_too_far_ahead_is_refused(engine):
    with pytest.raises(UsageError, match="no later than 2012Q1"):
        engine.raw(DAY, Quarter(2012, 2, CALENDAR))


def test_three_months_of_history_are_refused(engine):
    with pytest.raises(NotEnoughHistoryError, match="90 days of orders"):
        engine.raw(date(2010, 3, 1), Quarter(2010, 2, CALENDAR))


def test_a_sale_on_the_first_day_alone_is_not_enough(tmp_path):
    young = OrdersEngine(history_of(tmp_path, [order("a", FIRST)]).as_of)
    with pytest.raises(NotEnoughHistoryError):
        young.raw(date(2010, 1, 1), Quarter(2010, 1, CALENDAR))


def test_an_ended_quarter_answers_with_what_is_known(engine):
    (raw,) = engine.raw(DAY, Q2)
    actual = engine.actuals(Q2, DAY)[ORDERS]
    for leg in conclude(raw, []).legs.values():
        for end in (*ends(leg), leg.mean_minor):
            assert end == pytest.approx(list(actual.values()))


def test_a_quarter_has_no_actual_until_it_has_ended(engine):
    assert engine.actuals(Q2, date(2011, 5, 31)) == {}
    assert engine.actuals(Q2, Q2.end)[ORDERS]["total"] > 0


def test_actuals_are_those_known_on_the_day(tmp_path):
    late = order("a", date(2011, 4, 1), known=date(2011, 6, 20), amount_minor=77)
    engine = OrdersEngine(history_of(tmp_path, [*wavy_orders(600), late]).as_of)
    before, after = (engine.actuals(Q2, date(2011, 6, day))[ORDERS]["total"] for day in (20, 21))
    assert after - before == 77


def test_before_a_year_is_known_the_other_legs_go_on(engine):
    (raw,) = engine.raw(date(2010, 9, 6), Quarter(2010, 4, CALENDAR))
    assert "seasonal_naive" not in raw.legs
    assert {SIMULATION, "last_quarter"} <= set(raw.legs)


@pytest.mark.parametrize("days", [200, 500, 900])
def test_a_constant_company_is_forecast_exactly_and_without_width(days):
    raw = running(steady(days))
    leg = conclude(raw, []).legs[COMBINED]
    assert leg.mean_minor[0] == pytest.approx(2000 * raw.quarter.days)
    low, _, high = ends(leg)
    assert high[0] - low[0] == pytest.approx(0.0, abs=0.5) or days == 500


def test_one_segment_carries_the_whole_total(tmp_path):
    engine = OrdersEngine(history_of(tmp_path, wavy_orders(400, segments=("only",))).as_of)
    (raw,) = engine.raw(date(2011, 1, 3), Quarter(2011, 1, CALENDAR))
    total, only = conclude(raw, []).legs[COMBINED].mean_minor
    assert total == pytest.approx(only)


def test_a_company_without_segments_has_one_unassigned_node(tmp_path):
    engine = OrdersEngine(history_of(tmp_path, wavy_orders(400, segments=(None,))).as_of)
    (raw,) = engine.raw(date(2011, 1, 3), Quarter(2011, 1, CALENDAR))
    assert raw.nodes == ("total", "segment=unassigned")


def test_weeks_of_negative_revenue_keep_every_number_finite_and_in_order():
    rng = np.random.default_rng(4)
    sales = sales_of(rng.normal(20, 400, (3, 640)), anonymous=rng.normal(0, 50, (3, 640)))
    for leg in conclude(running(sales), []).legs.values():
        assert np.isfinite(leg.mean_minor).all()
        assert np.isfinite(leg.grid_minor).all()
        assert (np.diff(leg.grid_minor) >= 0).all()


def test_nothing_falls_below_what_is_booked_where_nothing_was_ever_credited():
    raw = running(sales_of(np.random.default_rng(5).gamma(0.1, 900.0, (2, 700))))
    assert raw.floor_minor.tolist() == raw.to_date_minor.tolist()
    for leg in conclude(raw, []).legs.values():
        assert (leg.grid_minor >= raw.to_date_minor[:, None]).all()


def test_a_combination_that_lost_gives_way_to_the_plain_rule():
    raw = running(steady(900, segments=1))
    lost = [_missed(raw, raw.quarter.shift(-back), factor=1.7) for back in (1, 2, 3, 4)]
    found = conclude(raw, lost)
    assert found.served == "seasonal_naive"
    assert "did not beat seasonal_naive" in found.verdict


def _missed(raw, quarter, *, factor):
    """Judge today's legs as if said of a past quarter, the combined one far off."""
    plain = raw.legs["seasonal_naive"]
    said = said_of(
        type(raw)(**{**raw.__dict__, "quarter": quarter, "origin": quarter.start}),
        {**raw.legs, COMBINED: Leg(plain.mean_minor * factor, plain.grid_minor * factor)},
    )
    return judge(said, dict(zip(raw.nodes, plain.mean_minor.tolist(), strict=True)))
