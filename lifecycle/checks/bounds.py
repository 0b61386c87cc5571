"""What rows are held to, as plain data: for columns of a source, and for rows that are pushed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

LARGEST_MINOR = 10**15
LARGEST_WHOLE = 2**53
LONGEST_TEXT = 200
ID_FORM = r"^[A-Za-z0-9_.:-]{1,64}$"
EMAIL_LIKE = r"(?i)^[^@\s]+@[^@\s]+$|^[a-z0-9._+-]+(_at_|-at-|\.at\.)[a-z0-9-]+(\.|_dot_)[a-z]{2,}$"
NOT_NEGATIVE = {"count", "days", "months", "minutes"}
TOLERANCE = timedelta(days=1)
# what the fast reader of instants reaches
YEARS = range(1678, 2262)
# an expected close that nobody means is kept; see lifecycle.tables.pipeline.CLOSE_YEARS
FAR_DAYS = {"close_on", "close_before_on", "close_after_on"}
# table: (column of the kind, column of the amount, kind -> (smallest, largest))
SIGNS: dict[str, tuple[str, str, dict[str, tuple[float, float]]]] = {
    "orders": ("kind", "amount_minor", {"sale": (1, inf), "credit": (-inf, -1)}),
    "invoices": ("kind", "amount_minor", {"invoice": (0, inf), "credit_note": (-inf, 0)}),
    "payments": ("outcome", "amount_minor", {"paid": (0, inf), "refunded": (-inf, 0)}),
}
# table: pairs of days of which the second may not come before the first
SPANS: dict[str, tuple[tuple[str, str], ...]] = {
    "subscriptions": (("started_on", "term_ends_on"), ("term_started_on", "term_ends_on")),
}
DEAL_AMOUNTS: dict[str, tuple[str, ...]] = {
    "opportunities": ("amount_minor",),
    "opportunity_changes": ("amount_before_minor", "amount_after_minor"),
}


@dataclass(frozen=True)
class CheckContext:
    """What the rules need to know.

    Attributes
    ----------
    arrived_at
        UTC instant of the batch's arrival.
    currency
        The company's currency; rows in another are not taken.
    """

    arrived_at: datetime
    currency: str
