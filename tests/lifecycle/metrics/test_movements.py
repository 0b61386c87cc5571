from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from lifecycle.engine import open_engine
from lifecycle.errors import DataError
from lifecycle.history import History
from lifecycle.metrics.movements import (
    build_movements,
    check_reconciled,
    read_balances,
    sum_by_month,
    sum_paid,
)
from lifecycle.snapshot import Snapshot
from tests.builders import build_lake, fact, noon

TODAY = date(2022, 1, 1)


def line(name="s1", account="a1", day=date(2021, 1, 1), mrr_minor=100):
    terms = {"started_on": day, "mrr_minor": mrr_minor, "currency": "USD"}
    return fact(day, subscription_id=name, account_id=account, **terms)


def change(day, before, after, *, kind="expansion", name="s1", account="a1"):
    row = {"subscription_id": name, "account_id": account, "kind": kind, "currency": "USD"}
    row |= {"changed_at": noon(day), "effective_on": day}
    row |= {"mrr_before_minor": before, "mrr_after_minor": after}
    return fact(day, change_id=f"{name}-{day}-{kind}", **row)


def snapshot(tmp_path, **tables) -> Snapshot:
    lake = build_lake(tmp_path, **tables)
    return History(lake, open_engine(), zone=ZoneInfo("UTC")).as_of(TODAY)


def kinds(found):
    return [(one.kind, one.delta_minor) for one in found]


def test_every_step_has_its_name(tmp_path):
    days = [date(2021, month, 1) for month in (2, 3, 4, 5)]
    steps = [(100, 150), (150, 120), (120, 0), (0, 80)]
    changes = [change(day, *step) for day, step in zip(days, steps, strict=True)]
    found = build_movements(
        snapshot(tmp_path, subscriptions=[line()], subscription_changes=changes)
    )
    assert kinds(found) == [
        ("new", 100), ("expansion", 50), ("contraction", -30), ("churn", -120),
        ("reactivation", 80),
    ]  # fmt: skip


def test_a_line_swapped_for_another_is_no_churn(tmp_path):
    day = date(2021, 6, 1)
    lines = [line(), line("s2", day=day, mrr_minor=90)]
    gone = [change(day, 100, 0, kind="midterm_cancel")]
    found = build_movements(snapshot(tmp_path, subscriptions=lines, subscription_changes=gone))
    assert kinds(found) == [("new", 100), ("contraction", -10)]


def test_a_notice_moves_nothing_until_it_takes_effect(tmp_path):
    told = [change(date(2021, 6, 1), 100, 100, kind="notice")]
    leaving = change(date(2022, 3, 1), 100, 0, kind="nonrenewal") | {
        "known_at": noon(date(2021, 6, 1))
    }
    known = snapshot(tmp_path, subscriptions=[line()], subscription_changes=[*told, leaving])
    assert kinds(build_movements(known)) == [("new", 100)]


def test_merged_accounts_move_nothing(tmp_path):
    merge = fact(
        date(2021, 5, 1),
        merge_id="m",
        account_id="a2",
        into_account_id="a1",
        merged_at=noon(date(2021, 5, 1)),
    )
    lines = [line(), line("s2", "a2", date(2021, 2, 1), 40)]
    found = build_movements(snapshot(tmp_path, subscriptions=lines, account_merges=[merge]))
    assert [(one.account_id, *pair) for one, pair in zip(found, kinds(found), strict=True)] == [
        ("a1", "new", 100),
        ("a1", "expansion", 40),
    ]


def test_movements_add_up_to_the_balance(tmp_path):
    changes = [change(date(2021, 2, 1), 100, 150), change(date(2021, 3, 5), 150, 120)]
    known = snapshot(tmp_path, subscriptions=[line()], subscription_changes=changes)
    found = build_movements(known)
    assert check_reconciled(known, found) == 120 == sum(read_balances(found, TODAY).values())
    assert sum_by_month(found)[date(2021, 3, 1)]["contraction"] == -30


def test_changes_that_do_not_follow_on_one_another_are_named(tmp_path):
    changes = [change(date(2021, 2, 1), 100, 150), change(date(2021, 3, 5), 140, 120)]
    known = snapshot(tmp_path, subscriptions=[line()], subscription_changes=changes)
    with pytest.raises(DataError, match="s1"):
        check_reconciled(known, build_movements(known))


def test_those_who_left_have_paid_too(tmp_path):
    gone = [change(date(2021, 7, 2), 100, 0, kind="midterm_cancel")]
    known = snapshot(tmp_path, subscriptions=[line()], subscription_changes=gone)
    paid = sum_paid(build_movements(known), TODAY)
    assert paid["a1"] == pytest.approx(100 * 182 * 12 / 365.25)


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_a_plan_changed_on_the_day_its_line_ends_is_one_end(tmp_path, names):
    day = date(2021, 6, 1)
    up = change(day, 100, 200) | {"change_id": names[0]}
    end = change(day, 200, 0, kind="midterm_cancel") | {"change_id": names[1]}
    known = snapshot(tmp_path, subscriptions=[line()], subscription_changes=[end, up])
    found = build_movements(known)
    assert kinds(found) == [("new", 100), ("churn", -100)]
    assert check_reconciled(known, found) == 0
