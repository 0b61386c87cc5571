"""From contributions to reasons a person can use: what, how much, against whom, and can one act.

Contributions of single columns are summed into business groups. For each account the groups that
raise the score most are named, with one that lowers it; each with the account's own value of the
group's telling column and the median of its peers (accounts of the same segment in the frame).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from features.columns import ACCOUNT_COLUMNS
from models.base import Explanation, FloatArray, ScoreModel
from models.season import SEASON_COLUMNS

GROUPS = (
    "recency", "timing", "frequency", "money", "trend", "breadth", "credits", "tenure", "season",
    "context",
)  # fmt: skip
PROCESS_COLUMN = "process_log_odds"
"""What a purchase process makes of silence against an account's own pace: an inner column."""
RAISING, LOWERING = 3, 1
LEAST_SHOWN = 0.1
CLEAR_SHARE = 0.01

TELLING: Mapping[str, tuple[str, str]] = {
    "recency": ("recency_days", "days since the last purchase"),
    "timing": ("overdue_ratio", "silence against the usual gap between purchases"),
    "frequency": ("purchase_days_365d_count", "purchase days in the last year"),
    "money": ("spend_365d_minor", "spend in the last year"),
    "trend": ("spend_90d_of_365d_share", "share of the year's spend in the last 90 days"),
    "breadth": ("products_mean_count", "products per purchase"),
    "credits": ("credit_share", "credits against spend"),
    "tenure": ("tenure_days", "days since the first purchase"),
    "season": ("spend_same_90d_minor", "spend in the same season last year"),
    "context": ("segment_spend_share", "the segment's share of the company's spend"),
}
"""For each group the column shown, and what to call it."""

_ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(("gap_mean_days", "gap_std_days", "gap_cv_ratio", "overdue_ratio"), "timing"),
    "overdue_z": "timing",
    PROCESS_COLUMN: "timing",
    "tenure_days": "tenure",
    "T": "tenure",
    "spend_same_90d_minor": "season",
    "spend_same_30d_minor": "season",
    **dict.fromkeys(SEASON_COLUMNS, "season"),
}
_FAMILY = {column.name: str(column.family) for column in ACCOUNT_COLUMNS}
_ACTIONABLE = {column.name: column.actionable for column in ACCOUNT_COLUMNS}


def group_of(column: str) -> str:
    """Return the business group of a frame column; ``context`` for one it does not know.

    Examples
    --------
    >>> group_of("overdue_ratio"), group_of("spend_90d_minor"), group_of("new_column")
    ('timing', 'money', 'context')
    """
    family = _ELSEWHERE.get(column) or _FAMILY.get(column, "context")
    return family if family in GROUPS else "context"


def sum_groups(columns: Sequence[str], contributions: FloatArray) -> FloatArray:
    """Sum column contributions of shape (n, f) into shape (n, len(GROUPS))."""
    out = np.zeros((len(contributions), len(GROUPS)))
    for place, name in enumerate(columns):
        out[:, GROUPS.index(group_of(name))] += contributions[:, place]
    return out


def build_reasons(model: ScoreModel, frame: pa.Table) -> list[list[dict[str, Any]]]:
    """Return each account's reasons, the weightiest first, in the order of the frame.

    At most three that raise the score and one that lowers it. On the log-odds and log scales a
    part under 0.1 is left out; on the money scale one under 1 % of the account's largest.

    Returns
    -------
    list
        Per account a list of ``group``, ``label``, ``contribution`` (on the link's scale),
        ``link``, ``value`` and ``peer_median`` (in the column's unit; None if undefined),
        ``column``, ``actionable`` and ``direction`` (``raises`` or ``lowers`` the score).

    Raises
    ------
    FeatureMismatchError
        The frame lacks columns of the fit.
    """
    why = model.explain(frame)
    shown = {group: _telling(frame, group) for group in why.groups}
    return [_reasons_of(row, why, shown) for row in range(frame.num_rows)]


def _reasons_of(
    row: int, why: Explanation, shown: Mapping[str, tuple[FloatArray, FloatArray]]
) -> list[dict[str, Any]]:
    parts = why.contributions[row]
    order = np.argsort(-np.abs(parts), kind="stable")
    least = LEAST_SHOWN if why.link != "identity" else CLEAR_SHARE * float(np.abs(parts).max())
    clear = [place for place in order if abs(parts[place]) >= max(least, 1e-12)]
    up = [place for place in clear if parts[place] > 0][:RAISING]
    down = [place for place in clear if parts[place] < 0][:LOWERING]
    return [_reason(why, place, row, shown) for place in [*up, *down]]


def _reason(
    why: Explanation, place: int, row: int, shown: Mapping[str, tuple[FloatArray, FloatArray]]
) -> dict[str, Any]:
    group = why.groups[place]
    column, label = TELLING.get(group, ("", group))
    value, peers = shown[group]
    part = float(why.contributions[row, place])
    return {
        "group": group,
        "label": label,
        "column": column,
        "contribution": round(part, 6),
        "link": why.link,
        "value": _finite(value[row]),
        "peer_median": _finite(peers[row]),
        "actionable": _ACTIONABLE.get(column, False),
        "direction": "raises" if part > 0 else "lowers",
    }


def _telling(frame: pa.Table, group: str) -> tuple[FloatArray, FloatArray]:
    """Return the group's telling column and its median among each account's peers."""
    column = TELLING.get(group, ("", ""))[0]
    nothing = np.full(frame.num_rows, np.nan)
    if column not in frame.column_names:
        return nothing, nothing
    value = np.asarray(frame.column(column).cast(pa.float64()).to_numpy(), dtype=np.float64)
    if "segment" not in frame.column_names:
        return value, np.full(len(value), _median(value))
    segments = np.array([str(name) for name in frame.column("segment").to_pylist()], dtype=object)
    peers = nothing.copy()
    for name in sorted(set(segments.tolist())):
        same = segments == name
        peers[same] = _median(value[same])
    return value, peers


def _median(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
