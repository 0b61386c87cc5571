"""From contributions to reasons a person can use: what, how much, against whom, and can one act.

Contributions of single columns are summed into business groups. A reason says why an account is
unlike its peers (accounts of the same segment in the frame): from each group's contribution the
peers' median is taken, so that what is true of everybody (the season, the segment itself) explains
nobody. Nothing is lost: base + peers' medians + what is left = link(prediction). The groups that
raise the score most are named, with one that lowers it; each with the account's own value of a
column that differs from the peers', and their median of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.columns import ACCOUNT_COLUMNS
from models.base import FloatArray, ScoreModel
from models.season import SEASON_COLUMNS

BoolArray = NDArray[np.bool_]
Telling = Sequence[tuple[str, str, FloatArray, FloatArray]]
"""Column, label, and shape (n,) of own values and of the peers' medians."""

GROUPS = (
    "recency", "timing", "frequency", "money", "trend", "breadth", "credits", "tenure", "season",
    "context",
)  # fmt: skip
PROCESS_COLUMN = "process_log_odds"
"""What a purchase process makes of silence against an account's own pace: an inner column."""
RAISING, LOWERING = 3, 1
LEAST_SHOWN = 0.1
FEWEST_PEERS = 5
CLEAR_SHARE = 0.01

TELLING: Mapping[str, tuple[tuple[str, str], ...]] = {
    "recency": (("recency_days", "days since the last purchase"),),
    "timing": (
        ("overdue_ratio", "silence against the usual gap between purchases"),
        ("gap_mean_days", "usual days between purchases"),
    ),
    "frequency": (
        ("purchase_days_365d_count", "purchase days in the last year"),
        ("purchase_days_90d_count", "purchase days in the last 90 days"),
        ("purchase_days_count", "purchase days in all"),
    ),
    "money": (
        ("spend_365d_minor", "spend in the last year"),
        ("spend_90d_minor", "spend in the last 90 days"),
        ("day_spend_mean_minor", "spend per purchase day"),
    ),
    "trend": (
        ("spend_90d_of_365d_share", "share of the year's spend in the last 90 days"),
        ("spend_30d_of_90d_share", "share of the quarter's spend in the last 30 days"),
        ("spend_year_change_ratio", "spend of the last year against the year before"),
    ),
    "breadth": (
        ("products_mean_count", "products per purchase"),
        ("lines_mean_count", "lines per purchase"),
        ("units_mean_count", "units per purchase"),
    ),
    "credits": (
        ("credit_share", "credits against spend"),
        ("credits_count", "credits received"),
    ),
    "tenure": (("tenure_days", "days since the first purchase"),),
    "season": (
        ("spend_same_90d_minor", "spend in the same 90 days last year"),
        ("spend_same_30d_minor", "spend in the same 30 days last year"),
    ),
    "context": (
        ("country_spend_share", "the country's share of the company's spend"),
        ("company_share", "the account's share of the company's spend"),
    ),
}
"""For each group the columns that can be shown, the telling one first, and what to call them."""
ENGAGED: Mapping[str, int] = {
    **dict.fromkeys(("recency_days", "overdue_ratio", "gap_mean_days"), -1),
    **dict.fromkeys(
        (
            "purchase_days_365d_count", "purchase_days_90d_count", "purchase_days_count",
            "spend_365d_minor", "spend_90d_minor", "day_spend_mean_minor",
            "spend_same_90d_minor", "spend_same_30d_minor", "company_share",
        ),
        1,
    ),
}  # fmt: skip
"""1 where more of it means a better customer, -1 where less does; absent where neither is sure.

Columns that say nearly the same share their effect out among themselves, and a linear model may
give one of them the opposite sign. Such a part stays in the sum, but "bought three days ago, which
raises the risk" is no reason to show anybody: a column is shown only where it points the same way.
"""
LIKE_PEERS = 0.02
"""A value within so much of the peers' median (as a share of it) tells nothing apart."""

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
    peers = _peers_of(frame)
    apart = why.contributions
    if frame.num_rows >= FEWEST_PEERS:
        apart = apart - _peer_medians(apart, peers)
    shown = {group: _telling(frame, group, peers) for group in why.groups}
    # more engaged means less risk, but more value
    towards = -1 if model.unit == "probability" else 1
    link = why.link
    return [
        _reasons_of(
            row, dict(zip(why.groups, apart[row], strict=True)), towards, link=link, shown=shown
        )
        for row in range(frame.num_rows)
    ]


def _reasons_of(
    row: int, parts: Mapping[str, float], towards: int, *, link: str, shown: Mapping[str, Telling]
) -> list[dict[str, Any]]:
    largest = max((abs(part) for part in parts.values()), default=0.0)
    least = max(LEAST_SHOWN if link != "identity" else CLEAR_SHARE * largest, 1e-12)
    up: list[dict[str, Any]] = []
    down: list[dict[str, Any]] = []
    for group, part in sorted(parts.items(), key=lambda item: -abs(item[1])):
        told = _choose(shown[group], row, towards * (1 if part > 0 else -1))
        if abs(part) >= least and told is not None:
            (up if part > 0 else down).append(_reason(group, float(part), link, told=told))
    return [*up[:RAISING], *down[:LOWERING]]


def _reason(
    group: str, part: float, link: str, *, told: tuple[str, str, float, float]
) -> dict[str, Any]:
    column, label, value, peers = told
    return {
        "group": group,
        "label": label,
        "column": column,
        "contribution": round(part, 6),
        "link": link,
        "value": _finite(value),
        "peer_median": _finite(peers),
        "actionable": _ACTIONABLE.get(column, False),
        "direction": "raises" if part > 0 else "lowers",
    }


def _choose(columns: Telling, row: int, wanted: int) -> tuple[str, str, float, float] | None:
    """Return the first column that tells the account from its peers, in the wanted direction.

    ``wanted`` is 1 where the reason speaks for a better customer than the peers, -1 for a worse.
    """
    for name, label, own, peers in columns:
        value, usual = float(own[row]), float(peers[row])
        if not np.isfinite(value) or abs(value - usual) <= LIKE_PEERS * abs(usual):
            continue
        better = ENGAGED.get(name, 0) * (1 if value > usual else -1)
        if better in {0, wanted}:
            return name, label, value, usual
    return None


def _telling(frame: pa.Table, group: str, peers: Sequence[BoolArray]) -> Telling:
    """Return the columns that can be shown for a group, with each account's peers' median."""
    told = []
    for column, label in TELLING.get(group, ()):
        if column in frame.column_names:
            own = np.asarray(frame.column(column).cast(pa.float64()).to_numpy(), dtype=np.float64)
            told.append((column, label, own, _peer_medians(own[:, None], peers)[:, 0]))
    return told


def _peers_of(frame: pa.Table) -> list[BoolArray]:
    """Return one mask of shape (n,) per segment; a single one where segments are unknown."""
    if "segment" not in frame.column_names:
        return [np.ones(frame.num_rows, dtype=np.bool_)]
    segments = np.array([str(name) for name in frame.column("segment").to_pylist()], dtype=object)
    return [segments == name for name in sorted(set(segments.tolist()))]


def _peer_medians(values: FloatArray, peers: Sequence[BoolArray]) -> FloatArray:
    """Return shape (n, k): for each account the medians of the columns among its peers."""
    out = np.full(values.shape, np.nan)
    for same in peers:
        if same.sum() < FEWEST_PEERS:  # too few to say what is usual: all accounts are the peers
            out[same] = [_median(values[:, place]) for place in range(values.shape[1])]
            continue
        out[same] = [_median(values[same, place]) for place in range(values.shape[1])]
    return out


def _median(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
