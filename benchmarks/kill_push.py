"""Rows pushed over HTTP, and taken to the lake by a worker: what is killed, and what must hold."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import httpx2
import pyarrow.parquet as pq
from fastapi import FastAPI
from sqlalchemy import select

from benchmarks.kill_worker import BrokenError, address, do_all, is_any_left
from ledger.engine import Ledger, open_ledger
from ledger.inbox_tables import inbox, inbox_batches
from ledger.keys import KeyRequest, create_key, load_pepper
from lifecycle.lake import Lake
from service.app import create_app
from service.deps import Options

TAKE = {"ingest_inbox": "service.worker.inbox:append_inbox"}
ROWS = 3


class Push:
    """Three orders and one account pushed, acknowledged with 202, and taken on by a worker."""

    sites = ("push.storing", "push.stored", "inbox.sealed",
                                        "inbox.appended", "inbox.marking")  # fmt: skip
    window = (*sites, "lake.rolled_back", "lake.spooled", "lake.wrote",
        "lake.listed", "job.claiming", "job.claimed", "job.answered", "job.kept",
        "job.finishing")  # fmt: skip
    per_folder = 25

    def prepare(self, folder: Path) -> None:
        """Make the ledger and a key."""
        ledger = open_ledger(address(folder))
        key, _ = create_key(ledger, load_pepper(folder), KeyRequest("crm", ["ingest:write"]))
        (folder / "key").write_text(key)

    def work(self, folder: Path, unit: int, tell: Callable[[str], None]) -> None:
        """Push twice, then have a worker take all to the lake; an answer of 202 is a promise."""
        send = partial(_push, create_app(address(folder), Options(folder)), _read_key(folder))
        tell(f"sent {unit}")
        orders = [_order(f"n{unit}-{place}") for place in range(ROWS)]
        asyncio.run(send("accounts", [{"account_id": f"n{unit}"}], name=f"a{unit}"))
        asyncio.run(send("orders", orders, name=f"o{unit}"))
        tell(f"asked {unit}")
        do_all(open_ledger(address(folder)), folder, TAKE)
        tell(f"acked {unit}")

    def read_units(self, folder: Path) -> Sequence[int]:
        """Let another worker end what was left: each unit whole and once, in whole batches."""
        ledger = open_ledger(address(folder))
        worker = do_all(ledger, folder, TAKE)
        while is_any_left(ledger):
            worker.look()
        lake = Lake(folder / "lake")
        _check_batches(ledger, lake)
        found = Counter(_read(lake, "orders", "order_id"))
        accounts = Counter(_read(lake, "accounts", "account_id"))
        if any(count > 1 for count in (*found.values(), *accounts.values())):
            raise BrokenError(f"rows more than once: {found.most_common(1)}")
        units = Counter(int(name[1:].split("-")[0]) for name in found)
        # of a unit that nobody acknowledged the first push alone may stand
        if set(units.values()) - {ROWS} or not {f"n{unit}" for unit in units} <= set(accounts):
            raise BrokenError(f"a part of a push: {units}")
        return sorted(units)


def _check_batches(ledger: Ledger, lake: Lake) -> None:
    """Hold the lake's batches against those that the ledger has sealed."""
    with ledger.reading() as connection:
        sealed = {row.name: row for row in connection.execute(select(inbox_batches))}
        left = connection.execute(select(inbox.c.id)).all()
    if left or any(row.appended_at is None for row in sealed.values()):
        raise BrokenError(f"{len(left)} rows wait though no job does")
    listed = {one.batch_id: one for one in lake.batches()}
    told = {name: row.row_count for name, row in sealed.items()}
    added = {name: sum(one.added for one in batch.tables.values())
             for name, batch in listed.items()}  # fmt: skip
    if told != added:
        raise BrokenError(f"sealed {told}, in the lake {added}")


def _read(lake: Lake, table: str, column: str) -> list[str]:
    files = lake.files(table)
    return [value for file in files for value in pq.read_table(file)[column].to_pylist()]


def _order(order_id: str) -> dict[str, object]:
    day = "2026-01-05T12:00:00Z"
    return {"order_id": order_id, "account_id": order_id.split("-")[0], "ordered_at": day,
            "kind": "sale", "amount_minor": 100, "currency": "USD"}  # fmt: skip


def _read_key(folder: Path) -> str:
    return (folder / "key").read_text()


async def _push(
    app: FastAPI, key: str, table: str, rows: list[dict[str, object]], *, name: str
) -> None:
    transport = httpx2.ASGITransport(app)
    headers = {"authorization": f"Bearer {key}", "idempotency-key": name}
    headers["content-type"] = "application/json"
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        content = json.dumps({"rows": rows})
        answer = await client.post(f"/v1/ingest/{table}", headers=headers, content=content)
    if answer.status_code != 202:
        raise BrokenError(f"answered {answer.status_code}: {answer.text[:200]}")
