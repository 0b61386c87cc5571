"""One account frame over 5 million orders against a bare group-by over the same facts.

The bundled real orders are repeated under new ids, for orders and for customers, until there are
5 million. Both queries run on the same engine over the same snapshot of one lake, in turns: the
frame, and ``account_id`` with count, sum, least and greatest. Figures are medians over rounds.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.protocol import ROOT, BenchmarkError, Result
from features.columns import ACCOUNT_COLUMNS
from features.frames import account_frame
from lifecycle.batches import BatchHeader
from lifecycle.engine import open_engine
from lifecycle.history import History
from lifecycle.lake import Lake
from lifecycle.snapshot import Snapshot
from lifecycle.tables.arrow import arrow_schema
from lifecycle.tables.catalog import find_table

NAME = "features"
EXAMPLE = ROOT / "examples" / "online_retail_ii"
ORDERS = 5_000_000
ROUNDS = 7
ZONE = ZoneInfo("Europe/London")
AS_OF = date(2011, 12, 10)
MEMORY = "4GB"


def run() -> Result:
    with tempfile.TemporaryDirectory() as folder:
        small = measure(write_lake(Path(folder) / "small", orders=0))
        large = measure(write_lake(Path(folder) / "large", orders=ORDERS))
    return Result(
        figures={
            "ratio_groupby": large["ratio"],
            "frame_seconds": large["frame"],
            "frame_seconds_real": small["frame"],
        },
        rivals={"bare group-by": {"ratio_groupby": 1.0, "frame_seconds": large["bare"]}},
        n=ORDERS,
        note=(
            f"{len(ACCOUNT_COLUMNS)} columns of {large['accounts']:,.0f} accounts, sorted, against "
            "count, sum, least and greatest per account on the same snapshot, in turns. Of the "
            "frame's CPU time about a third orders each customer's purchases by day, a fifth adds "
            "up 30 sums per customer, a quarter brings in accounts and credits, a quarter sorts "
            "and hands over the columns. "
            "frame_seconds_real: the real orders alone, compiled query."
        ),
    )


def measure(lake: Lake) -> dict[str, float]:
    """Time both in turns, after one run of each that compiles and warms the file cache."""
    history = History(lake, open_engine(memory_limit=MEMORY), zone=ZONE)
    snapshot = history.as_of(AS_OF)
    rounds = [
        (seconds(lambda: account_frame(snapshot)), seconds(lambda: group_bare(snapshot)))
        for _ in range(ROUNDS + 1)
    ][1:]
    return {
        "accounts": account_frame(snapshot).num_rows,
        "ratio": statistics.median(frame / bare for frame, bare in rounds),
        "frame": statistics.median(frame for frame, _ in rounds),
        "bare": statistics.median(bare for _, bare in rounds),
    }


def group_bare(snapshot: Snapshot) -> pa.Table:
    orders = snapshot.table("orders")
    return snapshot.collect(
        orders.group_by("account_id").agg(
            count=orders.count(),
            sum=orders.amount_minor.sum(),
            least=orders.ordered_at.min(),
            greatest=orders.ordered_at.max(),
        )
    )


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def write_lake(folder: Path, *, orders: int) -> Lake:
    """Write the real orders (0: once) or so many of them, in order of time."""
    if not (EXAMPLE / "orders.parquet").exists():
        raise BenchmarkError("the bundled orders are missing; to do: run the example's build.py")
    real, people = read_orders(), read_accounts()
    copies = max(1, -(-orders // real.num_rows))
    lake = Lake(folder)
    header = BatchHeader("real-orders", "examples", datetime(2012, 1, 1, tzinfo=UTC))
    limit = orders or real.num_rows
    lake.append(
        header,
        {"orders": repeat(real, copies, limit), "accounts": repeat(people, copies, limit)},
    )
    return lake


def repeat(rows: pa.Table, copies: int, limit: int) -> pa.RecordBatchReader:
    """Repeat slices of rows, oldest first, each copy under its own ids."""
    step = 2_000

    def batches() -> Iterator[pa.RecordBatch]:
        left = limit
        for start in range(0, rows.num_rows, step):
            for copy in range(copies):
                part = rows.slice(start, min(step, left))
                left -= part.num_rows
                for name in ("order_id", "account_id"):
                    if name in part.column_names:
                        ids = pc.binary_join_element_wise(part[name], f".{copy}", "")
                        part = part.set_column(part.column_names.index(name), name, ids)
                yield from part.cast(rows.schema).combine_chunks().to_batches()

    return pa.RecordBatchReader.from_batches(rows.schema, batches())


def read_orders() -> pa.Table:
    real = pq.read_table(EXAMPLE / "orders.parquet").sort_by("invoice_date")
    at = pc.assume_timezone(
        real["invoice_date"].cast(pa.timestamp("us")), ZONE.key, ambiguous="earliest"
    )
    kind = real["kind"].cast(pa.string())
    number = pa.array(np.arange(real.num_rows)).cast(pa.string())
    minor = pc.round(pc.multiply(real["amount"].cast(pa.float64()), 100.0)).cast(pa.int64())
    return conform(
        "orders",
        {
            "order_id": number,
            "account_id": real["customer_id"].cast(pa.string()),
            "ordered_at": at,
            "kind": kind,
            "amount_minor": minor,
            "currency": pa.repeat("GBP", real.num_rows),
            "units_count": real["units"],
            "lines_count": real["lines"],
            "products_count": real["products"],
            "segment": segment_of(real["country"]),
            "country": real["country"],
            "known_at": at,
        },
    )


def read_accounts() -> pa.Table:
    real = pq.read_table(EXAMPLE / "accounts.parquet").sort_by("first_seen")
    seen = pc.assume_timezone(
        real["first_seen"].cast(pa.timestamp("us")), ZONE.key, ambiguous="earliest"
    )
    return conform(
        "accounts",
        {
            "account_id": real["customer_id"].cast(pa.string()),
            "segment": segment_of(real["country"]),
            "country": real["country"],
            "created_at": seen,
            "known_at": seen,
        },
    )


def segment_of(country: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(country.cast(pa.string()), "United Kingdom"), "home", "abroad")


def conform(table: str, columns: dict[str, Any]) -> pa.Table:
    """Fill what is not given and cast to the table's schema."""
    schema = arrow_schema(find_table(table))
    rows = len(columns["known_at"])
    given = columns | {"known_source": pa.repeat("assumed", rows), "batch_id": pa.repeat("", rows)}
    filled = [
        given[field.name].cast(field.type) if field.name in given else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.table(filled, schema=schema)
