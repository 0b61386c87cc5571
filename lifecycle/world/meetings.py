"""What success managers do with accounts, and what it costs to serve them.

Meetings follow a plan by segment, not the risk: nobody here knows the latents.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from lifecycle.world.canonical import Floats, Ints, build_rows, office_hours, picked, tags
from lifecycle.world.dates import shift_months
from lifecycle.world.presets import CURRENCY, WEEK_DAYS
from lifecycle.world.seams import csm_name
from lifecycle.world.seeds import Streams
from lifecycle.world.trace import Trace

WEEKLY_MEETINGS = np.array([0.015, 0.05, 0.12])
"""By segment."""
KINDS = ("meeting", "call")
OUTCOMES = ("held", "no_show", "cancelled")
COST_KNOWN_DAYS = 5.0
COST_SIGMA = 0.25


def build_meetings(trace: Trace) -> pa.Table:
    """Return rows of ``activities`` between success managers and accounts.

    Parameters
    ----------
    trace
        What happened.
    """
    rng = Streams(trace.params.seed).rng("observed meetings")
    account, week = _planned(trace, rng)
    health = trace.weekly.health[account, week].astype(float)
    at = office_hours(week * WEEK_DAYS + rng.integers(0, 5, len(week)), rng.random(len(week)))
    held = rng.random(len(week)) < 1 / (1 + np.exp(-1.7 - 0.5 * health))
    outcome = np.where(held, 0, rng.integers(1, 3, len(week)))
    tone = np.round(np.tanh(0.4 * health + rng.normal(0, 0.6, len(week))), 2)
    people = 1 + rng.poisson(np.exp(0.3 + 0.2 * np.clip(health, -3, 3)))
    managers = [csm_name(number) for number in range(trace.params.csm_count)]
    return build_rows(
        "activities",
        trace.params.start,
        {
            "activity_id": tags("G", account, week, np.arange(len(week))),
            "account_id": picked(trace.accounts.account_id, account),
            "contact_id": tags("K", account, np.ones(len(week), np.int64)),
            "owner_id": picked(managers, trace.accounts.csm[account].astype(np.int64)),
            "kind": picked(KINDS, (rng.random(len(week)) < 0.4).astype(np.int64)),
            "direction": "out",
            "outcome": picked(OUTCOMES, outcome),
            "occurred_at": at,
            "duration_minutes": np.where(held, rng.choice([30.0, 45.0, 60.0], len(week)), np.nan),
            "people_count": np.where(held, people, 0).astype(np.int64),
            "sentiment": np.where(held & (rng.random(len(week)) < 0.6), tone, np.nan),
            "known_at": at + 2 / 24,
        },
    )


def _planned(trace: Trace, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw the meetings planned: account and week, in order of week."""
    state = trace.weekly
    week, account = np.nonzero(state.active[:, : trace.params.weeks].T)
    touch = np.exp(rng.normal(-0.08, 0.4, len(trace.accounts.account_id)))
    rate = WEEKLY_MEETINGS[trace.accounts.segment[account]] * touch[account]
    health = np.clip(state.health[account, week].astype(float), -3, 3)
    count = rng.poisson(rate * np.exp(0.12 * health))
    return np.repeat(account, count), np.repeat(week, count)


def build_costs(trace: Trace) -> pa.Table:
    """Return rows of ``costs`` of service, by account and month with a live contract.

    Parameters
    ----------
    trace
        What happened.
    """
    rng = Streams(trace.params.seed).rng("observed costs")
    days = _month_starts(trace)
    middle = np.minimum((days + 15) // WEEK_DAYS, trace.params.weeks - 1).astype(np.int64)
    month, account = np.nonzero(trace.weekly.active[:, middle].T)
    spread = np.exp(rng.normal(-(COST_SIGMA**2) / 2, COST_SIGMA, len(month)))
    amount = np.rint(trace.accounts.serve_cost_minor[account].astype(float) * spread)
    incurred = days[month].astype(float)
    ends = shift_months(days, 1, trace.params.start)[month]
    return build_rows(
        "costs",
        trace.params.start,
        {
            "cost_id": tags("V", account, month),
            "incurred_at": incurred,
            "kind": "service",
            "amount_minor": np.maximum(amount, 1),
            "currency": CURRENCY,
            "account_id": picked(trace.accounts.account_id, account),
            "known_at": ends + COST_KNOWN_DAYS,
        },
    )


def _month_starts(trace: Trace) -> Ints:
    """Return the first days of the calendar months that begin within the world."""
    start = trace.params.start
    first = -(start.day - 1)
    months = np.arange(trace.params.months + 2)
    days = shift_months(np.full(len(months), first), months, start).astype(np.int64)
    span: Floats | int = trace.params.weeks * WEEK_DAYS
    return days[(days >= -(start.day - 1)) & (days + 20 < span)]
