"""Synthetic companies for studies: simulated, written to a lake, read back as a product would."""

from __future__ import annotations

import hashlib
import inspect
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from benchmarks.freshness import imported_files
from benchmarks.protocol import ROOT, BenchmarkError
from lifecycle.history import History, open_history
from lifecycle.world.presets import Variant, WorldParams
from lifecycle.world.simulate import simulate
from lifecycle.world.trace import Trace
from lifecycle.world.writing import write_world

PROCESSES = 2
KEPT = ROOT / ".bench"
"""Single results of studies that take long; not part of the project."""
Task = TypeVar("Task")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Company:
    """One world with its truth at hand and its facts in a lake."""

    trace: Trace
    history: History

    @property
    def end(self) -> date:
        """The first day after its last week."""
        return self.trace.params.end

    def day_number(self, day: date) -> int:
        """Return days since the world's start, as its truth counts them."""
        return (day - self.trace.params.start).days


@contextmanager
def open_company(
    accounts: int, months: int, *, seed: int, variant: Variant = "plain"
) -> Iterator[Company]:
    """Make a world in a folder that goes when the study ends."""
    trace = simulate(WorldParams(accounts, months, seed=seed, variant=variant))
    with tempfile.TemporaryDirectory() as folder:
        lake = Path(folder) / "lake"
        write_world(trace, lake)
        yield Company(trace, open_history(lake, zone=ZoneInfo("UTC")))


def run_each(
    study: Callable[[Task], Found], tasks: Sequence[Task], *, resume: bool = False
) -> list[Found]:
    """Run a study of each task, two at a time, in fresh processes; results in order.

    Parameters
    ----------
    study
        A function of a module; with ``resume`` it returns JSON values.
    tasks
        What to study; with ``resume`` their ``repr`` says all.
    resume
        Keep each result under ``KEPT`` as it comes, and take up where an earlier run of the same
        code was stopped.
    """
    # one process a core: a second thread of linear algebra in each would wait for the other's
    os.environ["OMP_NUM_THREADS"] = "1"
    # spawned, not forked: LightGBM's threads do not survive a fork
    context = multiprocessing.get_context("spawn")
    places = [_place_of(study, task) if resume else None for task in tasks]
    done = {n: json.loads(one.read_text()) for n, one in enumerate(places) if one and one.exists()}
    with ProcessPoolExecutor(PROCESSES, mp_context=context, max_tasks_per_child=1) as pool:
        waiting = {pool.submit(study, task): n for n, task in enumerate(tasks) if n not in done}
        try:
            for future in as_completed(waiting):
                number = waiting[future]
                done[number] = _keep(future.result(), places[number])
                sys.stderr.write(f"{len(done)} of {len(tasks)}: {tasks[number]}\n")
        except BaseException:
            pool.shutdown(cancel_futures=True)  # the other tasks would run for hours first
            raise
    return [done[n] for n in range(len(tasks))]


def _keep(found: Found, place: Path | None) -> Found:
    if place is not None:
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps(found))
    return found


def _place_of(study: Callable[[Task], Found], task: Task) -> Path:
    """Return where a result is kept: named by the code that made it, the study and the task."""
    digest = hashlib.sha256(f"{study.__name__} {task!r}".encode())
    for path in sorted(imported_files(Path(inspect.getfile(study)))):
        digest.update(path.read_bytes())
    return KEPT / f"{digest.hexdigest()[:32]}.json"


def align(
    wanted: Sequence[str], known: NDArray[np.str_], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a truth in the order of a frame's accounts; NaN where the truth has none."""
    place = dict(zip(known.tolist(), range(len(known)), strict=True))
    rows = [place.get(name, -1) for name in wanted]
    return np.where(np.array(rows) >= 0, values[rows], np.nan)


def check_oracle(found: Sequence[Mapping[str, Mapping[str, float]]]) -> float:
    """Return the largest AUC above the oracle's, in standard errors; refuse more than 2.

    Parameters
    ----------
    found
        By company, figures by candidate and of ``oracle``: ``auc`` and its ``auc_se``.
    """
    worst = max(
        (one[name]["auc"] - one["oracle"]["auc"]) / max(one[name]["auc_se"], 1e-9)
        for one in found
        for name in one
        if name != "oracle"
    )
    if worst > 2.0:
        raise BenchmarkError(f"a model is {worst:.1f} standard errors above the oracle: a leak")
    return worst
