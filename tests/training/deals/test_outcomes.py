"""What became of open deals: windows, reopened deals, late news, what was tidied away."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from training.deals.hygiene import EPOCH, find_hygiene
from training.deals.outcomes import Known, Looked, look_after
from training.deals.turns import LOST, OPEN, WON, build_turns

QUARTER = date(2021, 1, 1)


def number(day: date) -> float:
    return float((day - EPOCH).days)


def known(on: date, *turns: tuple[int, date, int], amount: float = 100.0) -> Known:
    """Turns of deals 0 and 1 as (deal, day, state), each known when it happened."""
    at = np.array([number(day) + 0.5 for _, day, _ in turns])
    codes = [np.array([one[place] for one in turns], dtype=np.int64) for place in (0, 2)]
    made = build_turns(codes[0], at, codes[1], known=at, by=np.zeros(len(at), np.int64))
    return Known(on, made, find_hygiene(made, at), np.full(2, amount))


def after(told: Known, day: date = QUARTER, close: date | None = None) -> dict[str, float]:
    shown = np.nan if close is None else number(close)
    row = Looked(np.array([0]), np.array([number(day)]), np.array([shown]))
    found: pa.Table = look_after(told, row)
    return {name: found.column(name)[0].as_py() for name in found.column_names}


def test_a_deal_won_in_the_quarter_of_its_landmark_is_won_in_it() -> None:
    found = after(known(date(2022, 1, 1), (0, date(2021, 3, 31), WON)))
    assert (found["won_in_quarter"], found["won"], found["closed_days"]) == (1.0, 1.0, 89.0)


def test_a_deal_won_on_the_first_day_of_the_next_quarter_is_not() -> None:
    found = after(known(date(2022, 1, 1), (0, date(2021, 4, 1), WON)))
    assert (found["won_in_quarter"], found["won"], found["closed_days"]) == (0.0, 1.0, 90.0)


def test_a_quarter_that_has_not_ended_says_nothing_yet() -> None:
    found = after(known(date(2021, 2, 1), (0, date(2021, 1, 20), WON)))
    assert np.isnan(found["won_in_quarter"])
    assert found["won"] == 1.0


def test_an_open_deal_is_watched_to_the_day_it_is_known() -> None:
    found = after(known(date(2021, 2, 1)))
    assert np.isnan(found["won"])
    assert np.isnan(found["closed_days"])
    assert found["observed_days"] == 31.0


def test_a_deal_won_and_taken_up_again_in_the_quarter_is_not_won() -> None:
    turns = [(0, date(2021, 1, 10), WON), (0, date(2021, 2, 10), OPEN)]
    found = after(known(date(2022, 1, 1), *turns))
    assert found["won_in_quarter"] == 0.0
    assert np.isnan(found["won"])


def test_a_lost_deal_taken_up_again_and_won_counts_from_its_last_close() -> None:
    turns = [
        (0, date(2020, 11, 1), LOST),
        (0, date(2020, 12, 1), OPEN),
        (0, date(2021, 2, 1), WON),
    ]
    assert after(known(date(2022, 1, 1), *turns))["closed_days"] == 31.0


def test_a_deal_won_before_its_landmark_but_told_later_closes_on_it() -> None:
    turns = known(date(2022, 1, 1), (0, date(2021, 1, 5), WON))
    found = after(turns, day=date(2021, 1, 8))
    assert (found["won_in_quarter"], found["closed_days"]) == (1.0, 0.0)


def test_a_deal_won_in_the_quarter_before_but_told_later_is_not_of_this_one() -> None:
    turns = known(date(2022, 1, 1), (0, date(2020, 12, 30), WON))
    assert after(turns)["won_in_quarter"] == 0.0


@pytest.mark.parametrize(
    ("close", "slipped"),
    [(date(2021, 2, 20), 0.0), (date(2021, 2, 19), 1.0), (None, np.nan)],
)
def test_a_deal_slips_unless_won_by_the_close_date_shown(
    close: date | None, slipped: float
) -> None:
    found = after(known(date(2022, 1, 1), (0, date(2021, 2, 20), WON)), close=close)
    np.testing.assert_equal(found["slipped"], slipped)


def test_whether_an_open_deal_slips_is_not_known_before_its_close_date() -> None:
    assert np.isnan(after(known(date(2021, 2, 1)), close=date(2021, 3, 1))["slipped"])


def test_only_won_deals_have_a_final_amount() -> None:
    won = after(known(date(2022, 1, 1), (0, date(2021, 2, 1), WON)))
    lost = after(known(date(2022, 1, 1), (0, date(2021, 2, 1), LOST)))
    assert won["final_amount_minor"] == 100.0
    assert np.isnan(lost["final_amount_minor"])


def test_a_state_told_twice_counts_once_from_when_it_first_was() -> None:
    turns = [(0, date(2021, 2, 1), WON), (0, date(2021, 2, 3), WON)]
    assert after(known(date(2022, 1, 1), *turns))["closed_days"] == 31.0


def swept(on: date, count: int = 25, silent_days: float = 90.0) -> Known:
    """Deals closed by one person on one day, after a silence."""
    at = np.full(count, number(on) + 0.5)
    codes = np.arange(count), np.full(count, LOST)
    made = build_turns(codes[0], at, codes[1], known=at, by=np.zeros(count, np.int64))
    found = find_hygiene(made, at - silent_days)
    return Known(on + timedelta(days=400), made, found, np.zeros(count))


def test_deals_closed_in_bulk_are_censored_the_day_before() -> None:
    found = after(swept(date(2021, 1, 11)))
    assert np.isnan(found["won"])
    assert np.isnan(found["won_in_quarter"])
    assert found["observed_days"] == 9.0


def test_a_deal_open_all_quarter_and_closed_in_bulk_later_was_not_won_in_it() -> None:
    assert after(swept(date(2021, 4, 12)))["won_in_quarter"] == 0.0


@pytest.mark.parametrize(("count", "silent"), [(19, 90.0), (25, 59.0)])
def test_few_closes_or_lively_deals_are_no_bulk(count: int, silent: float) -> None:
    told = swept(date(2021, 1, 11), count, silent)
    assert not told.hygiene.swept.any()
    assert after(told)["won"] == 0.0


def test_a_person_who_closes_as_many_every_day_tidies_nothing() -> None:
    days = np.repeat(np.arange(40.0), 25) + number(QUARTER)
    deals = np.arange(len(days))
    turns = build_turns(deals, days, np.full(len(days), LOST), known=days, by=deals * 0)
    assert not find_hygiene(turns, turns.happened - 90.0).swept.any()
