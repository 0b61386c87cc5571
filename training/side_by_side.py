"""Raw legs of past quarters, made in several processes and kept on disk as they come.

A quarter is one piece of work, because its model is fitted once for all its weeks. Each piece is a
file named by everything it depends on (facts, code, day, quarter); a run that was killed finds the
files of the quarters that were done and makes only the others.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import DataError
from lifecycle.history import open_history
from lifecycle.periods import FiscalCalendar, Quarter
from models.forecast.engines import Engine
from models.forecast.raw import RawForecast
from models.forecast.raw_store import from_bytes, to_bytes
from training.backtest import group_by_quarter, make_raw
from training.engines import open_past_engines

ROOMS = ("lifecycle", "features", "models", "training")


@dataclass(frozen=True)
class Ground:
    """Where the facts of a backtest are, and how their company counts.

    Parameters
    ----------
    lake_dir
        Folder of the facts.
    zone
        In which days begin.
    calendar
        When quarters begin.
    currency
        The company's, ISO 4217.
    as_of
        The day of the backtest: nothing known later is read.
    """

    lake_dir: Path
    zone: ZoneInfo
    calendar: FiscalCalendar
    currency: str
    as_of: date

    def open(self) -> list[Engine]:
        """Open one engine for each family of targets that the facts speak of."""
        history = open_history(self.lake_dir, zone=self.zone)
        return open_past_engines(
            history, calendar=self.calendar, currency=self.currency, as_of=self.as_of
        )

    def version(self) -> str:
        """Return which facts are read, as text."""
        return str(open_history(self.lake_dir, zone=self.zone).as_of(self.as_of).version)


_engines: list[Engine] | None = None


def make_side_by_side(
    ground: Ground,
    origins: Sequence[tuple[Quarter, date]],
    *,
    kept: Path,
    processes: int = 2,
    ticker: Ticker | None = None,
) -> Callable[[Quarter, Sequence[date]], list[RawForecast]]:
    """Make the raw legs of all origins, and return where each quarter's are found.

    Parameters
    ----------
    ground
        The facts.
    origins
        Of `training.backtest.backtest_origins`.
    kept
        Folder of the pieces.
    processes
        How many work at once.
    ticker
        Advanced by the origins of each quarter as it is done.
    """
    shown = ticker or SilentTicker()
    kept.mkdir(parents=True, exist_ok=True)
    places = _places(ground, origins, kept)
    waiting = []
    for quarter, days in group_by_quarter(origins):
        if _read(places[quarter], ground.calendar) is None:
            waiting.append((quarter, days))
        else:
            shown.advance(len(days))
    # spawned, not forked: LightGBM's threads do not survive a fork
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _open, (ground,)) as pool:
        jobs: dict[Future[None], int] = {
            pool.submit(_make, quarter, days, places[quarter]): len(days)
            for quarter, days in waiting
        }
        for job in as_completed(jobs):
            job.result()
            shown.advance(jobs[job])

    def read(quarter: Quarter, days: Sequence[date]) -> list[RawForecast]:
        found = _read(places[quarter], ground.calendar)
        return [one for one in found or () if one.origin in set(days)]

    return read


def _places(
    ground: Ground, origins: Sequence[tuple[Quarter, date]], kept: Path
) -> dict[Quarter, Path]:
    code, version = _code_digest(), ground.version()
    places = {}
    for quarter, days in group_by_quarter(origins):
        key = f"{code} {version} {ground.as_of} {ground.currency} {quarter!r} {days}"
        places[quarter] = kept / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.arrow"
    return places


def _open(ground: Ground) -> None:
    global _engines
    _engines = ground.open()


def _make(quarter: Quarter, days: Sequence[date], place: Path) -> None:
    written = to_bytes(make_raw(_engines or (), quarter, days, SilentTicker()))
    unfinished = place.with_suffix(f".{os.getpid()}.part")
    unfinished.write_bytes(written)
    unfinished.replace(place)  # whole or not at all


def _read(place: Path, calendar: FiscalCalendar) -> list[RawForecast] | None:
    with suppress(OSError, DataError):
        return from_bytes(place.read_bytes(), calendar)
    return None


def _code_digest() -> str:
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
