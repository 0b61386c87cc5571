"""A company that goes on working in a process of its own: batches, scores and audit rows."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.audit import Actor, AuditEntry, note_action, read_audit
from ledger.engine import Ledger, open_ledger
from lifecycle.lake import Lake
from service.refresh.place import Place
from service.refresh.scores import refresh_scores
from tests.ledger.story import address
from tests.postgresql import CHOICE, make_address, shared_cluster
from tests.service.conftest import make_key
from tests.service.refresh.company import FIRST, build_company, place_of, release_orders, stand_on

ROOT = Path(__file__).parents[3]
BY = Actor("cli:tester")
# each batch is written to the lake, named in the ledger, and then said to be kept
WRITER = """
import sys
from datetime import timedelta
from pathlib import Path
from ledger.audit import Actor, AuditEntry, note_action
from ledger.engine import attach_ledger
from service.refresh.scores import refresh_scores
from tests.builders import build_lake, order
from tests.service.backup.busy_company import place_at
from tests.service.refresh.company import FIRST, stand_on
folder, address = Path(sys.argv[1]), sys.argv[2]
ledger, place = attach_ledger(address), place_at(folder, address)
for unit in range(10_000):
    rows = [order(order_id=f"w{unit}-{i}") for i in (1, 2)]
    build_lake(folder, batch=f"w{unit}", orders=rows)
    note_action(ledger, AuditEntry(Actor("cli:writer"), "batch.kept", f"w{unit}"))
    if unit % 4 == 1:
        day = FIRST + timedelta(days=unit)
        refresh_scores(stand_on(place, day), ledger, place=place)
    with (folder.parent / "told.log").open("a") as told:
        told.write(f"w{unit}\\n")
"""


@dataclass(frozen=True)
class Company:
    folder: Path
    ledger: Ledger
    key: str

    @property
    def told(self) -> list[str]:
        """The batches that were acknowledged so far."""
        log = self.folder.parent / "told.log"
        return log.read_text().split("\n")[:-1] if log.exists() else []

    def wait_for(self, more: int) -> None:
        """Wait until so many batches more were acknowledged."""
        wanted, end = len(self.told) + more, time.monotonic() + 60
        while len(self.told) < wanted:
            assert time.monotonic() < end, "the writer stands still"
            time.sleep(0.01)


def place_at(folder: Path, url: str) -> Place:
    return replace(place_of(folder), ledger_address=url)


def found_company(folder: Path) -> Company:
    """Build, score and open a company; it has a key."""
    url = make_address(folder)
    build_company(folder, contracts=False)
    place, ledger = place_at(folder, url), open_ledger(url)
    release_orders(ledger, place)
    refresh_scores(stand_on(place, FIRST), ledger, place=place)
    note_action(ledger, AuditEntry(BY, "company.founded", "it"))
    return Company(folder, ledger, make_key(folder, ledger))


@contextmanager
def at_work(company: Company) -> Iterator[Company]:
    """Let it work in another process meanwhile."""
    words = [sys.executable, "-c", WRITER, str(company.folder), address(company.folder)]
    with subprocess.Popen(words, cwd=ROOT) as writer:
        try:
            company.wait_for(3)
            yield company
            assert writer.poll() is None, "the writer failed"
        finally:
            writer.kill()


def find_place(target: Path) -> str:
    """Return where the ledger of a restored company shall be; on PostgreSQL an empty database."""
    if CHOICE.kind == "sqlite":
        return address(target)
    name = address(target).split("?")[0].rsplit("/", 1)[-1]
    if name not in CHOICE.databases:
        shared_cluster().run(f"CREATE DATABASE {name}")
        CHOICE.databases.append(name)
    return address(target)


def list_batches(folder: Path) -> set[str]:
    return {header.batch_id for header in Lake(folder / "lake").batches()}


def named_batches(ledger: Ledger) -> set[str]:
    return {row.object for row in read_audit(ledger) if row.action == "batch.kept"}
