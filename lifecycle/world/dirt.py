"""What is wrong with the world's records, at declared rates: late, back-dated, missing, doubled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lifecycle.world.canonical import Floats


@dataclass(frozen=True)
class DirtRates:
    """How often the observed tables differ from what happened; all are shares of rows.

    Attributes
    ----------
    late_invoice_share
        Invoices that reach the books only `late_invoice_days` after their issue.
    late_invoice_days
        Shortest and longest such delay (days).
    backdated_share
        Changes of a contract line recorded `backdated_days` after they were decided.
    backdated_days
        Shortest and longest such delay (days).
    missing_survey_share
        Surveys, answered or not, that the source lost.
    duplicate_share
        Accounts that exist twice until they are merged.
    wrong_zone_share
        Tickets whose opening was written in American local time as if it were UTC: 4-8 hours
        early.
    test_account_share
        Test accounts with a line without a price, on top of the real ones.
    missing_topic_share
        Tickets without a topic.
    """

    late_invoice_share: float = 0.04
    late_invoice_days: tuple[float, float] = (5.0, 45.0)
    backdated_share: float = 0.02
    backdated_days: tuple[float, float] = (3.0, 30.0)
    missing_survey_share: float = 0.05
    duplicate_share: float = 0.015
    wrong_zone_share: float = 0.01
    test_account_share: float = 0.005
    missing_topic_share: float = 0.03


def delayed(
    known: Floats, share: float, days: tuple[float, float], *, rng: np.random.Generator
) -> Floats:
    """Return instants of knowing, a share of them later by a uniform number of days."""
    hit = rng.random(len(known)) < share
    return np.asarray(known + np.where(hit, rng.uniform(*days, len(known)), 0.0))


def early_by_zone(happened: Floats, share: float, *, rng: np.random.Generator) -> Floats:
    """Return instants, a share of them written in American local time as if it were UTC."""
    hit = rng.random(len(happened)) < share
    return np.asarray(happened - np.where(hit, rng.integers(4, 9, len(happened)) / 24, 0.0))
