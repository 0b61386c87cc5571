from datetime import date, timedelta

import numpy as np
import pytest

from lifecycle.errors import UsageError
from lifecycle.periods import Quarter
from models.forecast.raw import ENDING_ARR, RENEWALS, REVENUE, SIMULATION
from tests.builders import fact, noon
from tests.features.contracts import change, sub
from tests.models.forecast.recurring.company import QUARTER, company, engine_of, later, lines, step

MIDDLE = QUARTER.start + timedelta(days=42)


def raw_of(engine, origin=MIDDLE, quarter=QUARTER):
    return {one.target: one for one in engine.raw(origin, quarter)}


def test_every_target_has_its_simulation_and_rivals():
    legs = {target: set(one.legs) for target, one in raw_of(company()).items()}
    plain = {SIMULATION, "commit", "last_quarter", "seasonal_naive", "conversion", "pacing"}
    assert all(plain <= found for found in legs.values())


def test_what_a_quarter_brought_lies_near_what_was_forecast_late():
    last = QUARTER.end - timedelta(days=1)
    actual = company().actuals(QUARTER, date(2023, 1, 1))
    for target, one in raw_of(company(), last).items():
        said = one.legs[SIMULATION].mean_minor[0]
        assert said == pytest.approx(actual[target]["total"], rel=0.02)


def test_nothing_is_actual_before_the_quarter_ends():
    assert company().actuals(QUARTER, QUARTER.end - timedelta(days=1)) == {}


def test_the_parts_add_up_to_the_mean():
    for one in raw_of(company()).values():
        total = sum(one.parts.values())
        assert np.allclose(total, one.legs[SIMULATION].mean_minor)


def test_actuals_of_each_dimension_add_up():
    for nodes in company().actuals(QUARTER, date(2023, 1, 1)).values():
        owners = [value for name, value in nodes.items() if name.startswith("owner=")]
        assert sum(owners) == pytest.approx(nodes["total"])


def test_renewals_are_the_value_before_the_new_price(tmp_path):
    start = date(2021, 5, 1)
    told = [step("new", start, before=0), step("renewal", later(start)),
            step("price_change", later(start), after=20_000)]  # fmt: skip
    engine = engine_of(tmp_path, subscriptions=[sub(start=start)], subscription_changes=told)
    actual = engine.actuals(QUARTER, date(2023, 1, 1))
    assert actual[RENEWALS]["total"] == 120_000
    assert actual[ENDING_ARR]["total"] == 240_000


def test_a_renewal_that_is_also_an_open_deal_counts_once(tmp_path):
    deal = fact(MIDDLE, opportunity_id="d1", account_id="a001", kind="renewal", outcome="open",
                created_at=noon(MIDDLE), amount_minor=10**8, currency="GBP")  # fmt: skip
    told = engine_of(tmp_path, **lines(), opportunities=[deal])
    plain, twice = raw_of(company()), raw_of(told)
    for target in plain:
        assert plain[target].legs[SIMULATION].mean_minor[0] == pytest.approx(
            twice[target].legs[SIMULATION].mean_minor[0]
        )


def test_a_company_without_contracts_says_nothing(tmp_path):
    engine = engine_of(tmp_path, accounts=lines(2)["accounts"])
    assert (engine.raw(MIDDLE, QUARTER), engine.actuals(QUARTER, date(2023, 1, 1))) == ([], {})


def test_less_than_a_quarter_of_history_is_enough_to_speak(tmp_path):
    engine = engine_of(tmp_path, subscriptions=[sub(start=date(2022, 4, 10))])
    one = raw_of(engine)[ENDING_ARR]
    assert 0 < one.legs[SIMULATION].mean_minor[0] <= 120_000 * 1.01
    assert "conversion" not in one.legs


def test_one_contract_larger_than_the_rest_is_named(tmp_path):
    told = [sub(), sub("s2", "a2", mrr_minor=90_000)]
    notes = raw_of(engine_of(tmp_path, subscriptions=told))[REVENUE].notes
    assert (notes["largest_account"], notes["largest_account_share"]) == ("a2", 0.9)


def test_a_currency_mix_forecasts_the_most_used_and_counts_the_rest(tmp_path):
    told = [sub(), sub("s2", "a2"), sub("s3", "a3", currency="EUR")]
    one = raw_of(engine_of(tmp_path, subscriptions=told))[ENDING_ARR]
    assert one.to_date_minor[0] == 240_000
    assert one.notes["foreign_lines_count"] == 1


def test_a_quarter_that_is_over_is_what_it_brought():
    engine = company()
    actual = engine.actuals(QUARTER, QUARTER.end)
    for target, one in raw_of(engine, QUARTER.end).items():
        leg = one.legs[SIMULATION]
        assert dict(zip(one.nodes, leg.mean_minor.tolist(), strict=True)) == actual[target]
        assert np.ptp(leg.grid_minor, axis=1).max() == 0.0


def test_a_quarter_five_quarters_ahead_is_refused():
    with pytest.raises(UsageError, match="no later than 2023Q2"):
        company().raw(MIDDLE, Quarter(2023, 3))


def test_a_quarter_four_quarters_ahead_is_forecast_wider():
    near, far = (raw_of(company(), MIDDLE, one)[ENDING_ARR] for one in (QUARTER, QUARTER.shift(4)))
    width = [float(np.ptp(one.legs[SIMULATION].grid_minor[0])) for one in (near, far)]
    assert width[1] > width[0]


def test_a_known_notice_lowers_what_is_contracted(tmp_path):
    line = sub(term_ends_on=date(2022, 6, 1), term_months=12, notice_days=30)
    told = fact(date(2022, 5, 1), change_id="n", subscription_id="s1", account_id="a1",
                kind="notice", changed_at=noon(date(2022, 5, 1)), effective_on=date(2022, 6, 1),
                mrr_before_minor=10_000, mrr_after_minor=10_000, currency="GBP")  # fmt: skip
    engine = engine_of(tmp_path, subscriptions=[line], subscription_changes=[told])
    assert raw_of(engine)[ENDING_ARR].legs["commit"].mean_minor[0] == 0.0


def test_an_end_that_is_booked_ahead_renews_nothing(tmp_path):
    line = sub(term_ends_on=date(2022, 6, 1), term_months=12)
    told = change("nonrenewal", date(2022, 5, 1), on=date(2022, 6, 1))
    engine = engine_of(tmp_path, subscriptions=[line], subscription_changes=[told])
    found = raw_of(engine)
    assert found[RENEWALS].legs[SIMULATION].mean_minor[0] == 0.0
    assert found[ENDING_ARR].legs[SIMULATION].mean_minor[0] == 0.0
