"""Words for reasons of accounts that hold a contract: business groups and what they can show."""

from __future__ import annotations

import pyarrow as pa

from models.tellings import Shown, Wording
from models.vocabulary import OWN_NUMBER, OWN_TEXT

GROUPS = (
    "renewal", "contract", "price", "billing", "usage", "trend", "support", "survey",
    "relationship", "commercial", "tenure", "context", "attributes",
)  # fmt: skip
_PATTERNS = (
    ("deadline", "renewal"), ("renewal", "renewal"), ("term_months", "contract"),
    ("mrr", "contract"), ("price", "price"), ("invoice", "billing"), ("log", "trend"),
    ("usage", "usage"), ("ticket", "support"), ("survey", "survey"), ("tenure", "tenure"),
)  # fmt: skip


def group_of(column: str) -> str:
    """Return the business group of a contract frame's column; ``context`` for an unknown one.

    Examples
    --------
    >>> group_of("notice_deadline_days"), group_of("number:employees"), group_of("new_column")
    ('renewal', 'attributes', 'context')
    """
    if column.startswith((OWN_NUMBER, OWN_TEXT)):
        return "attributes"
    return next((group for part, group in _PATTERNS if part in column), "context")


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
    shown={},
    engaged={},
    actionable={},
    group_of=group_of,
    more=own_fields,
)
"""The words of accounts that hold a contract."""
