"""Every column of the account frame: name, unit, meaning, family, and whether one can act on it.

Windows look back from the as-of day D over the days ``[D - n, D)`` in the company's zone. A
*purchase* is an order of kind ``sale`` with a positive amount; a *purchase day* is a day on which
an account purchased at least once. Where a value is undefined (a ratio over nothing, a gap with
one purchase day) it is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["id", "text", "minor", "count", "days", "ratio", "share", "log", "rate", "flag"]
Family = Literal[
    "id", "recency", "frequency", "money", "trend", "breadth", "credits", "context",
    "renewal", "contract", "price", "billing", "usage", "support", "survey", "relationship",
    "commercial", "tenure", "attributes",
    "stage", "timing", "close_date", "amount", "activity", "people", "owner", "account",
    "calendar", "path",
]  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column of a frame.

    Attributes
    ----------
    name
        Column name; ``_minor``, ``_count``, ``_days``, ``_share`` and ``_ratio`` name the unit.
    unit
        ``minor`` is the company currency's smallest unit, ``log`` the natural logarithm of minor
        units (to 1/10000) or a difference of logarithms, ``share`` lies in 0-1, ``ratio`` is a
        plain number, ``rate`` is per week, ``flag`` is 1 or 0.
    meaning
        One sentence for cards and reasons.
    family
        The group under which reasons speak of it.
    actionable
        ``True`` when someone in revenue can change it by acting on the account.
    source
        The canonical tables it is made of.
    """

    name: str
    unit: Unit
    meaning: str
    family: Family
    actionable: bool = False
    source: str = "orders"


WINDOWS_DAYS = (30, 90, 180, 365)
"""Lengths of the trailing windows (days)."""


def _per_window(name: str, unit: Unit, meaning: str, *, family: Family) -> tuple[Column, ...]:
    return tuple(
        Column(name.format(n=n), unit, meaning.format(n=n), family, actionable=True)
        for n in WINDOWS_DAYS
    )


_ID = (Column("account_id", "id", "The account.", "id", source="accounts"),)

_RECENCY = (
    Column("recency_days", "days", "Days since the last purchase day.", "recency", True),
    Column("tenure_days", "days", "Days since the first purchase day or, if known and earlier, "
           "since the account was created.", "context", source="orders, accounts"),
    Column("gap_mean_days", "days", "Mean days between purchase days.", "recency"),
    Column("gap_std_days", "days", "Standard deviation of the days between purchase days.",
           "recency"),
    Column("gap_cv_ratio", "ratio", "Irregularity: standard deviation of the gaps over their mean.",
           "recency"),
    Column("overdue_ratio", "ratio", "Days since the last purchase day over the mean gap.",
           "recency", True),
    Column("overdue_z", "ratio", "Days since the last purchase day above the mean gap, in standard "
           "deviations of the gaps.", "recency", True),
)  # fmt: skip

_FREQUENCY = (
    Column("purchases_count", "count", "Purchases ever.", "frequency"),
    *_per_window("purchases_{n}d_count", "count", "Purchases in the last {n} days.",
                 family="frequency"),
    Column("purchase_days_count", "count", "Purchase days ever.", "frequency"),
    *_per_window("purchase_days_{n}d_count", "count", "Purchase days in the last {n} days.",
                 family="frequency"),
    Column("purchase_days_365d_730d_count", "count", "Purchase days in the year before the last.",
           "frequency"),
    Column("frequency", "count", "Repeat purchase days: purchase days after the first.",
           "frequency"),
    Column("recency", "days", "Days from the first to the last purchase day (the purchase-process "
           "models' recency).", "frequency"),
    Column("T", "days", "Days from the first purchase day to the as-of day.", "frequency"),
)  # fmt: skip

_MONEY = (
    Column("spend_minor", "minor", "Gross spend ever.", "money"),
    *_per_window("spend_{n}d_minor", "minor", "Gross spend in the last {n} days.", family="money"),
    Column("spend_365d_730d_minor", "minor", "Gross spend in the year before the last.", "money"),
    Column("spend_same_90d_minor", "minor", "Gross spend in the 90 days that start 365 days before "
           "the as-of day: the same season last year.", "money"),
    Column("spend_same_30d_minor", "minor", "Gross spend in the 30 days that start 365 days before "
           "the as-of day.", "money"),
    Column("monetary_value", "minor", "Mean spend per repeat purchase day; NaN without repeats.",
           "money"),
    Column("day_spend_mean_minor", "minor", "Mean spend per purchase day.", "money", True),
    Column("day_spend_max_minor", "minor", "Largest spend on one purchase day.", "money"),
    Column("day_spend_last_minor", "minor", "Spend on the last purchase day.", "money", True),
    Column("day_spend_log_mean", "log", "Mean of the logarithm of spend per purchase day.",
           "money"),
    Column("day_spend_log_std", "log", "Standard deviation of the logarithm of spend per purchase "
           "day; 0 with one.", "money"),
)  # fmt: skip

_TREND = (
    Column("spend_30d_of_90d_share", "share", "Share of the last 90 days' spend that fell in the "
           "last 30.", "trend", True),
    Column("spend_90d_of_365d_share", "share", "Share of the last year's spend that fell in the "
           "last 90 days.", "trend", True),
    Column("spend_180d_of_365d_share", "share", "Share of the last year's spend that fell in the "
           "last 180 days.", "trend", True),
    Column("purchase_days_90d_of_365d_share", "share", "Share of the last year's purchase days "
           "that fell in the last 90 days.", "trend", True),
    Column("spend_year_change_ratio", "ratio", "Last year's spend against the year before: "
           "(new - old) / (new + old), from -1 to 1.", "trend", True),
    Column("day_spend_last_ratio", "ratio", "Spend on the last purchase day over the mean.",
           "trend", True),
)  # fmt: skip

_BREADTH = (
    Column("lines_count", "count", "Order lines ever.", "breadth"),
    Column("lines_mean_count", "count", "Mean order lines per purchase.", "breadth", True),
    Column("products_count", "count", "Distinct products per purchase, summed over purchases.",
           "breadth"),
    Column("products_mean_count", "count", "Mean distinct products per purchase.", "breadth", True),
    Column("units_count", "count", "Units ever.", "breadth"),
    Column("units_mean_count", "count", "Mean units per purchase.", "breadth", True),
)  # fmt: skip

_CREDITS = (
    Column("credits_count", "count", "Credits ever.", "credits"),
    Column("credit_365d_minor", "minor", "Money credited in the last 365 days, as a positive "
           "amount.", "credits", True),
    Column("credit_share", "share", "Money credited ever over gross spend ever; may exceed 1.",
           "credits", True),
)  # fmt: skip

_CONTEXT = (
    Column("segment", "text", "The account's segment.", "context", source="accounts"),
    Column("segment_spend_share", "share", "The segment's share of the company's spend in the "
           "last 365 days.", "context", source="orders, accounts"),
    Column("segment_momentum_ratio", "ratio", "The segment's spend of the last 90 days over the "
           "same 90 days a year earlier.", "context", source="orders, accounts"),
    Column("country_spend_share", "share", "The country's share of the company's spend in the "
           "last 365 days.", "context", source="orders, accounts"),
    Column("company_share", "share", "The account's share of the company's spend in the last 365 "
           "days.", "context"),
    Column("company_momentum_ratio", "ratio", "The company's spend of the last 90 days over the "
           "same 90 days a year earlier; NaN in the first year.", "context"),
    Column("month_sin", "ratio", "Season: sine of the as-of day's place in the year's twelve "
           "months.", "context", source="as of"),
    Column("month_cos", "ratio", "Season: cosine of the as-of day's place in the year's twelve "
           "months.", "context", source="as of"),
    Column("day_of_year", "days", "The as-of day's number in its year.", "context",
           source="as of"),
    Column("history_days", "days", "Days since the first order known of any account.", "context"),
)  # fmt: skip

ACCOUNT_COLUMNS: tuple[Column, ...] = (
    *_ID, *_RECENCY, *_FREQUENCY, *_MONEY, *_TREND, *_BREADTH, *_CREDITS, *_CONTEXT,
)  # fmt: skip
"""Columns of the account frame, in frame order."""

CONTEXT: tuple[str, ...] = ("segment",)
"""Columns that are text; every other one but ``account_id`` is float64."""
