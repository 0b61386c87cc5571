"""Days and documents agree to the cent, whatever happens to a price and when."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.world.canonical import add_months
from lifecycle.world.schedule import billed, cost_from_month_start, price_on, price_steps

FIRST = np.datetime64("2020-01-31")
SINCE, UNTIL = np.datetime64("2020-07-01"), np.datetime64("2022-03-01")
PRICES = st.integers(0, 3_000_00)


def steps_of(first, months, *, days, prices):
    day = np.array([first, *(first + np.asarray(days, int))], "M8[D]")
    line = np.zeros(len(day), int)
    return price_steps(np.array([first]), np.array([months]), line=line, day=day,
                       mrr_minor=np.array(prices))  # fmt: skip


def cost_of_days(steps, since, until):
    """The plain way: day by day, a month's price spread so that no day is a cent off."""
    total, month = 0, 0
    while add_months(steps.first, np.array([month]))[0] < until:
        start, end = (add_months(steps.first, np.array([month + k]))[0] for k in (0, 1))
        length = int((end - start).astype(int))
        for place in range(length):
            day = start + place
            if since <= day < until:
                price = int(price_on(steps, np.array([0]), np.array([day]))[0])
                total += price * (place + 1) // length - price * place // length
        month += 1
    return total


def test_the_last_day_of_a_month_comes_back_after_a_short_one():
    days = add_months(np.repeat(FIRST, 3), np.array([1, 2, 13]))
    assert days.tolist() == [np.datetime64(one).item() for one in
                             ("2020-02-29", "2020-03-31", "2021-02-28")]  # fmt: skip


@given(st.integers(0, 999_999))
def test_the_days_of_a_month_add_up_to_its_price(price):
    last = cost_from_month_start(
        np.array([FIRST]), np.array([0]), day=np.array([np.datetime64("2020-02-29")]),
        price=np.array([price]),
    )  # fmt: skip
    assert last[0] == price


@given(
    st.sampled_from([1, 3, 12]),
    st.lists(st.integers(1, 700), max_size=4, unique=True),
    st.lists(PRICES, min_size=5, max_size=5),
)
def test_the_documents_of_whole_periods_add_up_to_their_days(months, days, prices):
    days = sorted(days)
    steps = steps_of(FIRST, months, days=days, prices=prices[: len(days) + 1])
    papers = billed(steps, SINCE, UNTIL)
    first = FIRST
    for month in range(0, 40, months):
        start, end = (add_months(steps.first, np.array([month + k]))[0] for k in (0, months))
        if end <= SINCE or start >= UNTIL:
            continue
        inside = (papers.starts >= start) & (papers.ends == end)
        known = steps.day < UNTIL
        seen = price_steps(steps.first, steps.billing_months, line=steps.line[known],
                           day=steps.day[known], mrr_minor=steps.mrr_minor[known])  # fmt: skip
        assert papers.amount_minor[inside].sum() == cost_of_days(seen, start, end), first


def test_an_early_end_brings_a_credit_note_for_the_days_left():
    steps = steps_of(FIRST, 12, days=[200], prices=[1000, 0])
    papers = billed(steps, FIRST, UNTIL)
    assert papers.amount_minor.tolist()[0] == 12_000
    assert papers.amount_minor.tolist()[1] < 0
    assert papers.amount_minor.sum() == cost_of_days(steps, FIRST, UNTIL)


def test_nothing_is_billed_after_the_end():
    steps = steps_of(FIRST, 1, days=[60], prices=[1000, 0])
    assert billed(steps, FIRST, UNTIL).ends.max() <= FIRST + 91


def test_of_two_changes_on_one_day_the_last_holds():
    steps = steps_of(FIRST, 1, days=[5, 5], prices=[1000, 2000, 3000])
    assert price_on(steps, np.array([0]), np.array([FIRST + 5])).tolist() == [3000]
