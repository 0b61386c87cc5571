"""Whatever kills a write, the lake is as it was before or as it is after; a rerun completes it."""

import os
import random
import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lifecycle.batches import BatchHeader
from lifecycle.errors import LakeError
from lifecycle.lake import Lake
from tests.builders import ARRIVED, account, build_lake, order, reader

ROOT = Path(__file__).parents[2]
STEPS = [
    "rolled back",
    "spooled accounts",
    "spooled orders",
    "wrote accounts",
    "wrote orders",
    "wrote superseded",
]
SECOND = {
    "accounts": [account("a1", segment="new", day=date(2011, 2, 1))],
    "orders": [order(order_id="o1", amount_minor=77), order(order_id="o2")],
}
# for each folder and step: a child appends the second batch and dies without a word at the step;
# the children are forked before any of them has opened the lake, so imports are paid once
VICTIMS = """
import os, signal, sys
from pathlib import Path
from lifecycle.lake import Lake
from tests import builders
from tests.lifecycle.test_lake_crash import SECOND

def die_at(name):
    def die(step):
        if step == name:
            os.kill(os.getpid(), signal.SIGKILL)
    return die

for folder, name in zip(sys.argv[1::2], sys.argv[2::2]):
    if os.fork() == 0:
        builders.Lake = lambda root: Lake(root, on_step=die_at(name))
        builders.build_lake(Path(folder), batch="b2", **SECOND)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
# appends batches without end, saying which are done
WRITER = """
import sys
from pathlib import Path
from tests.builders import ARRIVED, account, build_lake, order, reader
for number in range(int(sys.argv[2]), 10_000):
    name = f"n{number:05d}"
    build_lake(Path(sys.argv[1]), batch=name, orders=[order(), order()], accounts=[account(name)])
    print(name, flush=True)
"""


def first(folder):
    return build_lake(folder, orders=[order(order_id="o1")], accounts=[account("a1")])


def state(lake):
    """Everything a reader can see, without the file names."""
    seen = {}
    for table in ("accounts", "orders", "superseded"):
        rows = [row for file in lake.files(table) for row in pq.read_table(file).to_pylist()]
        seen[table] = sorted(map(str, rows))
    return seen, [header.batch_id for header in lake.batches()]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """A lake per step, in which a second batch was killed at that step."""
    folders = {step: tmp_path_factory.mktemp("lake") for step in (*STEPS, "listed")}
    for folder in folders.values():
        first(folder)
    given = [str(part) for step, folder in folders.items() for part in (folder, step)]
    done = subprocess.run(
        [sys.executable, "-c", VICTIMS, *given], cwd=ROOT, check=True, capture_output=True
    )
    assert done.stdout.split() == [b"-9"] * len(folders)
    return folders


@pytest.mark.parametrize("step", STEPS)
def test_killed_before_it_is_listed_a_batch_is_not_there_and_runs_again(scenes, tmp_path, step):
    assert state(Lake(scenes[step] / "lake")) == state(first(tmp_path))
    again = build_lake(scenes[step], batch="b2", **SECOND)
    assert state(again) == state(build_lake(tmp_path, batch="b2", **SECOND))


def test_killed_after_it_is_listed_a_batch_is_there(scenes):
    assert state(Lake(scenes["listed"] / "lake"))[1] == ["b1", "b2"]


def test_the_steps_that_are_tested_are_all_there_are(tmp_path):
    seen = []
    first(tmp_path)
    batch = BatchHeader("b2", "test", ARRIVED)
    readers = {name: reader(name, rows) for name, rows in SECOND.items()}
    Lake(tmp_path / "lake", on_step=seen.append).append(batch, readers)
    assert seen == [*STEPS, "listed"]


def test_another_batch_after_a_crash_clears_what_the_dead_one_left(tmp_path):
    lake = first(tmp_path)
    command = [sys.executable, "-c", VICTIMS, tmp_path, "wrote orders"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    build_lake(tmp_path, batch="b3", orders=[order(order_id="o2", account="a9")])
    seen = [row for file in lake.files("orders") for row in pq.read_table(file).to_pylist()]
    assert sorted(row["batch_id"] for row in seen) == ["b1", "b3"]
    assert len(list((lake.root / "orders").glob("*.parquet"))) == 2


def test_kills_at_any_moment_lose_and_tear_nothing(tmp_path):
    chance, acknowledged = random.Random(5), []
    for _ in range(4):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(len(acknowledged))]
        writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        acknowledged.append(writer.stdout.readline().strip())
        time.sleep(chance.uniform(0.0, 0.5))
        writer.kill()
        acknowledged += writer.communicate()[0].split()
        seen, listed = state(Lake(tmp_path / "lake"))
        assert set(acknowledged) <= set(listed)
        assert len(listed) - len(acknowledged) in {0, 1}
        assert len(seen["orders"]) == 2 * len(listed)
        assert len(seen["accounts"]) == len(listed)
        acknowledged = listed


# appends more than fits; at the step named, another program takes all the room there is left
FULL_DISK = """
import contextlib, sys
from pathlib import Path
from lifecycle.errors import LakeError
from lifecycle.lake import Lake
from tests import builders

folder, fill_at = Path(sys.argv[1]), sys.argv[2]

def fill(step):
    if step == fill_at:
        with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))

builders.Lake = lambda root: Lake(root, on_step=fill)
many = [builders.order(order_id=f"{place:064d}") for place in range(20_000)]
try:
    builders.build_lake(folder, batch="b2", orders=many)
except LakeError as error:
    print(error)
    raise SystemExit(error.exit_code)
"""


def _limit_file_size():
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))


def _append_too_much(folder, limit=None, fill_at="never"):
    command = [sys.executable, "-c", FULL_DISK, str(folder), fill_at]
    return subprocess.run(
        command, cwd=ROOT, check=False, capture_output=True, text=True, preexec_fn=limit
    )


def test_a_file_that_may_not_grow_is_one_clear_line_and_the_state_before(tmp_path):
    lake = first(tmp_path)
    before = state(lake)
    done = _append_too_much(tmp_path, _limit_file_size)
    assert done.returncode == 5, done.stderr
    assert done.stdout.startswith("disk full while writing batch b2: nothing was added")
    assert state(lake) == before
    assert _append_too_much(tmp_path).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("fill_at", ["rolled back", "spooled orders", "wrote orders"])
def test_a_full_disk_is_one_clear_line_and_the_state_before(small_disk, fill_at):
    lake = first(small_disk)
    before = state(lake)
    done = _append_too_much(small_disk, fill_at=fill_at)
    assert done.returncode == 5, done.stderr
    assert done.stdout.startswith("disk full")
    assert state(lake) == before
    (small_disk / "filler").unlink()
    assert _append_too_much(small_disk).returncode == 0


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "lake").write_text("in the way")
    with pytest.raises(LakeError, match=r"File exists: .* while writing the lake"):
        first(tmp_path)
