"""How far the worth of the whole book depends on who happened to be seen: a grouped jackknife."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.base import Examples, FloatArray
from models.columns import number_units

GROUPS = 10


def measure_spread(examples: Examples, value: Callable[[Examples], FloatArray]) -> float:
    """Return the standard error of the log of a total that is learned from examples.

    The accounts fall into ten groups; each is left out once, with all its past days, and the total
    is learned again from the others (delete-a-group jackknife: Shao and Tu 1995, 2.3). It counts
    accounts, not rows, and weighs them as the total does: a book that lives on a few large ones is
    as uncertain as they are.

    Parameters
    ----------
    examples
        Training rows.
    value
        From examples to a fitted value of one and the same book, any shape.
    """
    group = find_groups(examples)
    used = [n for n in range(GROUPS) if (group != n).any() and (group == n).any()]
    if len(used) < 2:
        return 0.0
    totals = [float(np.sum(value(examples.take(group != left_out)))) for left_out in used]
    logs = np.log(np.maximum(totals, 1.0))
    return float(np.sqrt((len(used) - 1) / len(used) * ((logs - logs.mean()) ** 2).sum()))


def find_groups(examples: Examples) -> NDArray[np.int64]:
    """Return each row's group, shape (n,): all rows of an account fall into one."""
    place, names = number_units(examples.frame, "account_id")
    group = np.array([zlib.crc32(str(name).encode()) % GROUPS for name in names], dtype=np.int64)
    return np.asarray(group[place])
