"""The orders of a duplicate are those of the account it became, once that is known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pytest

from features.clock import clock_at
from features.frames import account_frame, build_account_frame
from lifecycle.history import open_history
from lifecycle.snapshot import Snapshot
from tests.builders import Row, account, build_lake, fact, order

MERGED = datetime(2011, 5, 1, tzinfo=UTC)
LATER = date(2011, 6, 1)


def merge(name: str, into: str, known: datetime = MERGED) -> Row:
    return fact(
        known, merge_id=f"m-{name}", account_id=name, into_account_id=into, merged_at=MERGED
    )


def orders_of(first: str, second: str, third: str) -> list[Row]:
    return [
        order(first, date(2011, 1, 5), amount_minor=700),
        order(second, date(2011, 2, 7), amount_minor=1900),
        order(second, date(2011, 3, 8), amount_minor=-300),
        order(third, date(2011, 4, 9), amount_minor=2500),
        order("other", date(2011, 3, 1)),
        order(None, date(2011, 3, 2)),
    ]


def snapshot(folder: Path, on: date | datetime = LATER, **tables: list[Row]) -> Snapshot:
    build_lake(folder, accounts=[account("a", segment="x"), account("b", segment="y")], **tables)
    return open_history(folder / "lake", zone=ZoneInfo("UTC")).as_of(on)


def rows(at: Snapshot) -> list[dict[str, Any]]:
    # undefined values are NaN, which equals nothing: compare what is shown
    return [
        {name: str(value) for name, value in row.items()} for row in account_frame(at).to_pylist()
    ]


def test_a_survivor_has_the_features_of_one_who_ordered_it_all(tmp_path: Path) -> None:
    merges = [merge("c", "b"), merge("b", "a")]
    found = snapshot(tmp_path / "two", orders=orders_of("a", "b", "c"), account_merges=merges)
    one = snapshot(tmp_path / "one", orders=orders_of("a", "a", "a"))
    assert rows(found) == rows(one)
    assert [row["account_id"] for row in rows(found)] == ["a", "other"]


@pytest.mark.parametrize("known", [MERGED, MERGED + timedelta(days=20)])
def test_a_merge_does_not_act_before_it_is_known(tmp_path: Path, known: datetime) -> None:
    orders = orders_of("a", "b", "b")
    told = {"orders": orders, "account_merges": [merge("b", "a", known)]}
    # on the instant itself it is not known yet: `as_of` looks strictly before
    before = snapshot(tmp_path / "merged", known, **told)
    apart = snapshot(tmp_path / "apart", known, orders=orders)
    assert rows(before) == rows(apart)
    after = open_history(tmp_path / "merged" / "lake", zone=ZoneInfo("UTC")).as_of(
        known + timedelta(microseconds=1)
    )
    assert [row["account_id"] for row in rows(after)] == ["a", "other"]


def test_without_merges_no_order_is_joined_with_them(tmp_path: Path) -> None:
    none = snapshot(tmp_path / "none", orders=orders_of("a", "b", "b"))
    some = snapshot(
        tmp_path / "some", orders=orders_of("a", "b", "b"), account_merges=[merge("b", "a")]
    )
    named = ["into_account_id" in sql(at) for at in (none, some)]
    assert named == [False, True]


def sql(at: Snapshot) -> str:
    return str(ibis.to_sql(build_account_frame(at, clock_at(at)), dialect="duckdb"))
