"""Movements add up to MRR, and invoices to what was earned and what is still owed, to the cent."""

import numpy as np
import pyarrow.compute as pc
import pytest

from lifecycle.world.billing import line_prices
from lifecycle.world.schedule import PriceSteps, billed, price_on, price_steps
from tests.lifecycle.world.test_schedule import cost_of_days
from tests.lifecycle.world.worlds import account_rows, column, facts, tiny

STILL = ("notice", "notice_withdrawn", "renewal")


def one_line(steps, line, *, before=None):
    """The prices of one line, as far as they were steps before a day."""
    mine = steps.line == line
    if before is not None:
        mine &= steps.day < before
    first, months = steps.first[line : line + 1], steps.billing_months[line : line + 1]
    zeros = np.zeros(int(mine.sum()), int)
    return PriceSteps(first, months, zeros, steps.day[mine], steps.mrr_minor[mine])


def steps_of_facts():
    """Prices by line, from the canonical tables alone."""
    lines = facts()["subscriptions"].group_by("subscription_id").aggregate(
        [("started_on", "min"), ("billing_months", "min")]
    )  # fmt: skip
    ids = lines.column("subscription_id").combine_chunks()
    changes = facts()["subscription_changes"]
    moving = ~np.isin(changes.column("kind").to_numpy(zero_copy_only=False), STILL)
    changes = changes.filter(pc.equal(moving, True)).sort_by("changed_at")
    steps = price_steps(
        lines.column("started_on_min").to_numpy().astype("M8[D]"),
        lines.column("billing_months_min").to_numpy(),
        line=pc.index_in(changes.column("subscription_id"), value_set=ids).to_numpy(),
        day=changes.column("effective_on").to_numpy().astype("M8[D]"),
        mrr_minor=changes.column("mrr_after_minor").to_numpy(),
    )
    return steps, ids


def test_every_movement_begins_where_the_one_before_ended():
    moves = tiny().movements
    for line in np.unique(moves["line"]):
        mine = moves[moves["line"] == line]
        mine = mine[np.argsort(mine["effective_day"], kind="stable")]
        moving = mine[mine["mrr_before_minor"] != mine["mrr_after_minor"]]
        assert (moving["mrr_before_minor"][1:] == moving["mrr_after_minor"][:-1]).all(), line


@pytest.mark.parametrize("week", [0, 1, 37, 80, 104])
def test_the_sum_of_movements_is_mrr(week):
    changes = facts()["subscription_changes"]
    past = column("subscription_changes", "effective_on") < 7 * week
    delta = (changes["mrr_after_minor"].to_numpy() - changes["mrr_before_minor"].to_numpy())[past]
    expected = tiny().weekly.mrr_minor[:, week]
    kinds = changes["kind"].to_numpy(zero_copy_only=False)[past]
    delta = np.where(np.isin(kinds, STILL), 0, delta)
    rows = account_rows("subscription_changes")[past]
    total = np.zeros(len(expected), int)
    np.add.at(total, rows[rows >= 0], delta[rows >= 0])
    assert total.tolist() == expected.tolist()


@pytest.mark.parametrize("offset", [100, 401, 727])
def test_invoices_are_what_was_earned_and_what_is_owed_in_service(offset):
    day = np.datetime64(tiny().params.start) + offset
    steps, ids = steps_of_facts()
    invoices = facts()["invoices"]
    issued = column("invoices", "issued_at") < offset
    line = pc.index_in(invoices["subscription_id"], value_set=ids).to_numpy()
    amount, starts = invoices["amount_minor"].to_numpy(), column("invoices", "period_start_on")
    checked = 0
    for number in np.unique(line[issued])[::3]:
        mine = issued & (line == number)
        known = one_line(steps, number, before=day)
        first = np.datetime64(tiny().params.start) + int(starts[line == number].min())
        ends = np.datetime64(tiny().params.start) + int(
            column("invoices", "period_end_on")[mine].max()
        )
        earned = cost_of_days(known, first, min(day, ends))
        owed = cost_of_days(known, day, ends) if ends > day else 0
        assert amount[mine].sum() == earned + owed, ids[int(number)]
        checked += 1
    assert checked > 20


def test_facts_and_trace_tell_the_same_prices():
    steps, ids = steps_of_facts()
    for day in np.datetime64(tiny().params.start) + np.array([10, 300, 700]):
        lines = np.arange(len(ids))
        order = np.argsort(ids.to_numpy(zero_copy_only=False))
        real = [one for one in order if ids[int(one)].as_py()[1] != "Q"]
        theirs = price_on(line_prices(tiny()), np.arange(len(real)), np.repeat(day, len(real)))
        mine = price_on(steps, lines[real], np.repeat(day, len(real)))
        assert mine.tolist() == theirs.tolist()


def test_the_first_invoice_covers_the_first_day_of_the_world():
    steps, start = line_prices(tiny()), np.datetime64(tiny().params.start)
    lines = np.arange(len(steps.first))
    live = np.flatnonzero(price_on(steps, lines, np.repeat(start, len(lines))))
    papers = billed(steps, start, start + 1)
    covering = papers.line[(papers.starts <= start) & (papers.ends > start)]
    assert set(live) <= set(covering)


def test_credit_notes_are_negative_and_invoices_are_not():
    kinds = facts()["invoices"]["kind"].to_numpy(zero_copy_only=False)
    amounts = facts()["invoices"]["amount_minor"].to_numpy()
    assert ((amounts < 0) == (kinds == "credit_note")).all()
    assert (kinds == "credit_note").any()


def test_few_invoices_reach_the_books_late():
    lag = column("invoices", "known_at") - column("invoices", "issued_at")
    assert 0.02 < (lag > 4).mean() < 0.07
    assert lag.max() < 46
