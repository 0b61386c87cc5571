"""Satisfaction surveys whose silence says something: unhappy people answer less, the angry more."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from lifecycle.world.canonical import Floats, Ints, build_rows, office_hours, picked, tags
from lifecycle.world.dirt import DirtRates
from lifecycle.world.presets import WEEK_DAYS
from lifecycle.world.seeds import Streams
from lifecycle.world.support import Tickets
from lifecycle.world.trace import Trace

NPS_WEEKS = 26
FIRST_NPS_WEEK = 8
"""Weeks a customer is left alone first."""
CLOSED_AFTER_DAYS = 14.0
CSAT_SHARE = 0.5
"""Solved tickets after which we ask."""
KINDS = ("nps", "csat")
TOPS = np.array([10.0, 5.0])


def build_surveys(trace: Trace, tickets: Tickets, rates: DirtRates) -> pa.Table:
    """Return rows of ``surveys``: NPS twice a year, CSAT after half the solved tickets.

    Parameters
    ----------
    trace
        What happened.
    tickets
        As drawn by ``draw_tickets``.
    rates
        How many surveys were lost.
    """
    rng = Streams(trace.params.seed).rng("observed surveys")
    account, invited, health = _nps_invitations(trace, rng)
    own = rng.normal(0, 0.6, len(trace.accounts.account_id))[account]
    angry = 0.15 * (health < -1.8)
    answers = rng.random(len(account)) < 1 / (1 + np.exp(0.35 - 0.55 * health - own)) + angry
    score = np.clip(np.rint(7.4 + 1.25 * health + rng.normal(0, 1.5, len(account))), 0, 10)
    asked, csat_invited, csat_health = _csat_invitations(trace, tickets, rng)
    csat_answers = rng.random(len(asked)) < 0.25
    csat = np.clip(np.rint(4.0 + 0.35 * csat_health + rng.normal(0, 0.9, len(asked))), 1, 5)
    return _rows(
        trace,
        asked=(np.concatenate([account, asked]), np.concatenate([invited, csat_invited])),
        score=np.where(
            np.concatenate([answers, csat_answers]), np.concatenate([score, csat]), np.nan
        ),
        kind=np.repeat([0, 1], [len(account), len(asked)]),
        rates=rates,
    )


def _nps_invitations(trace: Trace, rng: np.random.Generator) -> tuple[Ints, Floats, Floats]:
    state, weeks = trace.weekly, trace.params.weeks
    week, account = np.nonzero(state.active[:, :weeks].T)
    turn = rng.integers(0, NPS_WEEKS, len(trace.accounts.account_id))
    tenure = week - state.contract_started_day[account, week] / WEEK_DAYS
    due = ((week + turn[account]) % NPS_WEEKS == 0) & (tenure >= FIRST_NPS_WEEK)
    account, week = account[due], week[due]
    day = week * WEEK_DAYS + rng.integers(0, 5, len(week))
    health = state.health[account, week].astype(float)
    return account, office_hours(day, rng.random(len(day))), health


def _csat_invitations(
    trace: Trace, tickets: Tickets, rng: np.random.Generator
) -> tuple[Ints, Floats, Floats]:
    end = trace.params.weeks * WEEK_DAYS
    chosen = (rng.random(len(tickets.account)) < CSAT_SHARE) & (tickets.solved + 0.1 < end)
    account, invited = tickets.account[chosen], tickets.solved[chosen] + 1 / 24
    week = np.floor(invited / WEEK_DAYS).astype(np.int64)
    return account, invited, trace.weekly.health[account, week].astype(float)


def _rows(
    trace: Trace,
    *,
    asked: tuple[Ints, Floats],
    score: Floats,
    kind: Ints,
    rates: DirtRates,
) -> pa.Table:
    """Return rows of surveys asked of accounts at instants; a score that is NaN is silence."""
    rng, (account, invited) = Streams(trace.params.seed).rng("dirt surveys"), asked
    silent = np.isnan(score)
    waited = np.minimum(rng.exponential(2.5, len(score)) + 0.02, CLOSED_AFTER_DAYS - 0.1)
    answered = invited + np.where(silent, CLOSED_AFTER_DAYS, waited)
    lost = rng.random(len(score)) < rates.missing_survey_share
    kept = np.flatnonzero((answered < trace.params.weeks * WEEK_DAYS) & ~lost)
    kept = kept[np.lexsort((account[kept], answered[kept]))]
    account, kind, silent = account[kept], kind[kept], silent[kept]
    return build_rows(
        "surveys",
        trace.params.start,
        {
            "response_id": tags("N", np.arange(len(kept)) + 1),
            "account_id": picked(trace.accounts.account_id, account),
            "contact_id": tags("K", account, np.where(kind == 0, 1, 2)),
            "kind": picked(KINDS, kind),
            "outcome": picked(("answered", "unanswered"), silent.astype(np.int64)),
            "invited_at": invited[kept],
            "answered_at": answered[kept],
            "score": score[kept],
            "scale_top": TOPS[kind],
            "known_at": answered[kept] + 1 / 1440,
        },
    )
