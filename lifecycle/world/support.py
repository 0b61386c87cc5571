"""Support tickets, version by version, so that nobody sees an answer before it was given.

Unwell accounts ask more and in a harsher tone; an incident brings a burst of severe tickets in
its own week. A few accounts that gave notice ask for their data back: a trap, since such tickets
come after the decision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lifecycle.world.canonical import Floats, Ints, build_rows, office_hours, picked, tags
from lifecycle.world.dirt import DirtRates, early_by_zone
from lifecycle.world.presets import WEEK_DAYS
from lifecycle.world.seeds import Streams
from lifecycle.world.trace import JUMPS, KINDS, Trace

SEVERITIES = ("low", "normal", "high", "urgent")
TOPICS = ("how_to", "access", "integration", "bug", "performance", "billing")
OFFBOARDING = ("offboarding", "data_export")
STATUSES = ("open", "pending", "solved", "open", "solved")
"""Status by version; the last two only of a ticket that was opened again."""
PROMISED_DAYS = np.array([3.0, 1.0, 8 / 24, 4 / 24])
SOLVE_DAYS = np.array([4.0, 2.5, 1.5, 0.7])
MINUTE = 1 / 1440


@dataclass(frozen=True)
class Tickets:
    """Tickets in order of opening, instants in days since start, shape (n,) each.

    Attributes
    ----------
    account
        Who asked.
    opened, replied, solved
        When; ``solved`` is the first time.
    reopened, solved_again
        When it was opened again and solved for good; NaN = never.
    severity, topic
        Places in ``SEVERITIES``, and in ``TOPICS`` followed by ``OFFBOARDING``; -1 = no topic.
    sentiment
        Tone in -1..1; NaN = not measured.
    """

    account: Ints
    opened: Floats
    replied: Floats
    solved: Floats
    reopened: Floats
    solved_again: Floats
    severity: Ints
    topic: Ints
    sentiment: Floats


def draw_tickets(trace: Trace, rates: DirtRates) -> Tickets:
    """Draw every ticket opened before the clock stopped.

    Parameters
    ----------
    trace
        What happened.
    rates
        How many lack their topic.
    """
    rng = Streams(trace.params.seed).rng("observed tickets")
    account, week = _asked(trace, rng)
    health = trace.weekly.health[account, week].astype(float)
    hurt = np.maximum(
        -trace.weekly.incident[account, week].astype(float), _incidents(trace)[account, week]
    )
    day = week * WEEK_DAYS + rng.choice(7, len(week), p=(0.2, 0.2, 0.19, 0.18, 0.15, 0.05, 0.03))
    tilt = 1.6 * hurt - 0.35 * health + rng.logistic(0, 1, len(week))
    severity = np.searchsorted(np.array([-0.7, 1.5, 3.2]), tilt)
    topic = _topics(hurt, trace.weekly.pay_trouble[account, week].astype(float), rng)
    topic[rng.random(len(topic)) < rates.missing_topic_share] = -1
    mood = np.tanh(0.35 * health - 0.5 * hurt + rng.normal(0, 0.6, len(week)))
    sentiment = np.where(rng.random(len(week)) < 0.7, np.round(mood, 2), np.nan)
    leaver, asked = _offboarding(trace, rng)
    count = len(leaver)
    return _run(
        account=np.concatenate([account, leaver]),
        opened=np.concatenate([office_hours(day, rng.random(len(day))), asked]),
        kind=np.column_stack(
            [
                np.concatenate([severity, np.ones(count, int)]),
                np.concatenate([topic, len(TOPICS) + rng.integers(0, 2, count)]),
            ]
        ),
        mood=np.concatenate([sentiment, np.full(count, np.nan)]),
        rng=rng,
    )


def _asked(trace: Trace, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw who asked in which week, in order of week."""
    state, weeks = trace.weekly, trace.params.weeks
    week, account = np.nonzero(state.active[:, :weeks].T)
    level = rng.normal(-0.2, 0.6, len(trace.accounts.account_id))
    health = state.health[account, week].astype(float)
    size = 0.30 * np.log(np.maximum(state.seats[account, week], 1) / 20)
    rate = 0.075 * np.exp(level[account] + size - 0.30 * health)
    burst = 1.8 * _incidents(trace)[account, week]
    count = rng.poisson(np.minimum(rate, 5.0) + burst)
    return np.repeat(account, count), np.repeat(week, count)


def _incidents(trace: Trace) -> Floats:
    """Mark the weeks in which an account had an incident, shape (accounts, weeks)."""
    marks = np.zeros((len(trace.accounts.account_id), trace.params.weeks))
    found = trace.jumps[trace.jumps["kind"] == JUMPS.index("incident")]
    found = found[found["week"] < trace.params.weeks]
    marks[found["account"], found["week"]] = 1.0
    return marks


def _topics(hurt: Floats, trouble: Floats, rng: np.random.Generator) -> Ints:
    calm = np.ones(len(hurt))
    weights = np.column_stack(
        [3 * calm, 1.5 * calm, 1.5 * calm, 1.3 + 4 * hurt, 0.8 + 3 * hurt, 0.8 + 4 * trouble]
    )
    limits = np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True)
    return np.asarray((rng.random((len(hurt), 1)) > limits).sum(axis=1))


def _offboarding(trace: Trace, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Draw who asks for their data after giving notice, and when."""
    notices = trace.movements[trace.movements["kind"] == KINDS.index("notice")]
    notices = notices[rng.random(len(notices)) < 0.25]
    asked = notices["decided_day"] + rng.uniform(2, 25, len(notices))
    kept = asked < trace.params.weeks * WEEK_DAYS
    return notices["account"][kept].astype(np.int64), asked[kept]


def _run(
    *, account: Ints, opened: Floats, kind: Ints, mood: Floats, rng: np.random.Generator
) -> Tickets:
    """Answer and solve the tickets."""
    severity = kind[:, 0]
    order = np.lexsort((account, opened))
    account, opened, severity = account[order], opened[order], severity[order]
    count = len(account)
    replied = opened + PROMISED_DAYS[severity] * np.exp(rng.normal(-1.0, 0.8, count)) + 3 * MINUTE
    solved = replied + SOLVE_DAYS[severity] * np.exp(rng.normal(-0.2, 0.8, count)) + 10 * MINUTE
    sour = 0.05 + 0.10 * np.nan_to_num(mood[order] < -0.3)
    again = np.where(rng.random(count) < sour, solved + rng.uniform(0.2, 6, count), np.nan)
    final = again + 0.1 + rng.exponential(3, count)
    return Tickets(
        account, opened, replied, solved, again, final, severity, kind[order, 1], mood[order]
    )


def build_tickets(trace: Trace, tickets: Tickets, rates: DirtRates) -> pa.Table:
    """Return rows of ``tickets``: one version at opening, first answer, solution, reopening.

    Parameters
    ----------
    trace
        What happened.
    tickets
        As drawn.
    rates
        How many openings are written in the wrong zone.
    """
    rng = Streams(trace.params.seed).rng("dirt tickets")
    written = early_by_zone(tickets.opened, rates.wrong_zone_share, rng=rng)
    later = (tickets.replied, tickets.solved, tickets.reopened, tickets.solved_again)
    known = np.column_stack([tickets.opened + 2 * MINUTE, *later])
    end = trace.params.weeks * WEEK_DAYS
    ticket, version = np.nonzero(known < end)
    order = np.lexsort((ticket, known[ticket, version]))
    ticket, version = ticket[order], version[order]
    solved = np.column_stack([tickets.solved, tickets.solved_again])[
        ticket, (version == 4).astype(int)
    ]
    account = tickets.account[ticket]
    ids = trace.accounts.account_id
    topic = tickets.topic[ticket]
    return build_rows(
        "tickets",
        trace.params.start,
        {
            "ticket_id": tags("T", ticket + 1),
            "account_id": picked(ids, account),
            "contact_id": tags("K", account, np.full(len(account), 2)),
            "opened_at": written[ticket],
            "severity": picked(SEVERITIES, tickets.severity[ticket]),
            "topic": picked((*TOPICS, *OFFBOARDING), np.maximum(topic, 0), none=topic < 0),
            "status": picked(STATUSES, version),
            "first_replied_at": np.where(version >= 1, tickets.replied[ticket], np.nan),
            "reply_due_at": tickets.opened[ticket] + PROMISED_DAYS[tickets.severity[ticket]],
            "solved_at": np.where((version == 2) | (version == 4), solved, np.nan),
            "reopened_count": (version >= 3).astype(np.int64),
            "sentiment": tickets.sentiment[ticket],
            "known_at": known[ticket, version],
        },
    )
