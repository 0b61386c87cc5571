import numpy as np
import pytest

from models.forecast.combine import COMBINED
from models.forecast.conclude import ADJUSTMENT, conclude, said_of
from models.forecast.gap.attainment import chance_to_reach
from models.forecast.grid import interval
from models.forecast.judged import judge
from models.forecast.raw import ENDING_ARR, ORDERS
from tests.models.forecast.raws import NODES, QUARTER, SHARES, actual, leg, raw

UNEVEN = np.array([1.0, 0.9, 0.3, 0.2, 0.5])


def past(quarters, *, week=0, happened=100.0, **totals):
    """Judge the same legs at one week of so many past quarters, the combined one by name."""
    rows = []
    for back in range(1, quarters + 1):
        said = said_of(
            raw({name: leg(one) for name, one in totals.items()},
                quarter=QUARTER.shift(-back), week=week)
        )  # fmt: skip
        rows.append(judge(said, actual(happened)))
    return rows


def width(concluded, name=COMBINED):
    low, high = interval(concluded.legs[name].grid_minor[0], 0.8)
    return float(high - low)


def test_nodes_of_every_dimension_add_up_to_the_total():
    legs = {"simulation": leg(100.0, shares=UNEVEN), "conversion": leg(140.0)}
    mean = conclude(raw(legs), []).legs[COMBINED].mean_minor
    assert mean[1] + mean[2] == pytest.approx(mean[0], abs=1e-6)
    assert mean[3] + mean[4] == pytest.approx(mean[0], abs=1e-6)


def test_without_a_past_the_kinds_of_information_weigh_the_same():
    found = conclude(raw({"simulation": leg(100.0), "conversion": leg(140.0)}), [])
    assert found.legs[COMBINED].mean_minor[0] == pytest.approx(120.0)
    assert found.weights["total"] == {"simulation": 0.5, "conversion": 0.5}


def test_of_contracts_the_simulation_counts_twice_at_first():
    legs = {"simulation": leg(100.0), "conversion": leg(140.0)}
    found = conclude(raw(legs, target=ENDING_ARR), []).weights["total"]
    assert found == pytest.approx({"simulation": 2 / 3, "conversion": 1 / 3})


def test_a_leg_that_was_nearer_near_this_week_weighs_more():
    legs = {"simulation": leg(100.0), "conversion": leg(140.0)}
    found = conclude(raw(legs), past(4, simulation=101.0, conversion=130.0))
    assert found.weights["total"]["simulation"] > 0.55


def test_widths_follow_how_far_outcomes_lay_off_before():
    now = raw({"simulation": leg(100.0)})
    narrow = conclude(now, past(8, simulation=100.0, combined=100.0))
    wide = conclude(now, past(8, simulation=130.0, combined=130.0))
    plain = conclude(now, [])
    assert width(narrow) < width(plain) < width(wide)
    # eight quarters, three deviations off: sqrt((8 x 9 + 8) / 16); Student's t of 16 and of 8
    assert width(wide) / width(plain) == pytest.approx(np.sqrt(5.0) * 1.337 / 1.397, rel=0.01)


@pytest.mark.parametrize(("quarters", "deviations"), [(0, 1.397), (8, 1.337), (32, 1.303)])
def test_few_quarters_leave_the_width_itself_in_doubt(quarters, deviations):
    # 80 % of Student's t with 8, 16 and 40 degrees of freedom
    rows = past(quarters, simulation=110.0, combined=110.0)  # one deviation off each time
    found = conclude(raw({"simulation": leg(100.0)}), rows)
    assert width(found) == pytest.approx(2 * deviations * 10.0, rel=0.01)


def test_the_combination_is_not_served_while_a_plain_rule_was_nearer():
    legs = {"simulation": leg(100.0), "commit": leg(90.0)}
    found = conclude(raw(legs), past(4, simulation=130.0, combined=130.0, commit=105.0))
    assert found.served == "commit"
    assert found.verdict.startswith("use the simple one: commit is served")


def test_three_quarters_are_too_little_to_judge_by():
    legs = {"simulation": leg(100.0), "commit": leg(90.0)}
    found = conclude(raw(legs), past(3, simulation=130.0, combined=130.0, commit=105.0))
    assert found.served == COMBINED
    assert "not yet judged against commit" in found.verdict


def test_nothing_falls_below_what_is_in_already():
    floor = 95.0 * SHARES
    found = conclude(raw({"simulation": leg(100.0)}, floor_minor=floor), [])
    assert (found.legs[COMBINED].grid_minor >= floor[:, None]).all()


def test_the_chance_that_nothing_more_comes_survives_combination_and_widths():
    simulated, zero = leg(100.0), np.zeros(len(NODES))
    simulated.grid_minor[:, :4] = 0.0  # to P15 nothing is won
    legs = {"simulation": simulated, "conversion": leg(140.0, shares=UNEVEN)}
    for rows in ([], past(8, simulation=100.0, conversion=100.0, combined=100.0)):
        grid = conclude(raw(legs, floor_minor=zero), rows).legs[COMBINED].grid_minor
        assert (grid[:, :4] == 0.0).all()
        assert (grid[:, 4:] > 10.0).all()
        assert chance_to_reach(grid[0], 1.0) < 0.9


@pytest.mark.parametrize("plain", ["conversion", "commit"])
def test_no_mean_falls_below_what_is_in_already(plain):
    legs = {"simulation": leg(100.0), plain: leg(10.0)}
    rows = past(8, simulation=300.0, combined=300.0, **{plain: 100.0})
    floor = 95.0 * SHARES
    found = conclude(raw(legs, floor_minor=floor), rows)
    assert (found.legs[found.served].mean_minor >= floor - 1e-9).all()
    assert found.served == plain


def test_a_leg_that_is_silent_at_a_node_leaves_its_weight_to_the_others():
    silent = leg(140.0)
    silent.mean_minor[3:], silent.grid_minor[3:] = np.nan, np.nan
    found = conclude(raw({"simulation": leg(100.0), "conversion": silent}), [])
    assert np.isfinite(found.legs[COMBINED].grid_minor).all()
    assert found.legs[COMBINED].mean_minor[3:].sum() == pytest.approx(120.0)


def test_parts_add_up_to_the_served_mean_at_every_node():
    found = conclude(raw({"simulation": leg(100.0), "conversion": leg(140.0)}), [])
    served = found.legs[found.served].mean_minor
    assert sum(found.parts.values()) == pytest.approx(served)
    assert found.parts[ADJUSTMENT][0] == pytest.approx(20.0)


def test_what_is_remembered_is_the_width_before_it_was_stretched():
    found = conclude(raw({"simulation": leg(100.0)}), past(8, simulation=130.0, combined=130.0))
    low, high = interval(found.said().legs[COMBINED].grid_minor[0], 0.8)
    assert high - low == pytest.approx(2 * 1.28155 * 10.0, rel=1e-3)


def test_the_effective_n_counts_quarters():
    rows = [*past(2, simulation=1.0), *past(2, simulation=1.0, week=5)]
    assert conclude(raw({"simulation": leg(100.0)}), rows).judged_quarters == 2


def test_the_nodes_are_those_of_the_raw_forecast():
    assert conclude(raw({"simulation": leg(1.0)}), []).raw.nodes == NODES


def test_a_served_rule_adds_up_too():
    legs = {"simulation": leg(100.0), "conversion": leg(90.0, shares=UNEVEN)}
    found = conclude(raw(legs), past(4, simulation=130.0, combined=130.0, conversion=105.0))
    mean = found.legs[found.served].mean_minor
    assert found.served == "conversion"
    assert mean[0] == 90.0
    assert (mean[1] + mean[2], mean[3] + mean[4]) == pytest.approx((90.0, 90.0), abs=1e-6)


def test_a_rule_that_is_silent_at_a_node_is_not_served():
    silent = leg(90.0)
    silent.mean_minor[4], silent.grid_minor[4] = np.nan, np.nan
    rows = past(4, simulation=130.0, combined=130.0, commit=105.0)
    assert conclude(raw({"simulation": leg(100.0), "commit": silent}), rows).served == COMBINED


def test_widths_of_orders_hold_that_doubt_already():
    found = conclude(raw({"simulation": leg(100.0)}, target=ORDERS), [])
    assert width(found) == pytest.approx(2 * 1.28155 * 10.0, rel=1e-3)


def test_orders_are_never_less_sure_than_the_year_ago_rule():
    legs = {"simulation": leg(100.0, spread=40.0), "seasonal_naive": leg(100.0, spread=5.0)}
    found = conclude(raw(legs, target=ORDERS), [])
    assert width(found) == pytest.approx(width(found, "seasonal_naive"))
    assert width(found, "simulation") > 3 * width(found)
