"""What happened after each past day, as numbers: when the decision to leave fell, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lifecycle.errors import ModelError
from models.base import Examples, FloatArray
from models.columns import Frame, number_units, read_numbers

if TYPE_CHECKING:
    import pyarrow as pa

MONTH_DAYS = 365.0 / 12.0
"""Length of a month ahead (days): twelve of them are a year of 365 days exactly."""
SPREAD = 3.0
"""Variance of log-odds that columns are expected to explain."""
NEEDED = ("decided_days", "observed_days")


def read_outcomes(examples: Examples) -> pa.Table:
    """Return the outcomes of examples.

    Raises
    ------
    ModelError
        The examples carry none, or lack ``decided_days`` or ``observed_days``.
    """
    found = examples.outcomes
    missing = [name for name in NEEDED if found is None or name not in found.column_names]
    if found is None or missing:
        raise ModelError(
            f"examples without outcomes {', '.join(missing)}",
            "days to the decision to leave and days observed, per row",
            "build the examples with training.outcomes",
        )
    return found


def read_days(outcomes: pa.Table, name: str) -> FloatArray:
    """Return shape (n,): days from the past day to an event; NaN where none is known."""
    return read_numbers(outcomes, name)


def count_events(examples: Examples) -> float:
    """Return how many decisions to leave the positive labels stand for.

    Windows of neighbouring days overlap: one decision makes a positive label on several past days,
    and is counted once, by account and day of decision. Without outcomes the positive labels are
    divided by how many windows cover a day.

    Examples
    --------
    >>> days = np.array(["2024-01-01", "2024-01-31"], dtype="datetime64[D]")
    >>> import pyarrow as pa
    >>> after = pa.table({"decided_days": [50.0, 20.0], "observed_days": [90.0, 90.0]})
    >>> frame = pa.table({"account_id": ["a", "a"]})
    >>> count_events(Examples(frame, np.ones(2), days, 90, after))
    1.0
    """
    positive = np.flatnonzero(examples.label > 0)
    if len(positive) == 0:
        return 0.0
    if examples.outcomes is None or "decided_days" not in examples.outcomes.column_names:
        days = np.unique(examples.as_of).astype("datetime64[D]")
        span = float((days[-1] - days[0]).astype(int)) + examples.horizon_days
        return len(positive) / max(1.0, len(days) * examples.horizon_days / span)
    return count_decisions(examples, positive)


def count_decisions(examples: Examples, rows: NDArray[np.intp]) -> float:
    """Return how many decisions to leave, by account and day, these rows with one stand for.

    Raises
    ------
    ModelError
        The examples carry no outcomes.
    """
    after = np.nan_to_num(read_days(read_outcomes(examples), "decided_days")[rows])
    decided = examples.as_of[rows].astype(np.int64) + np.round(after).astype(np.int64)
    unit = unit_numbers(examples.frame)[rows]
    return float(len(np.unique(np.column_stack([unit, decided]), axis=0)))


def choose_ridge(positives: float, events: float) -> Callable[[int], float]:
    """Return how strongly each column of a logistic is held at zero, by their number.

    A Gaussian prior: before any data, all columns together spread log-odds with a variance of
    ``SPREAD``, each its even part of it. Rows of neighbouring days repeat a decision, so the
    likelihood counts it several times, and the prior is made to count as often.

    Parameters
    ----------
    positives
        Rows with an event.
    events
        Decisions they stand for.

    Examples
    --------
    >>> choose_ridge(300.0, 100.0)(100)
    100.0
    """
    repeated = max(positives / max(events, 1.0), 1.0)
    return lambda columns: repeated * columns / SPREAD


def unit_numbers(frame: Frame) -> FloatArray:
    """Return shape (n,): one number per unit (subscription if the frame has it, else account)."""
    key = "subscription_id" if "subscription_id" in frame.column_names else "account_id"
    return number_units(frame, key)[0].astype(np.float64)
