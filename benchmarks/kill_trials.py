"""Kill a process again and again while it works, restart it each time, and see what is lost.

Everything runs in forked children of a process that has only imported: one kill costs no start of
Python. Run as ``python -m benchmarks.kill_trials FAMILY FOLDER KILLS SEED [SITE …]``: with sites,
one kill at each of them; without, half of the kills at sites and half at random moments. It prints
a JSON line, and goes on where an earlier run of the same folder was stopped.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.kill_families import FAMILIES, Family

PATIENCE_SECONDS = 120.0
LOG, TALLY = "told.log", "tally.json"


@dataclass
class Tally:
    """What came of the kills so far.

    Attributes
    ----------
    lost
        Units that were acknowledged and are not stored, or stand there broken.
    within
        Kills between a unit's first write and its acknowledgement, by the places last passed.
    """

    kills: int = 0
    lost: int = 0
    within: int = 0
    sites: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


class Trial:
    """Kills of one family in one folder after the other."""

    def __init__(self, family: Family, root: Path, seed: int) -> None:
        self.family, self.root = family, root
        self.chance = random.Random(seed)
        self.tally = _read_tally(root / TALLY)
        self.seconds = 0.5
        self.folder = self._new_folder()

    def kill_at(self, site: str | None) -> None:
        """Do one kill, at a site or at a random moment, and check what is left."""
        if self.tally.kills and self.tally.kills % self.family.per_folder == 0:
            self.folder = self._new_folder()
        lines = self._run_and_kill(site)
        if lines is None:
            return  # it had ended before: no kill, the next moment is drawn earlier
        place = site or lines[-1].split()[0]
        self.tally.kills += 1
        self.tally.sites[place] = self.tally.sites.get(place, 0) + 1
        self.tally.within += place in {*self.family.window, "asked"}
        self._check()
        (self.root / TALLY).write_text(json.dumps(asdict(self.tally)))

    def _run_and_kill(self, site: str | None) -> list[str] | None:
        """Start a unit and kill it; return the places it passed, ``None`` if it was too quick."""
        log, began = self.folder / LOG, time.monotonic()
        before = len(_lines(log))
        unit = 1 + sum(line.startswith("sent") for line in _lines(log))
        victim = fork(lambda: self._work(unit, site))
        sent_at, wait = None, self.chance.uniform(0.0, self.seconds)
        while True:
            ended, status = os.waitpid(victim, os.WNOHANG)
            passed, at = _lines(log)[before:], time.monotonic()
            if ended:
                break
            sent_at = sent_at or (at if passed else None)
            # a job's process dies at its place by itself: its worker then dies here
            if (site in passed) if site else (sent_at and at - sent_at >= wait):
                os.kill(victim, signal.SIGKILL)
                _, status = os.waitpid(victim, 0)
                break
            if at - began > PATIENCE_SECONDS:
                raise TimeoutError(f"{site} was not reached: {passed}")
            time.sleep(0.002)
        if site is None:  # most random moments shall fall into the work
            took = time.monotonic() - (sent_at or began)
            self.seconds = max(0.8 * took, 0.01) if status == 0 else 1.02 * self.seconds
        killed = os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        return _lines(log)[before:] if killed else None

    def _work(self, unit: int, site: str | None) -> None:
        os.environ["TRUECAST_CRASH_LOG"] = str(self.folder / LOG)
        if site is not None:
            os.environ["TRUECAST_CRASH_AT"] = site
        self.family.work(self.folder, unit, lambda told: _tell(self.folder / LOG, told))

    def _check(self) -> None:
        lines = _lines(self.folder / LOG)
        sent = {int(line.split()[1]) for line in lines if line.startswith("sent ")}
        acked = {int(line.split()[1]) for line in lines if line.startswith(("acked ", "asked "))}
        told = self.folder / "stored.json"
        told.unlink(missing_ok=True)

        def read() -> None:
            stored = list(self.family.read_units(self.folder))
            told.write_text(json.dumps(stored))

        _, status = os.waitpid(fork(read), 0)
        if status or not told.exists():
            self.tally.lost += 1
            self.tally.broken.append(f"{lines[-1:]}: what is left cannot be read whole")
            return
        stored = json.loads(told.read_text())
        wrong = (acked - set(stored)) | (set(stored) - sent)
        wrong |= {unit for unit in stored if stored.count(unit) > 1}
        if wrong:
            self.tally.lost += len(wrong)
            self.tally.broken.append(f"{lines[-1:]}: {sorted(wrong)}")

    def _new_folder(self) -> Path:
        folder = self.root / f"{self.tally.kills:05d}"
        if folder.exists():  # an earlier run was stopped in it: its last kill was not counted
            folder = self.root / f"{self.tally.kills:05d}-{time.time_ns()}"
        folder.mkdir(parents=True)
        _, status = os.waitpid(fork(lambda: self.family.prepare(folder)), 0)
        if status:
            raise RuntimeError(f"{folder} could not be prepared")
        return folder


def fork(step: Callable[[], None]) -> int:
    """Do something in a child process; return its id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        step()
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os._exit(code)


def run_trials(name: str, root: Path, *, kills: int, seed: int, sites: list[str]) -> Tally:
    """Kill so often, or once at each of the sites; return what came of it."""
    root.mkdir(parents=True, exist_ok=True)
    _import_what_is_used(FAMILIES[name](), root)
    trial = Trial(FAMILIES[name](), root, seed)
    for site in sites:
        trial.kill_at(site)
    while not sites and trial.tally.kills < kills:
        at_site = trial.tally.kills % 2 == 0
        trial.kill_at(trial.chance.choice(trial.family.sites) if at_site else None)
    return trial.tally


def _import_what_is_used(family: Family, root: Path) -> None:
    """Import here what a unit imports only while it works, or every child would do so anew."""
    scout, told = root / "scout", root / "modules.json"
    shutil.rmtree(scout, ignore_errors=True)
    scout.mkdir()

    def work() -> None:
        before = set(sys.modules)
        family.prepare(scout)
        family.work(scout, 1, lambda told: None)
        family.read_units(scout)
        told.write_text(json.dumps(sorted(set(sys.modules) - before)))

    _, status = os.waitpid(fork(work), 0)
    if status:
        raise RuntimeError(f"{type(family).__name__} cannot do one unit in peace")
    for module in json.loads(told.read_text()):
        with suppress(ImportError):
            importlib.import_module(module)


def _tell(log: Path, told: str) -> None:
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{told}\n".encode())
    os.close(handle)


def _lines(log: Path) -> list[str]:
    return log.read_text().split("\n")[:-1] if log.exists() else []


def _read_tally(file: Path) -> Tally:
    return Tally(**json.loads(file.read_text())) if file.exists() else Tally()


if __name__ == "__main__":
    family, folder, count, number, *places = sys.argv[1:]
    found = run_trials(family, Path(folder), kills=int(count), seed=int(number), sites=places)
    print(json.dumps(asdict(found)))
