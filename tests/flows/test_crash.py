"""Killed at any of its crash points, work is as it was before or as it is after; nothing said done
is lost.

The trials are those of the benchmark ``kills``: here each place once, on each run of the tests.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.kill_families import FAMILIES
from lifecycle.crashpoint import SITES
from tests.house.sources import ROOMS, python_files

ROOT = Path(__file__).parents[2]
# each plants a fault in one kind of work: it acknowledges before, or undoes a guard
FAULTS = {
    "promote": """
import models.bundle as bundle
def write_in_place(folder, digest, files):  # no draft that is renamed: a kill leaves a part
    (folder / digest).mkdir(parents=True)
    for name, content in files.items():
        (folder / digest / name).write_bytes(content)
        bundle.crashpoint("bundle.written")
bundle._write_folder = write_in_place
import benchmarks.kill_families as families
def release_first(self, folder, unit, tell, work=families.Promote.work):
    ledger = families.open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    tell(f"sent {unit}")
    tell(f"acked {unit}")  # said before it is so
    work(self, folder, unit, lambda told: None)
families.Promote.work = release_first
""",
    "ingest": """
from lifecycle.lake import Lake
Lake._roll_back = lambda self: None  # what an interrupted batch left stays
import benchmarks.kill_families as families
def say_first(self, folder, unit, tell, work=families.Ingest.work):
    tell(f"sent {unit}")
    tell(f"acked {unit}")
    work(self, folder, unit, lambda told: None)
families.Ingest.work = say_first
""",
    "refresh": """
import benchmarks.kill_families as families
def say_first(self, folder, unit, tell, work=families.Refresh.work):
    tell(f"sent {unit}")
    tell(f"acked {unit}")
    work(self, folder, unit, lambda told: None)
families.Refresh.work = say_first
""",
    "job": """
import service.worker.child as child
from ledger.jobs import finish
def end_apart(task, answer):  # the effect in a transaction of its own
    from ledger.job_results import write_result
    with task.ledger.writing() as connection:
        answer.effect(connection)
    child.crashpoint("job.kept")
    result = write_result(task.ledger, task.lease, answer.content, media=answer.media)
    with task.ledger.writing() as connection:
        finish(connection, task.lease, result=result)
child._end = end_apart
""",
    "push": """
import service.worker.inbox as handler
def mark_first(lake, task, batch, append=handler._append, read=handler.read_batch):
    rows = read(task.ledger, batch)
    with task.ledger.writing() as connection:
        handler.mark_appended(connection, [batch], by="x")
    handler.read_batch = lambda ledger, one: rows
    return append(lake, task, batch)
handler._append = mark_first
""",
    "push, a batch that is there is not known again": """
import service.worker.inbox as handler
from dataclasses import replace
def rename(lake, task, batch, append=handler._append):
    is_there = any(one.batch_id == batch.name for one in lake.batches())
    return append(lake, task, replace(batch, name="again") if is_there else batch)
handler._append = rename
""",
    "backup": """
import service.backup.make as make
from contextlib import contextmanager
@contextmanager
def build_in_place(target, word, *, needed_bytes):  # seen before it is whole
    target.mkdir(parents=True)
    yield target, lambda: None
make.drafted = build_in_place
""",
}
for _name in ("Restore", "Erase"):
    FAULTS[_name.lower()] = f"""
import benchmarks.kill_copies as copies
def say_first(self, folder, unit, tell, work=copies.{_name}.work):
    tell(f"sent {{unit}}")
    tell(f"acked {{unit}}")
    work(self, folder, unit, lambda told: None)
copies.{_name}.work = say_first
"""
FAULTY_SITES = {
    "backup": "backup.copied",
    "restore": "restore.copied",
    "erase": "erase.rewritten",
    "ingest": "lake.spooled",
    "refresh": "run.rows",
    "promote": "bundle.written",
    "job": "job.kept",
    "push": "lake.rolled_back",
    "push, a batch that is there is not known again": "inbox.appended",
}


def kill(name: str, folder: Path, *sites: str, fault: str = "") -> dict[str, Any]:
    given = [name.partition(",")[0], str(folder), "0", "1", *sites]
    code = f"""{fault}
import json, sys
from dataclasses import asdict
from pathlib import Path
from benchmarks.kill_trials import run_trials
name, folder, count, seed, *sites = sys.argv[1:]
print(json.dumps(asdict(run_trials(name, Path(folder), kills=0, seed=1, sites=sites))))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *given], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_killed_at_each_place_nothing_acknowledged_is_lost(name: str, tmp_path: Path) -> None:
    sites = FAMILIES[name].sites
    found = kill(name, tmp_path, *sites)
    assert (found["kills"], found["lost"]) == (len(sites), 0), found
    assert set(found["sites"]) == set(sites)


@pytest.mark.parametrize("name", FAULTS)
def test_the_planted_fault_is_caught(name: str, tmp_path: Path) -> None:
    found = kill(name, tmp_path, FAULTY_SITES[name], fault=FAULTS[name])
    assert found["lost"] >= 1, found


def test_the_places_that_are_tried_are_all_there_are_in_the_code() -> None:
    called = {
        name
        for path in python_files(*ROOMS)
        for name in re.findall(r"\bcrashpoint\(\"([\w.]+)\"\)", path.read_text(encoding="utf-8"))
    }
    tried = {site for family in FAMILIES.values() for site in family.sites}
    assert called == tried == set(SITES)
