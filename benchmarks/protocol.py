"""What a benchmark script exposes, and what it may use to check itself.

A script is one file of this folder, named after its protocol (``or2-90`` is ``or2_90.py``)::

    NAME = "or2-90"

    def run() -> Result:
        ...
        check_reproduced("mean, MAE", found=730.2, published=730)
        return Result(figures={"mae": 371.0}, rivals={"run rate": {"mae": 385.0}}, n=5281, note="…")

A script that measures another process (a server, a command) also lists what that process runs, as
``MEASURES = ("truecast.py", "service")``, so that its result goes stale with it.

The runner adds the commit, the seconds and the peak memory and writes
``benchmarks/results/<NAME>.json``. A script may leave its own ``seconds`` or ``peak_mb`` in
``figures`` where the protocol is about them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA_VARIABLE = "TRUECAST_BENCH_DATA"


class BenchmarkError(Exception):
    """A benchmark cannot run, or its rivals are not those of the page it quotes."""


@dataclass(frozen=True)
class Result:
    """The outcome of one protocol.

    Parameters
    ----------
    figures
        Name → value of the product under test, e.g. ``{"mae": 371.2}``; every value finite.
    rivals
        Rival → (name → value), with the same names where they mean the same.
    n
        How many units were scored (accounts, quarters, rows), so that a reader can judge noise.
    note
        One or two sentences: what was chosen where, what falls short. Shown in the table.
    """

    figures: Mapping[str, float]
    rivals: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    n: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        if not self.figures:
            raise BenchmarkError("a result without figures; expected at least one")
        for owner, values in {"the product": self.figures, **self.rivals}.items():
            for name, value in values.items():
                if not math.isfinite(value):
                    raise BenchmarkError(f"{owner}: {name} is {value}; expected a finite number")


def check_reproduced(name: str, found: float, published: float, *, tolerance: float = 0.01) -> None:
    """Stop a benchmark whose rival is not the published one, before anything is written.

    Parameters
    ----------
    name
        What is compared, as the message should say it.
    found, published
        The figure of this run and the figure of the page that is quoted, in the same unit.
    tolerance
        Largest accepted distance as a share of the published figure; where that is zero, the
        largest accepted absolute distance.

    Raises
    ------
    BenchmarkError
        The distance is larger, or ``found`` is not a number.
    """
    allowed = tolerance * (abs(published) or 1.0)
    if not abs(found - published) <= allowed:
        raise BenchmarkError(
            f"{name}: found {found:.6g}, expected {published:.6g} within {tolerance:.1%}; "
            "to do: align this run with the protocol before quoting the page"
        )


def data_dir() -> Path:
    """Return the folder of the public data sets.

    Raises
    ------
    BenchmarkError
        The folder is not there.
    """
    folder = Path(os.environ.get(DATA_VARIABLE) or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        raise BenchmarkError(
            f"no data folder at {str(folder)!r}; to do: set {DATA_VARIABLE} to the one with cdnow/"
        )
    return folder
