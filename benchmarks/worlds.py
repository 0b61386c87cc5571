"""Synthetic companies for studies: simulated, written to a lake, read back as a product would."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from lifecycle.history import History, open_history
from lifecycle.world.presets import Variant, WorldParams
from lifecycle.world.simulate import simulate
from lifecycle.world.trace import Trace
from lifecycle.world.writing import write_world

PROCESSES = 2
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


def run_each(study: Callable[[Task], Found], tasks: Sequence[Task]) -> list[Found]:
    """Run a study of each task, two at a time, in fresh processes; results in order."""
    # spawned, not forked: LightGBM's threads do not survive a fork
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context, max_tasks_per_child=1) as pool:
        return list(pool.map(study, tasks))


def align(
    wanted: Sequence[str], known: NDArray[np.str_], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a truth in the order of a frame's accounts; NaN where the truth has none."""
    place = dict(zip(known.tolist(), range(len(known)), strict=True))
    rows = [place.get(name, -1) for name in wanted]
    return np.where(np.array(rows) >= 0, values[rows], np.nan)
