"""Why each account is at risk, by the law that moves it, in log-odds of leaving within 90 days.

Each group of latents in turn is set to what it typically is; by how much the log-odds fall is what
the group contributes. The latents' expected course is followed, without noise, so that the same
world always gives the same drivers. Groups are named like the reasons of the models that see the
latent best: use shows the slow part of health, contacts the loss of a champion, tickets an
incident, deals a competitor, custom fields the lasting taste for leaving.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np

from lifecycle.world.continuation import open_accounts
from lifecycle.world.hazards import Span, weekly_hazards
from lifecycle.world.health import expected_latents
from lifecycle.world.presets import WorldParams
from lifecycle.world.seams import TextArray
from lifecycle.world.state import Floats, State
from lifecycle.world.trace import Trace

GROUPS = (
    "usage",
    "relationship",
    "support",
    "commercial",
    "billing",
    "price",
    "renewal",
    "contract",
    "context",
    "tenure",
    "attributes",
)
WEEKS_AHEAD = 13
SMALLEST = 1e-9


def true_drivers(trace: Trace, day: int) -> tuple[TextArray, tuple[str, ...], Floats]:
    """Return what raises or lowers each open account's risk of leaving within 90 days.

    Parameters
    ----------
    trace
        The world.
    day
        Days since its start.

    Returns
    -------
    Ids, shape (n,); the groups; and contributions against the typical account in log-odds,
    positive = risk-raising, shape (n, groups).

    Raises
    ------
    UsageError
        The day lies outside the world.
    """
    rows, state = open_accounts(trace, day)
    full = _log_odds(state, trace.params, day)
    parts = [full - _without(name, state, trace.params, day) for name in GROUPS]
    return trace.accounts.account_id[rows], GROUPS, np.stack(parts, axis=1)


def _log_odds(state: State, params: WorldParams, day: int, *, spread: bool = False) -> Floats:
    """Return the log-odds of leaving within 90 days; ``spread`` forgets when the deadline is."""
    some, stays = _copy(state), np.ones(len(state))
    renewal = np.zeros(len(state))
    for week in range(day // 7, day // 7 + WEEKS_AHEAD):
        span = Span(7 * week, 7 * week + 7)
        if spread:
            # the chance that the deadline falls in any one week of the term
            some.term_ends_day = np.full(len(state), 7 * week) + some.notice_days
        hazards = weekly_hazards(some, params, span, 0.0)
        renewal = hazards.nonrenewal * (_weekly_share(some) if spread else 1.0)
        rest = (1.0 - hazards.midterm) * (1.0 - hazards.involuntary)
        stays *= (1.0 - renewal) * rest
        ends = (some.term_ends_day >= span.first) & (some.term_ends_day < span.last)
        some.term_ends_day = np.where(
            ends, some.term_ends_day + np.rint(30.44 * some.term_months), some.term_ends_day
        ).astype(np.int64)
        expected_latents(some, params)
    risk = np.clip(1.0 - stays, SMALLEST, 1.0 - SMALLEST)
    odds: Floats = np.log(risk / (1.0 - risk))
    return odds


def _weekly_share(state: State) -> Floats:
    share: Floats = np.minimum(7.0 / (30.44 * state.term_months), 1.0)
    return share


def _without(name: str, state: State, params: WorldParams, day: int) -> Floats:
    """Return the log-odds when a group is as it typically is."""
    if name == "renewal":
        return _log_odds(state, params, day, spread=True)
    risk = params.risk
    if name == "contract":
        typical = float(np.average(risk.renewal, weights=params.mix.term_shares[1]))
        flat = replace(risk, renewal=(risk.renewal[0], typical, typical, typical), size=0.0)
        return _log_odds(state, replace(params, risk=flat), day)
    if name == "context":
        typical = float(np.average(risk.segment, weights=params.mix.segment_shares))
        flat = replace(risk, segment=(typical,) * len(risk.segment))
        return _log_odds(state, replace(params, risk=flat), day)
    some = _copy(state)
    TYPICAL[name](some)
    return _log_odds(some, params, day)


def _set_mean(*names: str) -> Callable[[State], None]:
    def change(state: State) -> None:
        for name in names:
            values = getattr(state, name)
            setattr(state, name, np.full(len(values), values.mean()))

    return change


def _set_tenure(state: State) -> None:
    typical = np.median(state.contract_started_day).astype(np.int64)
    state.contract_started_day = np.full(len(state), typical)


TYPICAL: dict[str, Callable[[State], None]] = {
    "usage": _set_mean("base", "fit"),
    "relationship": _set_mean("champion"),
    "support": _set_mean("incident"),
    "commercial": _set_mean("competitor"),
    "billing": _set_mean("pay_trouble"),
    "price": _set_mean("uplift"),
    "tenure": _set_tenure,
    "attributes": _set_mean("frailty"),
}


def _copy(state: State) -> State:
    return State(*(getattr(state, one.name).copy() for one in fields(state)))
