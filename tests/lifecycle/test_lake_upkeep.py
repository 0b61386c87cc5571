"""What is written is on the disk, many small files become one, and a lost list deletes nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lifecycle import delta
from lifecycle.batches import BatchHeader
from lifecycle.errors import LakeError
from lifecycle.lake import COPYING, Lake
from lifecycle.lake_copy import copy_lake
from lifecycle.locks import shared
from tests.builders import account, build_lake, order, reader

ROOT = Path(__file__).parents[2]
FEW = 4
# appends one batch more, and dies at a step
VICTIM = """
import os, signal, sys
from pathlib import Path
from lifecycle import delta
from lifecycle.lake import Lake
from tests.lifecycle.test_lake_upkeep import FEW, tell

def die(step):
    if step == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

delta.MOST_SMALL_FILES = FEW
Lake.__init__.__kwdefaults__["on_step"] = die
tell(Path(sys.argv[1]), FEW + 1, FEW + 2)
"""
TABLES = ("accounts", "orders", "superseded")


def tell(folder: Path, first: int, last: int) -> Lake:
    """Append batches, each with a correction of the order of the one before."""
    lake = Lake(folder / "lake")
    for number in range(first, last):
        rows = [order(order_id=f"o{number}", amount_minor=100 + number)]
        if number:
            rows.append(order(order_id=f"o{number - 1}", amount_minor=900 + number))
        told = {"orders": rows, "accounts": [account("a1", segment=f"s{number}")]}
        header = BatchHeader(f"n{number:03d}", "test", datetime(2021, 1, 1 + number, tzinfo=UTC))
        lake.append(header, {name: reader(name, given) for name, given in told.items()})
    return lake


def rows(lake: Lake) -> dict[str, list[str]]:
    """What readers see, without the names of files."""
    seen = {}
    for table in TABLES:
        hidden = set(lake.unlisted(table))
        found = [row for file in lake.files(table) for row in pq.read_table(file).to_pylist()]
        seen[table] = sorted(str(row) for row in found if row["batch_id"] not in hidden)
    return seen


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta, "MOST_SMALL_FILES", FEW)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The files and folders that the disk was waited for."""
    found: set[str] = set()

    def note(handle: int) -> None:
        found.add(os.readlink(f"/proc/self/fd/{handle}"))

    monkeypatch.setattr(os, "fsync", note)
    return found


def not_on_disk(folder: Path, synced: set[str]) -> list[str]:
    """Tables of which something was not on the disk when the next step was taken."""
    late: list[str] = []

    def look(step: str) -> None:
        table = "_batches" if step == "listed" else step.removeprefix("wrote ")
        if step != "listed" and not step.startswith("wrote "):
            return
        place = lake.root / table
        newest = max((place / "_delta_log").glob("*.json"))
        needed = {*lake.named_files(table), str(newest), str(newest.parent), str(place)}
        if not needed <= synced:
            late.append(table)

    lake = Lake(folder / "lake", on_step=look)
    given = {
        "orders": reader("orders", [order(order_id="o1")]),
        "accounts": reader("accounts", [account("a1")]),
    }
    lake.append(BatchHeader("b1", "test", datetime(2021, 1, 1, tzinfo=UTC)), given)
    return late


def test_each_table_is_on_the_disk_before_the_next_step(tmp_path: Path, synced: set[str]) -> None:
    assert not_on_disk(tmp_path, synced) == []


def test_the_planted_fault_is_caught(
    tmp_path: Path, synced: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta, "sync_commits", lambda *_: None)
    assert not_on_disk(tmp_path, synced) == ["orders", "accounts", "_batches"]


def test_a_checkpoint_is_on_the_disk_too(tmp_path: Path, synced: set[str]) -> None:
    log = tmp_path / "orders" / "_delta_log"
    log.mkdir(parents=True)
    (tmp_path / "orders" / "part one.parquet").touch()
    (log / f"{7:020d}.json").write_text('{"add": {"path": "part%20one.parquet"}}\n{"x": {}}\n')
    (log / f"{7:020d}.checkpoint.parquet").touch()
    (log / "_last_checkpoint").touch()
    delta.sync_commits(tmp_path / "orders", 7, 7)
    names = {Path(one).name for one in synced}
    assert {"part one.parquet", f"{7:020d}.checkpoint.parquet", "_last_checkpoint"} <= names


@pytest.mark.usefixtures("few")
def test_many_small_files_become_one_and_nothing_else_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = tell(tmp_path / "few", 0, 10)
    assert max(len(lake.named_files(table)) for table in (*TABLES, "_batches")) <= FEW + 1
    monkeypatch.setattr(delta, "MOST_SMALL_FILES", 1_000)
    plain = tell(tmp_path / "many", 0, 10)
    assert len(plain.named_files("orders")) == 10
    assert rows(lake) == rows(plain)
    assert lake.batches() == plain.batches()
    assert lake.version() == plain.version()


@pytest.mark.usefixtures("few")
def test_who_began_to_read_before_goes_on(tmp_path: Path) -> None:
    lake = tell(tmp_path, 0, FEW + 1)
    frozen, before = lake.frozen(), rows(lake)
    files = lake.files("orders")
    tell(tmp_path, FEW + 1, FEW + 3)
    assert set(files).isdisjoint(lake.files("orders"))
    assert all(Path(file).exists() for file in files)
    assert rows(frozen) == before


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("table", ["_batches", "orders"])
def test_killed_on_the_way_it_is_done_again(tmp_path: Path, table: str) -> None:
    before = rows(tell(tmp_path, 0, FEW + 1))
    command = [sys.executable, "-c", VICTIM, str(tmp_path), f"compacted {table}"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert rows(Lake(tmp_path / "lake")) == before
    again = tell(tmp_path, FEW + 1, FEW + 2)
    assert rows(again) == rows(tell(tmp_path / "whole", 0, FEW + 2))


@pytest.mark.usefixtures("few")
def test_while_it_is_copied_files_stay_apart(tmp_path: Path) -> None:
    lake = tell(tmp_path, 0, FEW + 1)
    with shared(lake.root / COPYING, wait_seconds=0):
        tell(tmp_path, FEW + 1, FEW + 4)
        assert len(lake.named_files("orders")) == FEW + 4
    tell(tmp_path, FEW + 4, FEW + 5)
    assert len(lake.named_files("orders")) == 2


@pytest.mark.usefixtures("few")
def test_a_copy_made_while_batches_come_in_shows_no_half_batch(tmp_path: Path) -> None:
    tell(tmp_path, 0, FEW + 1)
    told = iter(range(FEW + 1, FEW + 4))

    def copy(source: Path, name: str) -> None:
        place = tmp_path / "copy" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
        if name.startswith("_batches") and name.endswith(".parquet"):
            for number in told:
                tell(tmp_path, number, number + 1)

    copy_lake(tmp_path / "lake", tmp_path / "copy", copy, forget=lambda: None)
    assert rows(Lake(tmp_path / "copy")) == rows(tell(tmp_path / "other", 0, FEW + 1))


def test_where_the_list_of_batches_is_lost_nothing_is_deleted(tmp_path: Path) -> None:
    lake = tell(tmp_path, 0, 3)
    before = [file for table in TABLES for file in lake.named_files(table)]
    shutil.rmtree(lake.root / "_batches")
    with pytest.raises(LakeError, match=r"3 batches in .* and no list of them"):
        build_lake(tmp_path, orders=[order(day=date(2011, 5, 1))])
    assert all(Path(file).exists() for file in before)


def test_the_first_batch_that_died_is_not_a_lost_list(tmp_path: Path) -> None:
    lake = tell(tmp_path, 0, 1)
    shutil.rmtree(lake.root / "_batches")
    assert rows(tell(tmp_path, 1, 2))["accounts"] != []
    assert [header.batch_id for header in Lake(tmp_path / "lake").batches()] == ["n001"]
