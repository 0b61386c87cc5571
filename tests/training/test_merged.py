"""What a duplicate and its survivor buy is bought by one customer, whoever was known when."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from lifecycle.history import open_history
from tests.builders import Row, build_lake, fact, noon, order
from training.datasets import SliceStore
from training.labels import label_spend
from training.routes import find_routes

DAY, AS_OF = date(2011, 5, 1), date(2011, 9, 1)


def merge(name: str, into: str, known: date) -> Row:
    return fact(known, merge_id=name, account_id=name, into_account_id=into, merged_at=noon(known))


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (date(2011, 4, 1), {"b": 900.0, "c": 0.0}),
        (date(2011, 8, 1), {"a": 900.0, "b": 900.0, "c": 0.0}),
        (date(2011, 9, 2), {"a": 700.0, "b": 200.0, "c": 0.0}),
    ],
    ids=["known on the day", "known where training stands", "not known yet"],
)
def test_purchases_count_for_every_id_of_their_buyer(
    tmp_path: Path, known: date, expected: dict[str, float]
) -> None:
    orders = [order(name, date(2011, 3, 1)) for name in "abc"]
    orders += [order("a", date(2011, 5, 3), amount_minor=700)]
    orders += [order("b", date(2011, 5, 4), amount_minor=200)]
    build_lake(tmp_path, orders=orders, account_merges=[merge("a", "b", known)])
    store = SliceStore(open_history(tmp_path / "lake", zone=ZoneInfo("UTC")))
    found = store.slice(DAY, AS_OF, horizon_days=30, target=label_spend)
    ids = found.frame.column("account_id").to_pylist()
    assert dict(zip(ids, found.label.tolist(), strict=True)) == expected


def test_an_orderer_merged_into_a_holder_of_a_contract_opens_no_route(tmp_path: Path) -> None:
    line = fact(
        date(2011, 1, 1), subscription_id="s", account_id="held", started_on=date(2011, 1, 1),
        mrr_minor=1000, currency="GBP",
    )  # fmt: skip
    merges = [merge("a", "held", date(2011, 4, 1))]
    build_lake(tmp_path, orders=[order("a")], subscriptions=[line], account_merges=merges)
    history = open_history(tmp_path / "lake", zone=ZoneInfo("UTC"))
    assert find_routes(history.as_of(date(2011, 3, 1))) == ["non_contractual", "contractual"]
    assert find_routes(history.as_of(DAY)) == ["contractual"]
