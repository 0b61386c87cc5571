"""What the deal frame tells of a deal's account, owner and way: names and meanings alone.

Apart from the modules that build them, because the web process names columns and has no Arrow.
"""

from __future__ import annotations

from features.columns import Column

WINDOWS_DAYS = (7, 14, 28, 56)
"""Days over which activities are counted."""

ACCOUNT_COLUMNS = (
    Column("account_is_customer", "flag", "It has a live contract line or, without any, purchased "
           "in the last 365 days.", "account", source="subscriptions, orders"),
    Column("account_won_count", "count", "Deals with the account won before.", "account",
           source="opportunities"),
    Column("account_lost_count", "count", "Deals with the account lost before.", "account",
           source="opportunities"),
    Column("account_open_deals_count", "count", "Other open deals with the account.", "account",
           source="opportunities"),
    Column("account_mrr_minor", "minor", "Monthly recurring revenue of its live lines.", "account",
           source="subscriptions, subscription_changes"),
    Column("account_tenure_days", "days", "Days since its first contract line began.", "account",
           source="subscriptions"),
    Column("account_tickets_open_count", "count", "Tickets that it has open, those about leaving "
           "left out.", "account", True, source="tickets"),
    Column("account_usage_trend", "log", "Its use a week in the last 28 days over that in the last "
           "84, as a logarithm.", "account", True, source="usage"),
    Column("account_nps", "ratio", "Its last answered NPS on a scale of 0 to 10, at most 400 days "
           "old.", "account", True, source="surveys"),
    Column("account_notice", "flag", "All its live lines are decided to end.", "account", True,
           source="subscriptions, subscription_changes"),
)  # fmt: skip
"""The account's columns of the deal frame."""

OWNER_COLUMNS = (
    Column("owner_win_share", "share", "Share of the owner's closed deals that were won, drawn to "
           "the company's as if by 20 deals.", "owner", source="opportunities"),
    Column("owner_slip_share", "share", "Share of the owner's deals not won by their first close "
           "date, once it came due, drawn to the company's.", "owner", source="opportunities"),
    Column("owner_push_share", "share", "Share of the owner's deals whose close date was moved "
           "back, drawn to the company's.", "owner", source="opportunities, opportunity_changes"),
    Column("owner_open_count", "count", "Open deals of the owner.", "owner", actionable=True,
           source="opportunities"),
    Column("owner_tenure_days", "days", "Days since the owner was hired or, when not told, since "
           "the owner's first deal.", "owner", source="owners, opportunities"),
    Column("owner_attainment_share", "share", "What the owner won since the quarter began over the "
           "quota for it; may exceed 1.", "owner", source="targets, opportunities"),
)  # fmt: skip
"""The owner's columns of the deal frame."""

PATH_COLUMNS = (
    Column("path_log_odds", "log", "How much likelier the deal's way through the stages is among "
           "won deals than among lost ones: the logarithm of the ratio.", "path",
           source="opportunities, opportunity_changes, stage_maps"),
    Column("win_share_8w", "ratio", "Win share of deals closed in the last eight weeks over that "
           "of the last year.", "calendar", source="opportunities"),
)  # fmt: skip
"""The way's columns of the deal frame."""
