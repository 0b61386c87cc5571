import numpy as np
import pytest

from models.forecast.bottom_up import bottom_up, new_share
from models.forecast.naive import Span
from models.forecast.sales import Cohorts
from tests.models.forecast.company import sales_of, steady


def span_after(sales, days=91, gap=0):
    return Span(sales.days + gap, sales.days + gap + days)


@pytest.mark.parametrize("days", [200, 400, 900])
def test_a_constant_company_is_forecast_exactly(days):
    sales = steady(days)
    rest = bottom_up(sales, span_after(sales)).total
    assert rest == pytest.approx([182000.0, 91000.0, 91000.0])


def test_a_constant_company_with_anonymous_sales_is_forecast_exactly():
    sales = sales_of(np.full(500, 10.0), anonymous=np.full(500, 5.0))
    buyers = bottom_up(sales, span_after(sales))
    assert buyers.anonymous[0] == pytest.approx(5 * 91)
    assert buyers.total[0] == pytest.approx(15 * 91)


def test_the_total_is_the_sum_of_segments_in_every_part():
    rng = np.random.default_rng(5)
    sales = sales_of(rng.gamma(1, 100, (4, 600)), anonymous=rng.normal(0, 9, (4, 600)))
    buyers = bottom_up(sales, span_after(sales))
    for part in (buyers.known, buyers.new, buyers.anonymous):
        assert part[0] == pytest.approx(part[1:].sum())


def test_credits_lower_what_a_purchase_is_worth():
    daily = np.full(500, 100.0)
    daily[::10] = -100.0
    sales = sales_of(daily)
    assert bottom_up(sales, span_after(sales)).total[0] < 91 * 100 * 0.9


def test_half_of_being_busier_is_gone_after_a_quarter():
    daily = np.full(364 * 2, 100.0)
    daily[1:364:2] = 0.0  # the second year sells twice as often as the first
    sales = sales_of(daily)
    near, after_one, after_two = (
        bottom_up(sales, span_after(sales, 1, gap=gap)).total[0] / 100 for gap in (0, 91, 182)
    )
    assert near > 1.5
    assert np.log(after_one) == pytest.approx(np.log(near) / 2)
    assert np.log(after_two) == pytest.approx(np.log(near) / 4)


def test_accounts_first_seen_inside_the_span_are_new():
    sales = steady(500, segments=1)
    day = np.arange(500)
    born = np.where(day % 5 == 0, day, 0)  # one order in five comes from someone new that day
    sales = type(sales)(**{**vars(sales), "cohorts": Cohorts(day, born, np.full(500, 1000.0))})
    assert new_share(sales, span_after(sales)) == pytest.approx(0.2, abs=0.01)


def test_a_company_without_revenue_has_no_new_share():
    sales = sales_of(np.zeros(400))
    assert new_share(sales, span_after(sales)) == 0.0
    assert bottom_up(sales, span_after(sales)).total.tolist() == [0.0, 0.0]
