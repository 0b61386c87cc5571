import numpy as np
import pytest

from models.forecast.naive import Span
from models.forecast.order_series import block_totals, time_series_legs
from tests.models.forecast.company import sales_of, steady


def span_after(sales, days=91):
    return Span(sales.days, sales.days + days)


def test_blocks_are_counted_back_so_none_is_half_full():
    sales = sales_of(np.arange(60, dtype=float))
    assert block_totals(sales)[0].tolist() == [sum(range(4, 32)), sum(range(32, 60))]


@pytest.mark.parametrize("days", [230, 600, 1500])
def test_a_constant_company_is_forecast_exactly_by_every_leg(days):
    sales = steady(days)
    legs = time_series_legs(sales, span_after(sales))
    assert len(legs) == 3
    for rest in legs.values():
        assert rest == pytest.approx([182000.0, 91000.0, 91000.0])


def test_a_season_repeats_with_its_growth():
    season = 1000 * (1.5 + np.sin(2 * np.pi * np.arange(364) / 364))
    daily = np.concatenate([season, season * 1.2])
    sales = sales_of(daily)
    for rest in time_series_legs(sales, span_after(sales)).values():
        assert rest[0] == pytest.approx(1.2 * daily[364 : 364 + 91].sum(), rel=1e-3)


def test_legs_without_enough_blocks_are_absent():
    assert time_series_legs(steady(380), span_after(steady(380))) == {}
    sales = steady(364 + 6 * 28)
    assert set(time_series_legs(sales, span_after(sales))) == {"auto_theta"}


def test_months_of_negative_revenue_give_finite_forecasts():
    rng = np.random.default_rng(3)
    sales = sales_of(rng.normal(0, 1000, size=(2, 700)))
    for rest in time_series_legs(sales, span_after(sales)).values():
        assert np.isfinite(rest).all()


def test_missing_weeks_give_finite_forecasts():
    daily = np.full(700, 1000.0)
    daily[100:130] = 0
    daily[450:500] = 0
    for rest in time_series_legs(sales_of(daily), span_after(sales_of(daily))).values():
        assert np.isfinite(rest).all()


def test_one_huge_order_does_not_grow_exponentially():
    daily = np.full(364 + 9 * 28, 1000.0)
    daily[-10] = 1e6
    for rest in time_series_legs(sales_of(daily), span_after(sales_of(daily))).values():
        assert rest[0] < 91 * 1000 + 4 * 1e6


def test_small_segments_beyond_the_limit_take_the_totals_growth(monkeypatch):
    monkeypatch.setattr("models.forecast.order_series.MOST_MODELLED", 1)
    year = np.outer([1000.0, 500.0, 10.0], np.ones(364))
    sales = sales_of(np.hstack([year, year * [[1.1], [1.1], [3.0]]]))
    for rest in time_series_legs(sales, span_after(sales)).values():
        growth = rest[0] / (91 * sales.net_minor[0, -1])
        assert rest[2:] / (91 * sales.net_minor[2:, -1]) == pytest.approx([growth, growth])


def test_as_many_segments_as_rows_do_not_slow_the_legs_without_end():
    sales = sales_of(np.random.default_rng(1).gamma(2, 500, (60, 240)))
    legs = time_series_legs(sales, span_after(sales))
    assert all(len(rest) == 61 and np.isfinite(rest).all() for rest in legs.values())
