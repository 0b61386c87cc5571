"""Words for reasons of accounts that hold a contract: business groups and what they can show."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from features.columns import Column
from features.contract_columns import CONTRACT_COLUMNS
from models.contract.beliefs import ENGAGED
from models.tellings import Shown, Wording
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
    "last_survey_silent": "the last survey stayed without an answer",
    "usage_slope_ratio": "whether use of the last half year fell late (1) or early (-1)",
}
"""Labels where the column's own meaning says more than a reader of reasons needs."""
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
    """
    if column.name in _PLAIN:
        return _PLAIN[column.name]
    text = column.meaning.split(";")[0].removesuffix(".").removeprefix("Its ")
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def own_fields(frame: pa.Table, group: str) -> Shown:
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
)
"""The words of the steps that a contract's value is reached by."""
