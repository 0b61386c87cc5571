"""What owners committed and what came: the figures from which their bias is estimated.

In each ended quarter the landmark of week 3 is read: what an owner had committed for the quarter
then, and what was won of the deals on it and of those that appeared later. A win is *late
appearing* when week 3 did not show it in the quarter: its close date lay beyond, or it was not
yet there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import Quarter
from models.base import Examples, FloatArray
from models.deals.owner_bias import Commits, measure_owner_bias
from training.deals.past import DealPast

COMMIT_WEEK = 3
SCHEMA = pa.schema(
    [
        ("owner_id", pa.string()),
        ("quarter_on", pa.date32()),
        ("commit_minor", pa.float64()),
        ("commit_count", pa.float64()),
        ("won_minor", pa.float64()),
        ("won_count", pa.float64()),
        ("late_count", pa.float64()),
        ("commit_won_count", pa.float64()),
    ]
)


def build_owner_quarters(past: DealPast, quarters: Sequence[Quarter]) -> pa.Table:
    """Return one row per owner and ended quarter in which the owner committed or won anything.

    Returns
    -------
    pyarrow.Table
        ``owner_id``; ``quarter_on`` (first day); ``commit_minor`` and ``commit_count`` (committed
        at week 3 with a close date in the quarter); ``won_minor`` and ``won_count`` (won from
        week 3 to the quarter's end, by the deals' owners when first seen from week 3 on);
        ``late_count`` (wins that week 3 did not show in the quarter); ``commit_won_count``
        (committed and won). A deal opened and won between two landmarks is in none of them.
    """
    parts = [SCHEMA.empty_table()]
    for quarter in quarters:
        if quarter.end <= past.plan.as_of:
            parts.append(_one_quarter(past, quarter))
    return pa.concat_tables(parts)


def describe_owner_bias(quarters: pa.Table) -> list[dict[str, Any]]:
    """Return each owner's posterior as JSON values, NaN as null, sorted by owner.

    Parameters
    ----------
    quarters
        As `build_owner_quarters` returns them.
    """
    commits = Commits(
        owner=quarters.column("owner_id").to_pylist(),
        commit_minor=_floats(quarters, "commit_minor"),
        won_minor=_floats(quarters, "won_minor"),
        deals_count=_floats(quarters, "commit_count"),
        won_count=_floats(quarters, "won_count"),
        late_count=_floats(quarters, "late_count"),
    )
    return [
        {name: _or_null(value) for name, value in asdict(one).items()}
        for one in measure_owner_bias(commits)
    ]


def _or_null(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _one_quarter(past: DealPast, quarter: Quarter) -> pa.Table:
    third = quarter.start + timedelta(days=7 * COMMIT_WEEK)
    days = [day for day in past.plan.judge_days(quarter) if day >= third]
    try:
        rows = _first_rows(past.examples(days, past.plan.as_of))
    except NotEnoughHistoryError:  # a quarter in which no deal was open
        return SCHEMA.empty_table()
    return _sum_up(rows, third=third, start=quarter.start)


def _first_rows(examples: Examples) -> Examples:
    """Return each deal's first row, in order of day."""
    order = np.argsort(examples.as_of, kind="stable")
    deals = np.array(examples.frame.column("opportunity_id").to_pylist(), dtype=object)[order]
    _, first = np.unique(deals.astype(str), return_index=True)
    return examples.take(order[np.sort(first)])


def _sum_up(rows: Examples, *, third: date, start: date) -> pa.Table:
    frame, after = rows.frame, rows.outcomes
    if after is None:
        return SCHEMA.empty_table()
    amount = _floats(frame, "amount_minor")
    final = _floats(after, "final_amount_minor")
    won = _floats(after, "won_in_quarter") == 1.0
    seen = rows.as_of == np.datetime64(third, "D")
    due = seen & (_floats(frame, "close_in_quarter") == 1.0)
    commit = due & (_floats(frame, "is_commit") == 1.0)
    sums = {
        "commit_minor": np.where(commit, np.nan_to_num(amount), 0.0),
        "commit_count": commit.astype(float),
        "won_minor": np.where(won, np.nan_to_num(np.where(np.isfinite(final), final, amount)), 0.0),
        "won_count": won.astype(float),
        "late_count": (won & ~due).astype(float),
        "commit_won_count": (won & commit).astype(float),
    }
    return _by_owner(frame.column("owner_id"), sums, some=commit | won, start=start)


def _by_owner(
    owner: pa.ChunkedArray, sums: dict[str, FloatArray], *, some: NDArray[np.bool_], start: date
) -> pa.Table:
    names = np.array([name or "" for name in owner.to_pylist()], dtype=object).astype(str)
    some = some & (names != "")
    each, place = np.unique(names[some], return_inverse=True)
    columns = {name: np.bincount(place, weights=values[some], minlength=len(each))
               for name, values in sums.items()}  # fmt: skip
    days = pa.array([start] * len(each), pa.date32())
    return pa.table(
        {"owner_id": pa.array(each.tolist(), pa.string()), "quarter_on": days, **columns},
        schema=SCHEMA,
    )


def _floats(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)
