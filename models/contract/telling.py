"""Words for reasons of accounts that hold a contract: business groups and what they can show."""

from __future__ import annotations

import re
from collections.abc import Mapping

from features.columns import Column
from features.contract_columns import CONTRACT_COLUMNS
from models.columns import Frame
from models.contract.beliefs import ENGAGED
from models.tellings import Put, Shown, Wording, to_percent
from models.vocabulary import OWN_NUMBER, OWN_TEXT

GROUPS = (
    "renewal", "contract", "price", "billing", "usage", "trend", "support", "survey",
    "relationship", "commercial", "tenure", "context", "attributes",
)  # fmt: skip
_PLAIN: Mapping[str, str] = {
    "renewal_days": "days to the next renewal",
    "notice_deadline_days": "days to the notice deadline of the next renewal",
    "term_months": "months of the contract's term",
    "mrr_minor": "monthly recurring revenue",
    "nps_score": "last answer to would-you-recommend, 0 to 10",
    "segment": "the account's segment",
    "nps_age_days": "days since the last answer to would-you-recommend",
    "nps_change": "last answer to would-you-recommend less the one before",
    "nps_missing": "no answer to would-you-recommend in the last 400 days",
    "answered_365d_share": "share of the last year's surveys that was answered",
    "last_survey_silent": "the last survey stayed without an answer",
    "is_open_ended": "its contract has no term: it can be left at any time",
    "is_returned": "a live line had ended and came back",
    "champion_lost": "had a champion and has none",
    "expansion_open_minor": "amount of the open expansion deals",
    "expansion_open_days": "age of the oldest open expansion deal, in days",
    "renewal_deal_close_days": "days to the next expected close of an open renewal deal",
    "company_ended_90d_share": "share of all accounts' lines that ended in the last 90 days",
    "usage_slope_ratio": "whether use of the last half year fell late (1) or early (-1)",
}
"""Labels where the column's own meaning says more than a reader of reasons needs."""
_CHANGE = "change in percent"
_RATIO = re.compile(r"(?P<peer>_peer)?_(?P<short>\d+)d_(?P<long>\d+)d_log$")
"""Columns that set a short span against a long one, as the log of their ratio."""
_PASSED: Mapping[str, str] = {
    "notice_deadline_days": "the notice deadline of the next renewal passed {days} days ago",
    "renewal_days": "the term ran out {days} days ago",
}
"""Labels of days ahead that lie behind: a number below zero is nothing to show anybody."""
_MOST_DAYS = 36_525.0
"""A hundred years: nobody reads a longer time out of a label."""
_FAMILY = {column.name: str(column.family) for column in CONTRACT_COLUMNS}


def group_of(column: str) -> str:
    """Return the business group of a contract frame's column; ``context`` for an unknown one.

    Examples
    --------
    >>> group_of("notice_deadline_days"), group_of("number:employees"), group_of("new_column")
    ('renewal', 'attributes', 'context')
    """
    if column.startswith((OWN_NUMBER, OWN_TEXT)):
        return "attributes"
    family = _FAMILY.get(column, "context")
    return family if family in GROUPS else "context"


def label_of(column: Column) -> str:
    """Return what to call a column in a reason: its meaning in so many words.

    Examples
    --------
    >>> label_of(Column("late_90d_count", "count", "Invoices of 90 days; all.", "billing"))
    'invoices of 90 days'
    >>> label_of(Column("key_28d_84d_log", "log", "Use: 28d against 84d, log-ratio.", "trend"))
    'use, last 28 days against 84: change in percent'
    """
    if column.name in _PLAIN:
        return _PLAIN[column.name]
    ratio = _RATIO.search(column.name)
    if ratio:
        what = "active users" if ratio["peer"] else column.meaning.split(":")[0].lower()
        beside = ", beside the mean of its country" if ratio["peer"] else ""
        return f"{what}, last {ratio['short']} days against {ratio['long']}{beside}: {_CHANGE}"
    text = column.meaning.split(";")[0].removesuffix(".").removeprefix("Its ")
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def put_plainly(told: Put) -> Put:
    """Return a label, the account's value and its peers' median as a person would put them.

    A log-ratio becomes a change in percent; a deadline that has passed says how long ago.

    Parameters
    ----------
    told
        Column, label, value and peers' median; NaN where there is none.

    Examples
    --------
    >>> put_plainly(("key_28d_84d_log", "use", -0.43, 0.0))
    ('key_28d_84d_log', 'use', -34.9, 0.0)
    >>> put_plainly(("renewal_days", "days to the next renewal", -76.0, 120.0))[1]
    'the term ran out 76 days ago'
    """
    column, label, value, usual = told
    if column in _FAMILY and _RATIO.search(column):
        return column, label, to_percent(value), to_percent(usual)
    if column in _PASSED and -_MOST_DAYS <= value < 0:
        return column, _PASSED[column].format(days=round(-value)), value, usual
    return told


def own_fields(frame: Frame, group: str) -> Shown:
    """Return the company's own fields of a frame, which no list can name beforehand."""
    if group != "attributes":
        return ()
    return tuple(
        (name, name.split(":", 1)[1].replace("_", " "))
        for name in frame.column_names
        if name.startswith((OWN_NUMBER, OWN_TEXT))
    )


CONTRACT = Wording(
    groups=GROUPS,
    shown={
        group: tuple((c.name, label_of(c)) for c in CONTRACT_COLUMNS if c.family == group)
        for group in GROUPS
    },
    engaged=ENGAGED,
    actionable={column.name: column.actionable for column in CONTRACT_COLUMNS},
    group_of=group_of,
    more=own_fields,
    put=put_plainly,
)
"""The words of accounts that hold a contract."""

_LABELS = {column.name: label_of(column) for column in CONTRACT_COLUMNS}
_VALUE: Mapping[str, tuple[str, ...]] = {
    "contract": ("mrr_minor", "seats_count", "lines_count"),
    "survival": (
        "notice_deadline_days", "seat_use_84d_ratio", "events_84d_364d_log", "nps_score",
        "severe_tickets_90d_count", "late_365d_count", "term_months",
    ),
    "tail": ("tenure_days", "customer_days"),
    "expansion": ("mrr_365d_ratio", "expansions_365d_count", "expansion_open_count"),
    "costs": ("serve_cost_minor", "margin_share"),
}  # fmt: skip

CONTRACT_VALUE = Wording(
    groups=tuple(_VALUE),
    shown={
        group: tuple((name, _LABELS[name]) for name in names) for group, names in _VALUE.items()
    },
    engaged={
        **ENGAGED,
        "mrr_minor": 1,
        "seats_count": 1,
        "margin_share": 1,
        "serve_cost_minor": -1,
    },
    actionable=CONTRACT.actionable,
    group_of=group_of,
    put=put_plainly,
)
"""The words of the steps that a contract's value is reached by."""
