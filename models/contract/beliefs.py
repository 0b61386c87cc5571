"""What is believed of columns before any data: which way they push, and which matter most."""

from __future__ import annotations

from collections.abc import Mapping

from models.contract.months import DEADLINE, RENEWAL, TERM

_ROLES = ("active", "events", "key", "admin", "breadth")
_MORE_IS_BETTER = (
    *(f"{role}_{n}d_rate" for role in _ROLES for n in (28, 84, 182, 364)),
    *(f"{role}_{span}_log" for role in _ROLES for span in ("28d_84d", "84d_182d", "84d_364d")),
    "seat_use_28d_ratio", "seat_use_84d_ratio", "events_seat_28d_ratio", "events_seat_84d_ratio",
    "active_peak_ratio", "usage_slope_ratio", "mrr_90d_ratio", "mrr_365d_ratio",
    "expansions_365d_count", "failed_age_days", "ticket_sentiment_180d_ratio", "nps_score",
    "nps_change", "satisfaction_365d_ratio", "answered_365d_share", "meetings_90d_count",
    "meetings_365d_count", "meeting_people_ratio", "meeting_sentiment_ratio", "champions_count",
    "sponsors_count", "contacts_count", "champion_left_days", "expansion_open_count",
    "expansion_open_minor", "expansion_won_365d_count", "renewals_count", "customer_days",
)  # fmt: skip
_LESS_IS_BETTER = (
    "late_90d_count", "late_365d_count", "late_365d_share", "beyond_terms_90d_days",
    "beyond_terms_365d_days", "overdue_minor", "overdue_days", "failed_90d_count",
    "failed_365d_count", "credit_notes_365d_count", "credited_365d_minor", "disputes_365d_count",
    "idle_days", "idle_84d_share", "key_idle_days", "admin_idle_days", "contractions_365d_count",
    "severe_tickets_30d_count", "severe_tickets_90d_count", "severe_tickets_180d_count",
    "severe_open_count", "ticket_open_days", "reopened_180d_count", "late_reply_180d_count",
    "last_survey_silent", "meeting_age_days", "missed_180d_count", "contacts_left_180d_count",
    "champions_left_180d_count", "champion_lost", "deal_pushes_count", "competitor_180d_count",
    "expansion_lost_180d_count", "price_change_ratio", "uplift_share", "lines_ended_365d_count",
)  # fmt: skip
ENGAGED: Mapping[str, int] = {
    **dict.fromkeys(_MORE_IS_BETTER, 1),
    **dict.fromkeys(_LESS_IS_BETTER, -1),
}
"""1 where more of it means a better customer, -1 where less does; absent where neither is sure."""

MONOTONE: frozenset[str] = frozenset(
    {
        "active_28d_84d_log", "active_84d_364d_log", "events_28d_84d_log", "events_84d_364d_log",
        "seat_use_84d_ratio", "severe_tickets_90d_count", "late_365d_count", "failed_365d_count",
        "nps_score", "champion_lost", "champions_left_180d_count", "competitor_180d_count",
    }
)  # fmt: skip
"""Columns whose sign is so sure that trees are held to it."""

CORE: tuple[str, ...] = (
    DEADLINE, TERM, "tenure_days", "seat_use_84d_ratio", "events_84d_364d_log",
    "severe_tickets_90d_count", "late_365d_count", "nps_score", "champion_lost", "segment",
)  # fmt: skip
"""The ten columns of a small company's logistic."""

WHY: tuple[str, ...] = (
    DEADLINE, RENEWAL, TERM, "late_365d_count", "overdue_days", "failed_90d_count",
    "failed_365d_count", "events_84d_364d_log", "nps_score",
)  # fmt: skip
"""Columns that tell a contract not renewed from one left early and from a payment that failed."""

MOVING: tuple[str, ...] = (
    "active_28d_84d_log", "active_84d_364d_log", "events_28d_84d_log", "events_84d_364d_log",
    "usage_slope_ratio",
)  # fmt: skip
"""Movements that weigh more where a deadline is near."""

OF_THE_DAY: tuple[str, ...] = (
    "month_sin", "month_cos", "company_ended_90d_share", "company_ended_ratio",
)  # fmt: skip
"""Columns that are the same for all accounts of a day: the level's, never the account's."""
