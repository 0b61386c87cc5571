"""Weekly use of the product: the clearest sight of health that a company has.

Active users are negative-binomial around seats times a utilisation that follows health, adoption
since the contract began, holidays and the account's own lasting level; everything else follows
the active users. What is seen in week w is drawn from the state at its start, known after its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lifecycle.world.canonical import Floats, Ints, build_rows, calendar, picked, tags
from lifecycle.world.presets import REGIONS, WEEK_DAYS
from lifecycle.world.seeds import Streams
from lifecycle.world.trace import Trace

METRICS = ("active_users", "events", "key_feature", "admin_logins", "breadth")
FEATURES = 12
"""Features that breadth counts."""
BLOCK_ROWS = 100_000
"""Account-weeks drawn at a time."""
KNOWN_AFTER = WEEK_DAYS + 3 / 24
ADOPTION_WEEKS = 7.0
HEALTH_LOGIT = 0.70
FELT = {"base": 1.0, "champion": 0.6, "incident": 0.6, "competitor": 0.4}
"""How much of each part of health shows in use: people work on while their bosses look around."""
LEFT_SEATS = 0.8
"""Use of an account under notice against before."""


@dataclass(frozen=True)
class Habits:
    """What lasts in an account's use, shape (accounts,) each.

    Attributes
    ----------
    level
        Log-odds of utilisation at health 0.
    intensity
        Log events per active user and week.
    key_logit
        Log-odds that an event is of the key feature.
    admins
        Log admin logins a week.
    """

    level: Floats
    intensity: Floats
    key_logit: Floats
    admins: Floats


@dataclass(frozen=True)
class _Cells:
    """Account-weeks in order of week, then account, shape (cells,) each; ``health`` as felt."""

    account: Ints
    week: Ints
    health: Floats
    mean_users: Floats
    seats: Floats


def stream_usage(trace: Trace) -> Iterator[pa.Table]:
    """Yield rows of ``usage`` in order of time, a bounded number at once.

    Parameters
    ----------
    trace
        What happened.
    """
    rng = Streams(trace.params.seed).rng("observed usage")
    habits = draw_habits(trace, rng)
    step = max(1, BLOCK_ROWS // max(1, len(trace.accounts.account_id)))
    holidays = season(trace)
    ids = pa.array(trace.accounts.account_id, pa.string())
    for first in range(0, trace.params.weeks, step):
        weeks = np.arange(first, min(first + step, trace.params.weeks))
        cells = _cells(trace, weeks, habits=habits, holidays=holidays, rng=rng)
        if len(cells.account):
            yield _rows(trace, cells, _measure(cells, habits, rng), ids=ids)


def draw_habits(trace: Trace, rng: np.random.Generator) -> Habits:
    """Draw the lasting habits of all accounts."""
    fit = trace.accounts.fit.astype(float)
    count = len(fit)
    return Habits(
        0.45 + 0.15 * fit + rng.normal(0, 0.40, count),
        np.log(14) + 0.1 * fit + rng.normal(0, 0.4, count),
        -1.6 + rng.normal(0, 0.4, count),
        np.log(3) + rng.normal(0, 0.5, count),
    )


def season(trace: Trace) -> Floats:
    """Return the share of normal use by region and week, shape (regions, weeks)."""
    days = calendar(trace.params.start, np.arange(trace.params.weeks) * WEEK_DAYS + 3)
    year_day = (days - days.astype("M8[Y]").astype("M8[D]")).astype(int)
    share = np.ones((len(REGIONS), len(days)))
    share[:, (year_day >= 355) | (year_day <= 2)] = 0.55
    european = np.array([name not in ("US", "CA") for name in REGIONS])
    summer = (year_day >= 210) & (year_day < 238)
    share[np.outer(european, summer)] *= 0.82
    american = REGIONS.index("US")
    share[american, (year_day >= 325) & (year_day < 332)] *= 0.75
    return share


def _cells(
    trace: Trace, weeks: Ints, *, habits: Habits, holidays: Floats, rng: np.random.Generator
) -> _Cells:
    span = slice(weeks[0], weeks[-1] + 1)
    state = trace.weekly
    place, account = np.nonzero(state.active[:, span].T)
    week = weeks[place]
    health = np.zeros(len(account))
    for part, share in FELT.items():
        health += share * getattr(state, part)[account, week]
    tenure = week - state.contract_started_day[account, week] / WEEK_DAYS
    adoption = 1 - 0.75 * np.exp(-np.maximum(tenure, 0) / ADOPTION_WEEKS)
    logit = habits.level[account] + HEALTH_LOGIT * health + rng.normal(0, 0.25, len(account))
    holiday = holidays[trace.accounts.region[account], week]
    leaving = np.where(state.noticed[account, week], LEFT_SEATS, 1.0)
    seats = np.maximum(state.seats[account, week].astype(float), 1)
    mean = seats * adoption * holiday * leaving / (1 + np.exp(-logit))
    return _Cells(account, week, health, mean, seats)


def _measure(cells: _Cells, habits: Habits, rng: np.random.Generator) -> list[Floats]:
    """Draw the metrics in the order of ``METRICS``, shape (cells,) each."""
    account, health = cells.account, cells.health
    users = np.minimum(_negative_binomial(cells.mean_users, 14, rng), np.ceil(cells.seats))
    events = _negative_binomial(users * np.exp(habits.intensity[account] + 0.15 * health), 6, rng)
    key_share = 1 / (1 + np.exp(-habits.key_logit[account] - 0.40 * health))
    key = rng.binomial(events.astype(np.int64), key_share).astype(float)
    admins = _negative_binomial(np.exp(habits.admins[account] + 0.30 * health), 3, rng)
    used = 1 / (1 + np.exp(0.9 - 0.35 * health - 0.35 * np.log1p(users)))
    breadth = rng.binomial(FEATURES, used).astype(float)
    quiet = users == 0
    return [users, events, key, np.where(quiet, 0, admins), np.where(quiet, 0, breadth)]


def _negative_binomial(mean: Floats, size: float, rng: np.random.Generator) -> Floats:
    """Draw counts with the mean given and variance mean + mean² / size."""
    return rng.poisson(rng.gamma(size, 1 / size, len(mean)) * mean).astype(float)


def _rows(trace: Trace, cells: _Cells, measures: list[Floats], *, ids: pa.Array) -> pa.Table:
    kinds = len(METRICS)
    account, week = np.repeat(cells.account, kinds), np.repeat(cells.week, kinds)
    metric = np.tile(np.arange(kinds), len(cells.account))
    used = (week * WEEK_DAYS).astype(float)
    return build_rows(
        "usage",
        trace.params.start,
        {
            "usage_id": tags("u", account, week, metric),
            "account_id": ids.take(pa.array(account)),
            "metric": picked(METRICS, metric),
            "used_at": used,
            "span_days": float(WEEK_DAYS),
            "quantity": np.column_stack(measures).ravel(),
            "known_at": used + KNOWN_AFTER,
        },
    )
