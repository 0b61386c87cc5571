from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from features.columns import ACCOUNT_COLUMNS
from features.frames import account_frame
from lifecycle.engine import open_engine
from lifecycle.history import History
from lifecycle.lake import Lake
from tests.builders import account, build_lake, order
from tests.features.oracle import frame_of

LONDON = ZoneInfo("Europe/London")
AS_OF = datetime(2011, 3, 31, 23, tzinfo=UTC)  # 1 April in London, four days into summer time
SMALLEST = timedelta(microseconds=1)


def stored(lake: Lake, table: str) -> list[dict[str, Any]]:
    return [row for file in lake.files(table) for row in pq.read_table(file).to_pylist()]


AGES = st.sampled_from(
    [timedelta(0), SMALLEST, -SMALLEST, timedelta(hours=1), timedelta(days=4, hours=22)]
    + [timedelta(days=n, hours=h) for n in (1, 2, 30, 31, 90, 180, 276, 336, 366) for h in (0, 13)]
    + [timedelta(days=n) for n in (365, 455, 456, 730, 731, 900)]
)
LAGS = st.sampled_from([timedelta(0)] * 4 + [SMALLEST, timedelta(days=1), timedelta(days=200)])


@st.composite
def orders(draw: st.DrawFn, number: int) -> dict[str, Any]:
    at = AS_OF - draw(AGES)
    amount = draw(st.sampled_from([1, 700, 1999, 250_000, 0, -300]))
    kind = "credit" if amount < 0 else draw(st.sampled_from(["sale"] * 4 + ["adjustment"]))
    return order(
        draw(st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h", None])),
        at,
        order_id=f"o{number}",
        amount_minor=amount,
        kind=kind,
        known=at + draw(LAGS),
        units_count=draw(st.sampled_from([None, 0.1, 3.0])),
    )


@st.composite
def batches(draw: st.DrawFn) -> list[dict[str, list[dict[str, Any]]]]:
    first = [draw(orders(n)) for n in range(draw(st.integers(1, 40)))]
    changed = draw(st.lists(st.sampled_from(range(len(first))), max_size=5, unique=True))
    # A correction of a known order, learnt before, exactly at, or after the as-of instant.
    second = [
        {
            **first[n],
            "amount_minor": draw(st.sampled_from([1, 5000])),
            "kind": "sale",
            "known_at": draw(st.sampled_from([AS_OF - SMALLEST, AS_OF, AS_OF + SMALLEST])),
        }
        for n in changed
    ]
    people = [
        account(name, AS_OF - draw(AGES), segment=draw(st.sampled_from(["x", "y", None])),
                country=draw(st.sampled_from(["gb", "fr"])), created_at=AS_OF - draw(AGES))
        for name in draw(st.lists(st.sampled_from("abcde"), max_size=5, unique=True))
    ]  # fmt: skip
    moved = [{**row, "segment": "z", "known_at": AS_OF - SMALLEST} for row in people[:2]]
    return [{"orders": first, "accounts": people}, {"orders": second, "accounts": moved}]


# Shrinking writes a lake per step and would take minutes: the drawn example is shown as it is.
@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(batches())
def test_the_frame_equals_the_slow_oracle(drawn: list[dict[str, list[dict[str, Any]]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, tables in enumerate(drawn):
            lake = build_lake(Path(folder), batch=f"b{number + 1}", **tables)
        facts = {name: stored(lake, name) for name in ("orders", "accounts", "superseded")}
        history = History(lake, open_engine(), zone=LONDON)
        for at in (AS_OF, AS_OF + SMALLEST, AS_OF + timedelta(days=200)):
            check_equal(account_frame(history.as_of(at)), frame_of(facts, at, LONDON))


def check_equal(found: pa.Table, expected: list[dict[str, Any]]) -> None:
    assert found["account_id"].to_pylist() == [row["account_id"] for row in expected]
    for column in ACCOUNT_COLUMNS:
        wanted = [row[column.name] for row in expected]
        if column.unit in ("id", "text"):
            assert found[column.name].to_pylist() == wanted
        else:
            np.testing.assert_allclose(
                found[column.name].to_numpy(), wanted, rtol=1e-9, atol=1e-7, err_msg=column.name
            )
