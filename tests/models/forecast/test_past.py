"""A kept book read back is what was said, as far as three quantiles can tell."""

from dataclasses import replace

import numpy as np
import pytest

from models.forecast.combine import COMBINED
from models.forecast.conclude import conclude, said_of
from models.forecast.grid import interval
from models.forecast.judged import judge
from models.forecast.past import read_said
from models.forecast.telling import SCALES, tell_forecast, tell_rows
from tests.models.forecast.raws import QUARTER, SHARES, actual, leg, raw

ENDS = (2, 10, 18)  # P10, P50 and P90 of a grid
NOW = raw({"simulation": leg(100.0), "conversion": leg(140.0)}, week=3, to_date_minor=20 * SHARES)


def wild(quarters):
    """Quarters whose outcome lay three deviations off."""
    told = {"simulation": leg(130.0), "conversion": leg(130.0)}
    said = [
        said_of(raw(told, quarter=QUARTER.shift(-b), week=3), {**told, COMBINED: leg(130.0)})
        for b in range(1, quarters + 1)
    ]
    return [judge(one, actual(100.0)) for one in said]


def kept(concluded):
    rows = [
        (one["node"], one["leg"], one["mean_minor"], *(one["grid_minor"][at] for at in ENDS),
         one["to_date_minor"])
        for one in tell_rows(concluded)
    ]  # fmt: skip
    scales = tell_forecast(concluded)["notes"][SCALES]
    return read_said(concluded.raw.quarter, concluded.raw.origin, rows, scales=scales)


@pytest.mark.parametrize("quarters", [0, 8])
def test_a_kept_book_gives_back_what_was_said(quarters):
    concluded = conclude(NOW, wild(quarters))
    told, found = concluded.said(), kept(concluded)
    assert found.nodes == told.nodes
    for name, leg_ in told.legs.items():
        assert found.legs[name].mean_minor == pytest.approx(leg_.mean_minor)
        assert found.legs[name].grid_minor == pytest.approx(leg_.grid_minor, rel=1e-6)


def test_widths_are_those_before_they_were_stretched():
    concluded = conclude(NOW, wild(8))
    low, high = interval(kept(concluded).legs["simulation"].grid_minor[0], 0.8)
    told = interval(concluded.legs["simulation"].grid_minor[0], 0.8)
    assert high - low == pytest.approx(2 * 1.28155 * 10.0, rel=1e-3)
    assert told[1] - told[0] > 1.5 * (high - low)


def test_what_is_judged_is_the_same_whether_it_was_kept_or_not():
    concluded = conclude(NOW, wild(3))
    one, other = (judge(said, actual(110.0)) for said in (concluded.said(), kept(concluded)))
    assert one.missed.keys() == other.missed.keys()
    for key, missed in one.missed.items():
        assert vars(other.missed[key]) == pytest.approx(vars(missed), rel=1e-6, abs=1e-9)


def test_when_and_how_much_was_still_to_come_come_back():
    told, found = conclude(NOW, []).said(), kept(conclude(NOW, []))
    assert replace(found, legs={}, to_date_minor=None) == replace(told, legs={}, to_date_minor=None)
    assert found.to_date_minor.tolist() == told.to_date_minor.tolist()


def test_a_leg_without_a_row_at_a_node_says_nothing_of_it():
    silent = leg(140.0)
    silent.mean_minor[3:], silent.grid_minor[3:] = np.nan, np.nan
    found = kept(conclude(raw({"simulation": leg(100.0), "auto_ets": silent}), []))
    assert np.isnan(found.legs["auto_ets"].mean_minor[3:]).all()
    assert np.isfinite(found.legs[COMBINED].mean_minor).all()


def test_rows_may_come_in_any_order_and_of_any_number():
    row = ("segment=a", "commit", 1.0, 0.0, 1.0, 2.0, None)
    found = read_said(QUARTER, QUARTER.start, [row], scales={})
    assert found.nodes == ("total", "segment=a")
    assert np.isnan(found.legs["commit"].mean_minor[0])
