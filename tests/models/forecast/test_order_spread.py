import numpy as np
import pytest

from models.forecast.naive import Span
from models.forecast.order_spread import floors, plain_error
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


def test_booked_revenue_is_a_floor_only_where_nothing_was_ever_credited():
    daily = np.full((2, 100), 10.0)
    daily[1, 5] = -1.0
    assert floors(sales_of(daily), np.array([9.0, 5.0, 4.0])).tolist() == [9.0, 5.0, -np.inf]
