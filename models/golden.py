"""Golden rows: what a LightGBM text answered when it was saved, asked again in a child process.

A damaged LightGBM text kills the process that parses it (no exception can be caught), so a bundle's
texts are first parsed by a child that runs this file alone: it imports nothing of Truecast and none
of the heavy optional parts of LightGBM.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 16
TOLERANCE = 1e-9
HEAVY = ("pandas", "sklearn", "pyarrow", "dask", "matplotlib", "graphviz", "cffi")


def build_rows(n_features: int) -> NDArray[np.float64]:
    """Build fixed rows that walk through a wide range of values, with gaps (NaN).

    Parameters
    ----------
    n_features
        Columns of the booster.

    Returns
    -------
    numpy.ndarray
        Shape ``(ROWS, n_features)``; the same for every run.
    """
    rng = np.random.default_rng(20111210)
    scale = 10.0 ** rng.integers(-1, 6, size=(ROWS, n_features))
    rows = rng.standard_normal((ROWS, n_features)) * scale
    rows[rng.random((ROWS, n_features)) < 0.15] = np.nan
    rows[0], rows[1] = 0.0, np.nan
    return np.asarray(rows, dtype=np.float64)


def predict_text(text: str) -> list[float]:
    """Parse a LightGBM text and answer the golden rows, flattened; one thread.

    Raises
    ------
    Exception
        Whatever LightGBM raises, unless it kills the process.
    """
    import lightgbm

    booster = lightgbm.Booster(model_str=text)
    rows = build_rows(booster.num_feature())
    answer: Any = booster.predict(rows, raw_score=True, num_threads=1)
    return [float(value) for value in np.asarray(answer, dtype=np.float64).ravel()]


def agrees(found: list[float], expected: list[float]) -> bool:
    """Tell whether two lists of answers are equal within ``TOLERANCE`` (relative and absolute)."""
    if len(found) != len(expected):
        return False
    return bool(np.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))


def _main() -> int:
    for name in HEAVY:
        sys.modules[name] = None  # type: ignore[assignment]  # LightGBM then does without them
    asked: dict[str, dict[str, Any]] = json.loads(sys.stdin.buffer.read())
    wrong = [
        name for name, one in asked.items() if not agrees(predict_text(one["text"]), one["answers"])
    ]
    sys.stdout.write(json.dumps({"checked": sorted(asked), "wrong": wrong}) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(_main())
