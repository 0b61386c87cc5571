"""Talks about staying: renewal deals that begin when a competitor is heard of at a customer.

Three of four competitors are heard of, days or weeks late; some rumours are false. Talks end well
after a season, or are lost some days after the customer decided to leave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lifecycle.world.canonical import Floats, Ints, build_rows, picked, tags
from lifecycle.world.presets import CURRENCY, PRODUCTS, WEEK_DAYS, YEAR_DAYS
from lifecycle.world.seams import csm_name
from lifecycle.world.seeds import Streams
from lifecycle.world.trace import JUMPS, KINDS, Trace

RIVALS = ("Borealis", "Quanta", "Helix")
HEARD_SHARE = 0.75
HEARD_DAYS = (3.0, 30.0)
RUMOURS_A_YEAR = 0.04
TALK_DAYS = (60.0, 150.0)
LOST_AFTER_DAYS = (1.0, 10.0)
STAGES = ("Discovery", "Closed Won", "Closed Lost")
"""Of the same pipeline as all deals."""
OUTCOMES = ("open", "won", "lost")
OPEN, WON, LOST = range(3)
DECISIONS = ("notice", "nonrenewal", "midterm_cancel", "involuntary_cancel")


@dataclass(frozen=True)
class Reviews:
    """Talks in order of opening, instants in days since start, shape (n,) each.

    Attributes
    ----------
    account
        With whom.
    opened, closed
        When; ``closed`` may lie after the end of the world.
    outcome
        Won or lost, once closed.
    rival
        Place in ``RIVALS``.
    amount_minor
        A year of the account's MRR at the opening.
    """

    account: Ints
    opened: Floats
    closed: Floats
    outcome: Ints
    rival: Ints
    amount_minor: Ints


def draw_reviews(trace: Trace) -> Reviews:
    """Draw the talks with customers who pay and have not yet decided to leave.

    Parameters
    ----------
    trace
        What happened.
    """
    rng = Streams(trace.params.seed).rng("observed reviews")
    account, opened = _heard(trace, rng)
    week = np.floor(opened / WEEK_DAYS).astype(np.int64)
    state = trace.weekly
    standing = state.active[account, week] & ~state.noticed[account, week]
    account, opened, week = account[standing], opened[standing], week[standing]
    count = len(account)
    ends = opened + rng.uniform(*TALK_DAYS, count)
    decided = _next_decision(trace, account, opened)
    lost = decided < ends
    return Reviews(
        account,
        opened,
        np.where(lost, decided + rng.uniform(*LOST_AFTER_DAYS, count), ends),
        np.where(lost, LOST, WON),
        rng.integers(0, len(RIVALS), count),
        12 * state.mrr_minor[account, week],
    )


def _heard(trace: Trace, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Draw of whom a competitor was heard, and when, in order of time."""
    count, span = len(trace.accounts.account_id), trace.params.weeks * WEEK_DAYS
    real = trace.jumps[trace.jumps["kind"] == JUMPS.index("competitor")]
    real = real[rng.random(len(real)) < HEARD_SHARE]
    heard = real["week"] * WEEK_DAYS + rng.uniform(*HEARD_DAYS, len(real))
    rumours = rng.poisson(RUMOURS_A_YEAR * span / YEAR_DAYS * count)
    account = np.concatenate([real["account"], rng.integers(0, count, rumours)]).astype(np.int64)
    opened = np.concatenate([heard, rng.uniform(1, span, rumours)])
    order = np.argsort(opened, kind="stable")
    order = order[opened[order] < span]
    return account[order], opened[order]


def _next_decision(trace: Trace, account: Ints, opened: Floats) -> Floats:
    """Return when each account next decided to leave after an instant; infinite = never."""
    addon = trace.lines.product[trace.movements["line"]] == len(PRODUCTS) - 1
    kinds = np.isin(trace.movements["kind"], [KINDS.index(one) for one in DECISIONS])
    moves = trace.movements[kinds & ~addon]
    size = 10.0**6
    keys = np.sort(moves["account"] * size + moves["decided_day"] + 1)
    place = np.searchsorted(keys, account * size + opened)
    found = np.append(keys, np.inf)[place] - account * size
    return np.where(found < size / 2, found, np.inf)


def build_reviews(trace: Trace) -> dict[str, pa.Table]:
    """Return rows of ``opportunities`` (opened, closed) and of ``opportunity_changes``.

    Parameters
    ----------
    trace
        What happened.
    """
    talks = draw_reviews(trace)
    count = len(talks.account)
    closed = np.flatnonzero(talks.closed < trace.params.weeks * WEEK_DAYS)
    row = np.concatenate([np.arange(count), closed])
    is_closed = np.arange(len(row)) >= count
    state = np.where(is_closed, talks.outcome[row], OPEN)
    managers = [csm_name(number) for number in range(trace.params.csm_count)]
    planned = talks.opened[row] + np.mean(TALK_DAYS)
    opportunities = build_rows(
        "opportunities",
        trace.params.start,
        {
            "opportunity_id": tags("RV", row, width=7),
            "account_id": picked(trace.accounts.account_id, talks.account[row]),
            "owner_id": picked(managers, trace.accounts.csm[talks.account[row]].astype(np.int64)),
            "kind": "renewal",
            "created_at": talks.opened[row],
            "source": "success",
            "stage": picked(STAGES, state),
            "category": picked(("pipeline", "closed"), is_closed.astype(np.int64)),
            "amount_minor": talks.amount_minor[row],
            "currency": CURRENCY,
            "close_on": np.where(is_closed, talks.closed[row], planned),
            "outcome": picked(OUTCOMES, state),
            "closed_at": np.where(is_closed, talks.closed[row], np.nan),
            "competitor": picked(RIVALS, talks.rival[row]),
            "known_at": np.where(is_closed, talks.closed[row], talks.opened[row]) + 1 / 24,
        },
    )
    return {"opportunities": opportunities, "opportunity_changes": _changes(trace, talks, closed)}


def _changes(trace: Trace, talks: Reviews, closed: Ints) -> pa.Table:
    """Return the moves: created, and at the close the stage and the outcome."""
    count = len(talks.account)
    row = np.concatenate([np.arange(count), closed, closed])
    field = np.repeat([0, 1, 2], [count, len(closed), len(closed)])
    outcome = talks.outcome[row]
    after = np.select([field == 1, field == 2], [outcome, len(STAGES) + outcome], 0)
    before = np.where(field == 2, len(STAGES) + OPEN, 0)
    changed = np.where(field == 0, talks.opened[row], talks.closed[row])
    words = (*STAGES, *OUTCOMES)
    return build_rows(
        "opportunity_changes",
        trace.params.start,
        {
            "change_id": tags("RC", row, field),
            "opportunity_id": tags("RV", row, width=7),
            "changed_at": changed,
            "field": picked(("created", "stage", "outcome"), field),
            "text_before": picked(words, before, none=field == 0),
            "text_after": picked(words, after),
            "known_at": changed + 1 / 24,
        },
    )
