from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from lifecycle.engine import open_engine
from lifecycle.history import History
from lifecycle.metrics.acquisition import measure_channels, measure_cohorts
from lifecycle.metrics.movements import build_movements
from tests.builders import build_lake, fact, noon

JANUARY, APRIL = date(2021, 1, 4), date(2021, 4, 6)


def cost(name, day, amount_minor, channel=None):
    row = {"incurred_at": noon(day), "kind": "marketing", "amount_minor": amount_minor}
    return fact(day, cost_id=name, currency="USD", channel=channel, **row)


def lead(account, day, channel):
    return fact(
        day, lead_id=f"l-{account}", account_id=account, created_at=noon(day), channel=channel
    )


def line(account, day):
    row = {"started_on": day, "mrr_minor": 100, "currency": "USD"}
    return fact(day, subscription_id=f"s-{account}", account_id=account, **row)


def company(tmp_path):
    lake = build_lake(
        tmp_path,
        subscriptions=[line("a1", JANUARY), line("a2", JANUARY), line("a3", APRIL)],
        leads=[lead("a1", JANUARY, "web"), lead("a2", JANUARY, "web"), lead("a3", APRIL, "fair")],
        costs=[cost("c1", JANUARY, 600, "web"), cost("c2", APRIL, 900, "fair"),
               cost("c3", JANUARY, 300)],
    )  # fmt: skip
    return History(lake, open_engine(), zone=ZoneInfo("UTC")).as_of(date(2021, 7, 1))


def test_a_cohort_pays_for_its_own_quarter(tmp_path):
    known = company(tmp_path)
    clv = {"a1": 900.0, "a2": 1800.0, "a3": 450.0}
    found = {one.group: one for one in measure_cohorts(known, build_movements(known), clv)}
    assert found["2021Q1"].cac_minor == 450
    assert found["2021Q1"].clv_to_cac == 3.0
    assert found["2021Q2"].clv_to_cac == 0.5


def test_cost_without_a_channel_is_shared_by_customers_won(tmp_path):
    known = company(tmp_path)
    found = {one.group: one for one in measure_channels(known, build_movements(known), {})}
    assert found["web"].cost_minor == 600 + 200
    assert found["fair"].cost_minor == 900 + 100
    assert found["web"].clv_to_cac is None
