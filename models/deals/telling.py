"""Words for reasons of deals: business groups, and what each can show."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from features.columns import Column
from features.deal_columns import DEAL_COLUMNS
from models.base import Explanation, FloatArray
from models.contract.telling import own_fields
from models.deals.inputs import source_of
from models.tellings import Put, Shown, Wording, sum_groups, to_percent
from models.vocabulary import OWN_NUMBER, OWN_TEXT

GROUPS = (
    "stage", "timing", "close_date", "amount", "activity", "people", "owner", "account",
    "calendar", "path", "attributes",
)  # fmt: skip
_HELPS = (
    "stage_position", "stage_win_share", "close_in_quarter", "weeks_left", "quarter_days_left",
    "is_commit", "is_best_case", "two_way_share", "contacts_count", "people_max_count",
    "meetings_28d_count", "meetings_held_count", "next_meeting", "sentiment_mean",
    "activities_7d_count", "activities_14d_count", "activities_28d_count",
    "activities_56d_count", "activities_count", "two_way_28d_count", "sentiment_28d_mean",
    "stage_moves_count", "owner_win_share", "account_is_customer", "account_won_count",
    "path_log_odds", "win_share_8w", "account_nps", "account_usage_trend",
    "replies_28d_count", "replies_56d_count", "two_way_week_rate", "two_way_peer_ratio",
    "two_way_28d_peer_ratio", "senior_contacts_count",
)  # fmt: skip
_HURTS = (
    "push_count", "push_days", "overdue_days", "close_placeholder", "stage_regressions_count",
    "stage_age_vs_won", "stage_overdue_won_p90", "forward_days", "silence_days",
    "two_way_silence_days", "no_shows_count", "has_competitor", "is_omitted",
    "stage_loops_count", "close_past_quarter_days",
    "owner_slip_share", "owner_push_share", "account_lost_count", "account_tickets_open_count",
    "account_notice", "next_step_days", "reply_hours", "edit_days",
)  # fmt: skip
# neither: outreach and calls may be work on a deal or at a deaf ear, and a close date may be told
# so far ahead, or so long ago, that either is bad
_FAMILY = {column.name: str(column.family) for column in DEAL_COLUMNS}
_TOLD_AS: Mapping[str, str] = {"amount_log": "amount_minor"}
"""Columns that are shown as another one of the frame, which a person can read."""
_CHANGE = "amount_change_log"


def group_of(column: str) -> str:
    """Return the business group of a column of a deal matrix; ``attributes`` for own fields.

    Examples
    --------
    >>> group_of("push_count"), group_of("pair:week"), group_of("text:region")
    ('close_date', 'calendar', 'attributes')
    """
    if column.startswith((OWN_NUMBER, OWN_TEXT)):
        return "attributes"
    family = _FAMILY.get(source_of(column), "attributes")
    return family if family in GROUPS else "attributes"


def label_of(column: Column) -> str:
    """Return what to call a column in a reason: the first clause of its meaning."""
    text = column.meaning.split(";")[0].removesuffix(".")
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def put_plainly(told: Put) -> Put:
    """Return label and numbers as a person would put them: a change of the amount in percent.

    Examples
    --------
    >>> put_plainly(("amount_change_log", "log of the amount", -0.105, 0.0))[1:]
    ('change of the amount since the first one told, in percent', -10.0, 0.0)
    """
    column, label, value, usual = told
    if column != _CHANGE:
        return column, label, value, usual
    label = "change of the amount since the first one told, in percent"
    return column, label, to_percent(value), to_percent(usual)


def _list_shown(group: str) -> Shown:
    return tuple(
        (c.name, label_of(c))
        for c in DEAL_COLUMNS
        if c.family != "id" and c.name not in _TOLD_AS and group_of(c.name) == group
    )


DEALS = Wording(
    groups=GROUPS,
    shown={group: _list_shown(group) for group in GROUPS},
    # reasons take a probability for a risk, and here it is the chance of a good end: of what
    # helps a deal, more means less of what a risk is
    engaged={**dict.fromkeys(_HELPS, -1), **dict.fromkeys(_HURTS, 1)},
    actionable={column.name: column.actionable for column in DEAL_COLUMNS},
    group_of=group_of,
    more=own_fields,
    put=put_plainly,
)
"""The words of deals."""


def explain_columns(
    base: float | FloatArray, columns: tuple[str, ...], parts: FloatArray
) -> Explanation:
    """Return log-odds of columns, shape (n, f), by business group.

    What was worked out of a column is told as that column's.
    """
    groups = sum_groups(columns, parts, wording=DEALS)
    told = [_TOLD_AS.get(source_of(name), source_of(name)) for name in columns]
    own = tuple(dict.fromkeys(told))
    folded = np.zeros((len(parts), len(own)))
    for k, name in enumerate(told):
        folded[:, own.index(name)] += parts[:, k]
    return Explanation(base, GROUPS, groups, "logit", route="deals", columns=own, parts=folded)


def explain_groups(base: float, steps: Mapping[str, FloatArray], rows: int) -> Explanation:
    """Return log-odds given by group outright, each of shape (rows,)."""
    parts = np.zeros((rows, len(GROUPS)))
    for group, values in steps.items():
        parts[:, GROUPS.index(group)] += values
    return Explanation(base, GROUPS, parts, "logit", route="deals")
