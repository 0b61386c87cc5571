"""Contract lines as the books had them: what happened to each, and how it stood, by version.

Open monthly plans have no renewal date. A movement is known on the afternoon of its day, a few
only later; the line's version follows as soon as everything before it is in the books too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lifecycle.world.canonical import Bools, Floats, Ints, build_rows, picked, tags
from lifecycle.world.dirt import DirtRates, delayed
from lifecycle.world.presets import CURRENCY, PRODUCTS
from lifecycle.world.seeds import Streams
from lifecycle.world.trace import KINDS, Records, Trace

DECIDED_AT = 14 / 24
SECOND = 1 / 86_400
OPEN_PLAN_MONTHS = 1
TERM_BEGINS = ("new", "renewal", "reactivation")
LEAVES = ("nonrenewal", "midterm_cancel", "involuntary_cancel")
REASONS = ("budget", "competitor", "missing_feature", "support", "company_closed", "unpaid")


def draw_known(trace: Trace, rates: DirtRates) -> Floats:
    """Return when each movement came to the books (days since start), shape (movements,).

    Parameters
    ----------
    trace
        What happened.
    rates
        How many were recorded late, under their true date.
    """
    rng = Streams(trace.params.seed).rng("dirt movements")
    known = decided_at(trace.movements) + 20 / 1440
    late = delayed(known, rates.backdated_share, rates.backdated_days, rng=rng)
    return np.asarray(np.where(trace.movements["decided_day"] < 0, known, late))


def decided_at(moves: Records) -> Floats:
    """Return the instants of movements (days since start): on each day one a second, in order.

    Parameters
    ----------
    moves
        Movements of a trace, shape (n,).
    """
    day = moves["decided_day"].astype(np.int64)
    place = np.arange(len(day)) - np.searchsorted(day, day)
    return np.asarray(day + DECIDED_AT + place * SECOND)


def build_changes(trace: Trace, known: Floats) -> pa.Table:
    """Return rows of ``subscription_changes``.

    Parameters
    ----------
    trace
        What happened.
    known
        Of :func:`draw_known`.
    """
    rng = Streams(trace.params.seed).rng("observed reasons")
    moves = trace.movements
    leaves = np.isin(moves["kind"], [KINDS.index(one) for one in LEAVES])
    unpaid = moves["kind"] == KINDS.index("involuntary_cancel")
    reason = np.where(unpaid, len(REASONS) - 1, rng.integers(0, len(REASONS) - 1, len(moves)))
    line = moves["line"].astype(np.int64)
    return build_rows(
        "subscription_changes",
        trace.params.start,
        {
            "change_id": tags("M", np.arange(len(moves)) + 1),
            "subscription_id": picked(trace.lines.subscription_id, line),
            "account_id": picked(trace.accounts.account_id, moves["account"].astype(np.int64)),
            "kind": picked(KINDS, moves["kind"].astype(np.int64)),
            "changed_at": decided_at(moves),
            "effective_on": moves["effective_day"].astype(float),
            "mrr_before_minor": moves["mrr_before_minor"],
            "mrr_after_minor": moves["mrr_after_minor"],
            "currency": CURRENCY,
            "seats_before_count": _seats(moves["seats_before"]),
            "seats_after_count": _seats(moves["seats_after"]),
            "term_ends_on": _term_ends(trace, moves),
            "reason": picked(REASONS, reason, none=~leaves),
            "known_at": known,
        },
    )


def build_subscriptions(trace: Trace, known: Floats) -> pa.Table:
    """Return rows of ``subscriptions``: a version after each movement, as far as the books knew.

    Parameters
    ----------
    trace
        What happened.
    known
        Of :func:`draw_known`.
    """
    moves, lines = trace.movements, trace.lines
    # a decision for later shows in the line when it takes effect
    seen = np.maximum(known, moves["effective_day"] + DECIDED_AT)
    still = moves["mrr_after_minor"] == moves["mrr_before_minor"]
    order = np.argsort(moves["line"], kind="stable")
    moves, line = moves[order], moves["line"][order].astype(np.int64)
    at = _in_order(np.where(still, known, seen)[order], line)
    begins = np.isin(moves["kind"], [KINDS.index(one) for one in TERM_BEGINS])
    term_started = _last_where(begins, moves["effective_day"].astype(float), line)
    term = lines.term_months[line].astype(np.int64)
    return build_rows(
        "subscriptions",
        trace.params.start,
        {
            "subscription_id": picked(lines.subscription_id, line),
            "account_id": picked(trace.accounts.account_id, moves["account"].astype(np.int64)),
            "product_id": picked(PRODUCTS, lines.product[line].astype(np.int64)),
            "started_on": lines.started_day[line].astype(float),
            "term_started_on": term_started,
            "term_ends_on": _term_ends(trace, moves),
            "term_months": term,
            "auto_renew": lines.auto_renew[line],
            "notice_days": lines.notice_days[line].astype(np.int64),
            "billing_months": lines.billing_months[line].astype(np.int64),
            "payment_terms_days": lines.payment_terms_days[line].astype(np.int64),
            "mrr_minor": moves["mrr_after_minor"],
            "currency": CURRENCY,
            "seats_count": _seats(moves["seats_after"]),
            "discount_share": np.round(lines.discount_share[line].astype(float), 4),
            "uplift_share": np.round(moves["uplift_share"].astype(float), 4),
            "known_at": at,
        },
    )


def _seats(seats: npt.NDArray[Any]) -> Floats:
    return np.asarray(np.round(seats.astype(float)))


def _term_ends(trace: Trace, moves: Records) -> Floats:
    open_plan = trace.lines.term_months[moves["line"]] == OPEN_PLAN_MONTHS
    return np.where(open_plan, np.nan, moves["term_ends_day"].astype(float))


def _in_order(at: Floats, line: Ints) -> Floats:
    """Delay each version to a second after the one before it of the same line."""
    # whole seconds: two versions of one line may never fall on the same instant
    seconds, size = np.rint(at / SECOND).astype(np.int64), 10**10
    first = np.flatnonzero(np.append(True, line[1:] != line[:-1]))
    place = np.arange(len(line)) - np.repeat(first, np.diff(np.append(first, len(line))))
    # less its place, a version may equal the one before
    running = np.maximum.accumulate(seconds - place + line * size) - line * size
    return np.asarray((running + place) * SECOND)


def _last_where(hit: Bools, values: Floats, line: Ints) -> Floats:
    """Carry the values of the hits forward to the following rows of the same line."""
    place = np.maximum.accumulate(np.where(hit, np.arange(len(hit)), -1))
    found = (place >= 0) & (line[place] == line)
    return np.where(found, values[place], np.nan)
