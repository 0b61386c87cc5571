from datetime import date

import numpy as np
import pytest

from models.forecast.intervals import floors, leg_spread, plain_error, quantiles
from models.forecast.naive import Span
from models.forecast.track import Scored
from tests.models.forecast.company import sales_of, steady


def test_a_company_that_never_varied_has_no_spread():
    sales = steady(800)
    assert plain_error(sales, Span(800, 891)).tolist() == [0.0, 0.0, 0.0]


def test_with_nothing_to_learn_from_the_declared_prior_stands():
    sales = steady(380)
    assert plain_error(sales, Span(380, 471)) == pytest.approx([0.15] * 3)


def test_a_company_that_varies_more_has_a_wider_spread():
    rng = np.random.default_rng(2)
    calm, wild = (sales_of(rng.gamma(1 / size**2, size**2, 900)) for size in (0.3, 3.0))
    span = Span(900, 991)
    assert plain_error(wild, span)[0] > 2 * plain_error(calm, span)[0]


def test_few_past_quarters_move_the_spread_little_and_in_their_direction():
    rows = [Scored("2010Q1", date(2010, 1, 1), 0, "total", "combined", 50.0, 100.0, 100.0)]
    spread = leg_spread("combined", np.array([0.1, 0.2]), rows, week=0)
    assert spread[0] == pytest.approx(np.sqrt((0.25 + 8 * 0.01) / 9))
    assert spread[1] == pytest.approx(0.2)


def test_quantiles_increase_even_when_the_floor_is_above_the_mean():
    p10, p50, p90 = quantiles(np.array([10.0]), np.array([5.0]), np.array([30.0]))
    assert p10 == p50 == p90 == 30.0


def test_booked_revenue_is_a_floor_only_where_nothing_was_ever_credited():
    daily = np.full((2, 100), 10.0)
    daily[1, 5] = -1.0
    assert floors(sales_of(daily), np.array([9.0, 5.0, 4.0])).tolist() == [9.0, 5.0, -np.inf]
