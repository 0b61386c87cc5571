from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from lifecycle.engine import open_engine
from lifecycle.errors import TableError
from lifecycle.history import History
from lifecycle.lake import Lake
from lifecycle.snapshot import Snapshot
from tests.builders import account, build_lake, fact, order

AT = datetime(2011, 3, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def snapshot(lake: Lake, at: datetime = AT) -> Snapshot:
    return History(lake, open_engine(), zone=ZoneInfo("UTC")).as_of(at)


def column(at: Snapshot, table: str, name: str) -> list[object]:
    return sorted(at.collect(at.table(table)).column(name).to_pylist(), key=str)


def test_a_fact_known_at_the_instant_is_not_known_before_it(tmp_path: Path) -> None:
    times = [AT - TICK, AT, AT + TICK]
    lake = build_lake(tmp_path, orders=[order(day=date(2011, 1, 1), known=at) for at in times])
    assert column(snapshot(lake), "orders", "order_id") == ["o1"]


def test_a_late_arrival_is_unknown_though_it_happened(tmp_path: Path) -> None:
    late = order(day=date(2011, 1, 1), known=date(2011, 5, 1))
    lake = build_lake(tmp_path, orders=[late])
    assert column(snapshot(lake), "orders", "order_id") == []
    assert column(snapshot(lake, datetime(2011, 6, 1, tzinfo=UTC)), "orders", "order_id") == ["o1"]


def test_an_account_is_seen_in_its_latest_known_version(tmp_path: Path) -> None:
    versions = [(date(2011, 1, 1), "old"), (date(2011, 2, 1), "new"), (AT, "next")]
    for number, (day, segment) in enumerate(versions):
        lake = build_lake(
            tmp_path, batch=f"b{number}", accounts=[account("a", day, segment=segment)]
        )
    assert column(snapshot(lake), "accounts", "segment") == ["new"]
    assert column(snapshot(lake, AT + TICK), "accounts", "segment") == ["next"]


def test_a_correction_replaces_the_order_from_when_it_was_known(tmp_path: Path) -> None:
    first = order(day=date(2011, 1, 1), order_id="o1", amount_minor=100)
    build_lake(tmp_path, batch="b1", orders=[first])
    corrected = {**first, "amount_minor": 900, "known_at": AT}
    lake = build_lake(tmp_path, batch="b2", orders=[corrected])
    assert column(snapshot(lake), "orders", "amount_minor") == [100]
    assert column(snapshot(lake, AT + TICK), "orders", "amount_minor") == [900]


def test_a_tombstone_hides_the_order_from_when_it_was_known(tmp_path: Path) -> None:
    build_lake(tmp_path, batch="b1", orders=[order(day=date(2011, 1, 1), order_id="o1")])
    gone = fact(AT, table_name="orders", key="o1")
    lake = build_lake(tmp_path, batch="b2", superseded=[gone])
    assert column(snapshot(lake), "orders", "order_id") == ["o1"]
    assert column(snapshot(lake, AT + TICK), "orders", "order_id") == []


def test_clauses_that_no_row_needs_are_not_in_the_query(tmp_path: Path) -> None:
    lake = build_lake(tmp_path, orders=[order()], accounts=[account()])
    at = snapshot(lake)
    text = "".join(at.engine._connection.compile(at.table(t)) for t in ("orders", "accounts"))
    assert not any(word in text for word in ("JOIN", "ROW_NUMBER", 'batch_id" NOT'))


def test_a_table_without_facts_is_empty_and_typed(tmp_path: Path) -> None:
    at = snapshot(build_lake(tmp_path, orders=[order()]))
    found = at.collect(at.table("subscriptions"))
    assert found.num_rows == 0
    assert str(found.schema.field("known_at").type) == "timestamp[us, tz=UTC]"


def test_an_unknown_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="horoscopes"):
        snapshot(build_lake(tmp_path, orders=[order()])).table("horoscopes")
