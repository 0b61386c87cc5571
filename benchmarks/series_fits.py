"""Fits of single models, kept outside the repository so that nothing is fitted twice.

The key is the content: the series, the model, horizon, season and the library's version. Several
processes may read and write; a study that is stopped takes up where it was.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from importlib.metadata import version

import numpy as np

from benchmarks.protocol import ROOT
from models.forecast.time_series.members import Fit, fit_member

KEPT = ROOT / ".bench" / "series_fits.sqlite"
ROWS = "create table if not exists fits (key text primary key, seconds real, content blob)"


class KeptFits:
    """Fits by content.

    Attributes
    ----------
    seconds
        By model, what the fits asked of it took when they were made.
    made
        Seconds of the fits that were made now.
    """

    def __init__(self) -> None:
        KEPT.parent.mkdir(exist_ok=True)
        self._rows = sqlite3.connect(KEPT, timeout=120, isolation_level=None)
        self._rows.execute("pragma journal_mode=wal")
        self._rows.execute("pragma synchronous=off")
        self._rows.execute(ROWS)
        self.seconds: dict[str, float] = {}
        self.made = 0.0

    def __call__(self, name: str, y: np.ndarray, *, horizon: int, season: int) -> Fit:
        """Return the fit that is kept, or make and keep it; count its seconds by model."""
        told = f"{name} {horizon} {season} {version('statsforecast')}"
        key = hashlib.sha256(told.encode() + y.tobytes()).hexdigest()[:32]
        row = self._rows.execute("select seconds, content from fits where key=?", [key]).fetchone()
        if row is None:
            began = time.process_time()
            fit = fit_member(name, y, horizon=horizon, season=season)
            row = (time.process_time() - began, np.concatenate(_parts(fit)).tobytes())
            self._rows.execute("insert or ignore into fits values (?, ?, ?)", [key, *row])
            self.made += row[0]
        self.seconds[name] = self.seconds.get(name, 0.0) + row[0]
        values = np.frombuffer(row[1], dtype=np.float64)
        return Fit(*np.split(values, [horizon, 2 * horizon, 3 * horizon]))


def _parts(fit: Fit) -> list[np.ndarray]:
    return [fit.mean, fit.low, fit.high, fit.fitted]
