from datetime import UTC, date, datetime

import numpy as np
import pytest

from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import Quarter
from models.forecast.sales import read_sales
from tests.builders import order
from tests.models.forecast.company import history_of


def test_a_quarter_ends_at_midnight_in_the_companys_zone_in_summer(tmp_path):
    # 30 June 23:30 UTC is already 1 July in London, 22:30 UTC is still June.
    rows = [
        order("a", datetime(2011, 6, 30, 22, 30, tzinfo=UTC), amount_minor=100),
        order("a", datetime(2011, 6, 30, 23, 30, tzinfo=UTC), amount_minor=7),
    ]
    sales = read_sales(history_of(tmp_path, rows).as_of(date(2011, 8, 1)))
    assert sales.actual(Quarter(2011, 2))[0] == 100
    assert sales.actual(Quarter(2011, 3))[0] == 7


def test_a_winter_midnight_is_utc_midnight_after_the_clocks_changed(tmp_path):
    rows = [
        order("a", datetime(2011, 9, 30, 23, 30, tzinfo=UTC), amount_minor=100),
        order("a", datetime(2011, 12, 31, 23, 30, tzinfo=UTC), amount_minor=7),
    ]
    sales = read_sales(history_of(tmp_path, rows).as_of(date(2012, 2, 1)))
    assert sales.actual(Quarter(2011, 4))[0] == 107


def test_revenue_is_net_of_credits_and_includes_anonymous_sales(tmp_path):
    day = date(2011, 1, 5)
    rows = [order("a", day, amount_minor=100), order("a", day, amount_minor=-30), order(None, day)]
    sales = read_sales(history_of(tmp_path, rows).as_of(date(2011, 2, 1)))
    assert sales.net_minor[0].sum() == 1070
    assert sales.anonymous_minor[0].sum() == 1000
    assert sales.purchases_count[0].sum() == 1


def test_a_sale_without_a_segment_is_unassigned_and_nodes_are_in_order(tmp_path):
    day = date(2011, 1, 5)
    rows = [order("a", day, segment="z"), order("a", day), order("b", day, segment="k")]
    sales = read_sales(history_of(tmp_path, rows).as_of(date(2011, 2, 1)))
    assert sales.nodes == ("total", "segment=k", "segment=unassigned", "segment=z")
    assert sales.accounts_minor[:, 0].tolist() == [3000, 1000, 1000, 1000]


def test_an_order_placed_for_a_later_day_is_not_revenue_yet(tmp_path):
    rows = [
        order("a", date(2011, 1, 5)),
        order("a", date(2011, 3, 5), known=date(2011, 1, 6)),
    ]
    sales = read_sales(history_of(tmp_path, rows).as_of(date(2011, 2, 1)))
    assert sales.net_minor[0].sum() == 1000


def test_in_the_middle_of_a_day_that_day_is_still_to_come(tmp_path):
    rows = [order("a", date(2011, 1, 5)), order("a", datetime(2011, 1, 7, 8, tzinfo=UTC))]
    sales = read_sales(history_of(tmp_path, rows).as_of(datetime(2011, 1, 7, 15, tzinfo=UTC)))
    assert sales.net_minor[0].tolist() == [1000, 0]


def test_days_without_orders_are_zero_up_to_the_day_before_as_of(tmp_path):
    rows = [order("a", date(2011, 1, 5)), order("a", date(2011, 1, 8))]
    sales = read_sales(history_of(tmp_path, rows).as_of(date(2011, 1, 12)))
    assert sales.first == date(2011, 1, 5)
    assert np.array_equal(sales.net_minor[0], [1000, 0, 0, 1000, 0, 0, 0])


def test_nothing_known_yet_is_refused(tmp_path):
    history = history_of(tmp_path, [order("a", date(2011, 1, 5))])
    with pytest.raises(NotEnoughHistoryError, match="no order known"):
        read_sales(history.as_of(date(2011, 1, 5)))
