"""What owners called a commit and what came: the figures from which their bias is estimated.

In each ended quarter all weekly looks are read, and every deal counts once, for the owner who had
it when it was last looked at: whether any look showed it as committed for the quarter, and whether
it was won in it. A win is *late appearing* when week 3 did not show it in the quarter: its close
date lay beyond, or it was not yet there. Deals of one kind that came equally far in the quarter
are one case: what owners usually say of it is what each of them is held against.
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
from models.base import FloatArray
from models.deals.owner_bias import Commits, measure_owner_bias
from training.deals.past import DealPast

COMMIT_WEEK = 3
_MARKS = ("committed", "won", "late", "commit_minor", "won_minor")
_LOOKED = ("opportunity_id", "owner_id", "as_of", "kind", "stage_position", "amount_minor",
           "is_commit", "close_in_quarter")  # fmt: skip
_AFTER = ("won_in_quarter", "final_amount_minor")
_KEYS = ("owner_id", "opportunity_id", "case")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _KEYS),
        ("quarter_on", pa.date32()),
        *((name, pa.float64()) for name in _MARKS),
    ]
)


def build_owner_quarters(past: DealPast, quarters: Sequence[Quarter]) -> pa.Table:
    """Return one row per ended quarter and deal that was open on any of its looks.

    Returns
    -------
    pyarrow.Table
        ``owner_id`` (at the quarter's last look); ``opportunity_id``; ``case`` (kind of deal and
        the furthest stage a look showed); ``quarter_on`` (first day); 1 or 0 each: ``committed``
        (on any look, with a close date in the quarter), ``won`` (in the quarter), ``late`` (won,
        and not shown in the quarter at week 3); minor units: ``commit_minor`` (amount when first
        committed), ``won_minor``. Bulk closes, deals without an owner, and deals opened and won
        between two looks are in none of them.
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
        deal=quarters.column("opportunity_id").to_pylist(),
        quarter=[str(day) for day in quarters.column("quarter_on").to_pylist()],
        case=quarters.column("case").to_pylist(),
        **{name: _floats(quarters, name) for name in _MARKS},
    )
    return [
        {name: _or_null(value) for name, value in asdict(one).items()}
        for one in measure_owner_bias(commits)
    ]


def _or_null(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _one_quarter(past: DealPast, quarter: Quarter) -> pa.Table:
    try:
        rows = past.examples(past.plan.judge_days(quarter), past.plan.as_of)
    except NotEnoughHistoryError:  # a quarter in which no deal was open
        return SCHEMA.empty_table()
    if rows.outcomes is None:
        return SCHEMA.empty_table()
    looks = rows.frame.select(_LOOKED)
    for name in _AFTER:
        looks = looks.append_column(name, rows.outcomes.column(name))
    # a deal closed in bulk has no outcome: it is not known to be lost
    told = np.isfinite(_floats(looks, "won_in_quarter")) & (_names(looks, "owner_id") != "")
    if not told.any():
        return SCHEMA.empty_table()
    return _one_row_a_deal(looks.filter(pa.array(told)).sort_by("as_of"), quarter)


def _one_row_a_deal(looks: pa.Table, quarter: Quarter) -> pa.Table:
    """Return one row per deal of a quarter's looks, oldest first, of those by its last owner."""
    deals, place = np.unique(_names(looks, "opportunity_id"), return_inverse=True)
    owner = _names(looks, "owner_id")
    last = np.zeros(len(deals), dtype=np.int64)
    last[place] = np.arange(len(place))
    kept = np.flatnonzero(owner == owner[last][place])
    third = quarter.start + timedelta(days=7 * COMMIT_WEEK)
    marks = _mark(looks.take(pa.array(kept)), place[kept], third=third)
    kind, far = _names(looks, "kind")[last], marks.pop("far")
    keys = {
        "owner_id": pa.array(owner[last].tolist(), pa.string()),
        "opportunity_id": pa.array(deals.tolist(), pa.string()),
        "case": pa.array([f"{a} {b:g}" for a, b in zip(kind, far, strict=True)], pa.string()),
        "quarter_on": pa.array([quarter.start] * len(deals), pa.date32()),
    }
    return pa.table(keys | marks, schema=SCHEMA)


def _mark(looks: pa.Table, place: NDArray[np.intp], *, third: date) -> dict[str, FloatArray]:
    """Return what deals' looks, oldest first, say of them: shape (deals,) each."""
    size = int(place.max()) + 1
    day = looks.column("as_of").to_numpy().astype("datetime64[D]")
    amount, final = _floats(looks, "amount_minor"), _floats(looks, "final_amount_minor")
    due = _floats(looks, "close_in_quarter") == 1.0
    commit = np.flatnonzero(due & (_floats(looks, "is_commit") == 1.0))
    won, came = np.zeros(size), np.zeros(size)
    won[place] = _floats(looks, "won_in_quarter")
    came[place] = np.nan_to_num(np.where(np.isfinite(final), final, amount))
    first, far = np.zeros(size), np.full(size, -1.0)
    # backwards, so that the first one stays
    first[place[commit[::-1]]] = np.nan_to_num(amount[commit[::-1]])
    np.maximum.at(far, place, np.nan_to_num(_floats(looks, "stage_position"), nan=-1.0))
    week3 = np.datetime64(third, "D")
    shown = _any(place[due & (day == week3)], size)
    # what was won before week 3 did not appear after it
    later = _any(place[day >= week3], size)
    return {
        "far": far,
        "committed": _any(place[commit], size),
        "won": won,
        "late": won * (later > shown),
        "commit_minor": first,
        "won_minor": won * came,
    }


def _any(places: NDArray[np.intp], size: int) -> FloatArray:
    return (np.bincount(places, minlength=size) > 0).astype(np.float64)


def _names(table: pa.Table, name: str) -> NDArray[np.str_]:
    return np.array([one or "" for one in table.column(name).to_pylist()], dtype=str)


def _floats(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)
