"""Words for reasons: into which groups columns are summed, and what may be shown of each group."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from features.columns import ACCOUNT_COLUMNS
from models.base import FloatArray
from models.columns import Frame
from models.season import SEASON_COLUMNS

Shown = tuple[tuple[str, str], ...]
"""Columns that can be shown for a group, the telling one first, and what to call them."""


Put = tuple[str, str, float, float]
"""A column, its label, the account's value and its peers' median; NaN where there is none."""


def _as_it_is(told: Put) -> Put:
    return told


def _nothing_more(_frame: Frame, _group: str) -> Shown:
    return ()


@dataclass(frozen=True)
class Wording:
    """How one route's reasons are put.

    Attributes
    ----------
    groups
        Business groups, in the order of an explanation's columns.
    shown
        By group, the columns that can be shown.
    engaged
        By column 1 where more of it means a better customer, -1 where less does; absent where
        neither is sure.
    actionable
        By column, whether someone in revenue can change it by acting on the account.
    group_of
        From a frame column to its group.
    more
        From a frame and a group to further columns: a company's own fields.
    put
        From a column's label and numbers to those that are shown.
    """

    groups: tuple[str, ...]
    shown: Mapping[str, Shown]
    engaged: Mapping[str, int]
    actionable: Mapping[str, bool]
    group_of: Callable[[str], str]
    more: Callable[[Frame, str], Shown] = field(default=_nothing_more)
    put: Callable[[Put], Put] = field(default=_as_it_is)


GROUPS = (
    "recency", "timing", "frequency", "money", "trend", "breadth", "credits", "tenure", "season",
    "context",
)  # fmt: skip
LARGEST_LOG_RATIO = 700.0
"""Log-ratio up to which the change in percent is a number; a little above it overflows."""
PROCESS_COLUMN = "process_log_odds"
"""What a purchase process makes of silence against an account's own pace: an inner column."""

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


def group_of(column: str) -> str:
    """Return the business group of a frame column; ``context`` for one it does not know.

    Examples
    --------
    >>> group_of("overdue_ratio"), group_of("spend_90d_minor"), group_of("new_column")
    ('timing', 'money', 'context')
    """
    family = _ELSEWHERE.get(column) or _FAMILY.get(column, "context")
    return family if family in GROUPS else "context"


def to_percent(log_ratio: float) -> float:
    """Return a log-ratio as a change in percent to one place; NaN where that is no number.

    Examples
    --------
    >>> to_percent(-0.43), to_percent(800.0)
    (-34.9, nan)
    """
    if not log_ratio <= LARGEST_LOG_RATIO:
        return math.nan
    return round(100.0 * math.expm1(log_ratio), 1) + 0.0


ORDERS = Wording(
    groups=GROUPS,
    shown=TELLING,
    engaged=ENGAGED,
    actionable={column.name: column.actionable for column in ACCOUNT_COLUMNS},
    group_of=group_of,
)
"""The words of accounts that order when they like."""


def sum_groups(
    columns: Sequence[str], contributions: FloatArray, *, wording: Wording = ORDERS
) -> FloatArray:
    """Sum column contributions of shape (n, f) into shape (n, number of groups)."""
    out = np.zeros((len(contributions), len(wording.groups)))
    for place, name in enumerate(columns):
        out[:, wording.groups.index(wording.group_of(name))] += contributions[:, place]
    return out
