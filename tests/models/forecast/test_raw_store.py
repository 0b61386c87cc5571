"""What is kept of raw forecasts comes back bit for bit, or is refused."""

from datetime import date

import numpy as np
import pytest

from lifecycle.errors import DataError
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar, Quarter
from models.forecast.raw_store import from_bytes, to_bytes
from tests.models.forecast.raws import SHARES, leg, raw

FULL = raw(
    {"simulation": leg(1e9 / 3), "conversion": leg(0.1)},
    week=5,
    floor_minor=np.where(SHARES > 0.5, -np.inf, 1 / 3),
    notes={"shocks": [0.1, None], "largest": {"deal": "d1"}},
    model_version="deal_win@7",
)


def back(*forecasts, calendar=CALENDAR_YEAR):
    return from_bytes(to_bytes(forecasts), calendar)


def bits(one):
    """Every number of a forecast as bytes, and everything else as text."""
    arrays = {
        **{name: (leg.mean_minor, leg.grid_minor) for name, leg in one.legs.items()},
        **{f"part {name}": (part,) for name, part in one.parts.items()},
        "plain": (one.to_date_minor, one.floor_minor),
    }
    told = (one.target, one.quarter, one.origin, one.nodes, one.model_version, one.notes)
    return {name: [a.tobytes() for a in some] for name, some in arrays.items()}, told


def test_every_bit_comes_back():
    assert bits(back(FULL)[0]) == bits(FULL)


def test_several_forecasts_come_back_in_order_and_apart():
    other = raw({"commit": leg(7.0)}, week=6)
    assert [bits(one) for one in back(FULL, other)] == [bits(FULL), bits(other)]


def test_a_leg_that_is_silent_at_a_node_stays_silent():
    silent = leg(140.0)
    silent.mean_minor[3:], silent.grid_minor[3:] = np.nan, np.nan
    assert np.isnan(back(raw({"auto_ets": silent}))[0].legs["auto_ets"].grid_minor[3:]).all()


def test_a_leg_with_a_colon_in_its_name_keeps_it():
    assert set(back(raw({"rule:new": leg(1.0)}))[0].legs) == {"rule:new"}


def test_nothing_said_comes_back_as_nothing():
    assert back() == []
    assert back(raw({}, parts={}))[0].legs == {}


def test_quarters_are_those_of_the_companys_calendar():
    quarter = Quarter(2012, 1, FiscalCalendar(12))
    (found,) = back(raw({"commit": leg(1.0)}, quarter=quarter), calendar=quarter.calendar)
    assert (found.quarter, found.origin) == (quarter, date(2011, 12, 1))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.2, 0.5, 0.9, 0.999])
def test_bytes_that_were_cut_off_are_told(share):
    whole = to_bytes([FULL])
    with pytest.raises(DataError, match="cannot be read"):
        from_bytes(whole[: int(share * len(whole))], CALENDAR_YEAR)


@pytest.mark.parametrize("share", np.linspace(0, 0.9999, 12))
def test_a_single_damaged_byte_is_told(share):
    damaged = bytearray(to_bytes([FULL]))
    damaged[int(share * len(damaged))] ^= 0x10
    with pytest.raises(DataError, match="delete the file"):
        from_bytes(bytes(damaged), CALENDAR_YEAR)
