"""What is believed of columns before any data: which way they push, and which matter most."""

from __future__ import annotations

from collections.abc import Mapping

from models.contract.months import DEADLINE, RENEWAL, TERM

ENGAGED: Mapping[str, int] = {
    "usage_events_90d_365d_log": 1,
    "tickets_90d_count": -1,
    "late_invoices_90d_count": -1,
    "survey_score": 1,
}
"""1 where more of it means a better customer, -1 where less does; absent where neither is sure."""
MONOTONE: frozenset[str] = frozenset(ENGAGED)
"""Columns whose sign is so sure that trees are held to it."""
CORE: tuple[str, ...] = (
    DEADLINE, RENEWAL, TERM, "tenure_days", "usage_events_90d_365d_log", "tickets_90d_count",
    "late_invoices_90d_count", "survey_score", "mrr_minor", "segment",
)  # fmt: skip
"""The ten columns of a small company's logistic."""
MOVING: tuple[str, ...] = ("usage_events_90d_365d_log",)
"""Movements that weigh more where a deadline is near."""
