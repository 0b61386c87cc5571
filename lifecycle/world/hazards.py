"""How likely each account is to leave in a week, by cause: the law of the world.

Log-linear in the latents (methods 5.2), except in the ``misspecified`` variant, whose thresholds
and interactions no log-linear model can write down, and in ``drift``, whose coefficients move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lifecycle.world.presets import TERMS, YEAR_DAYS, WorldParams
from lifecycle.world.state import Bools, Floats, State


@dataclass(frozen=True)
class Span:
    """The part of a week that is looked at: days ``[first, last)`` since the start.

    Whole weeks when a world is made; a broken week at either end of an oracle's horizon.
    """

    first: int
    last: int

    @property
    def week(self) -> int:
        """The week that holds the first day."""
        return self.first // 7

    @property
    def share(self) -> float:
        """Part of a whole week."""
        return (self.last - self.first) / 7.0


@dataclass(frozen=True)
class Hazards:
    """Probabilities of deciding to leave in a span, given that the account stays until then.

    All of shape (n,) and 0 for accounts that cannot leave. Each stands alone: the chance that any
    strikes is one minus the product of the complements.
    """

    nonrenewal: Floats
    midterm: Floats
    involuntary: Floats

    def total(self) -> Floats:
        """Return the chance that any cause strikes, comebacks and second thoughts included."""
        stay = (1.0 - self.nonrenewal) * (1.0 - self.midterm) * (1.0 - self.involuntary)
        return 1.0 - stay

    def lasting(self, state: State, params: WorldParams) -> Floats:
        """Return the chance of a decision that lasts: not withdrawn, no comeback in 30 days.

        This is what labels call leaving (methods 1.2), so it is what the oracle adds up.
        """
        lasting: Floats = self.by_cause(state, params).sum(axis=0)
        return lasting

    def by_cause(self, state: State, params: WorldParams) -> Floats:
        """Return the chances of lasting decisions by cause, shape (3, n) in order of ``CAUSES``."""
        parts = np.stack([self.nonrenewal, self.midterm, self.involuntary])
        kept = 1.0 - np.array(params.risk.return_shares)[:, None] * np.ones(len(state))
        kept[0] *= 1.0 - params.risk.withdrawn_share * (state.notice_days > 0)
        shared: Floats = self.total() / np.maximum(parts.sum(axis=0), 1e-300) * parts * kept
        return shared


def weekly_hazards(state: State, params: WorldParams, span: Span, churn: npt.ArrayLike) -> Hazards:
    """Return the hazards of one week, or of part of it.

    The decision not to renew falls on the notice deadline, so it strikes only in the span that
    holds it. In the week in which a term ends no other cause strikes: one event at a time.

    Parameters
    ----------
    state
        At the start of the week.
    params
        The world.
    span
        Days of one week.
    churn
        The macro shock on leaving, broadcast against the accounts.
    """
    risk = params.risk
    score = risk_score(state, params, span, churn)
    staying = state.staying
    deadline = state.term_ends_day - state.notice_days
    due = staying & (deadline >= span.first) & (deadline < span.last)
    week = 7 * span.week
    ends = (state.term_ends_day >= week) & (state.term_ends_day < week + 7)
    free = staying & ~ends
    midterm = odds_to_share(risk.midterm + risk.midterm_share * score)
    broke = risk.involuntary + risk.pay * state.pay_trouble + risk.involuntary_share * score
    return Hazards(
        nonrenewal=np.where(due, odds_to_share(renewal_log_odds(state, params, span, score)), 0.0),
        midterm=np.where(free & (state.term_months > 1), midterm * span.share, 0.0),
        involuntary=np.where(free, odds_to_share(broke) * span.share, 0.0),
    )


def risk_score(state: State, params: WorldParams, span: Span, churn: npt.ArrayLike) -> Floats:
    """Return the shared log-odds score of leaving, shape (n,)."""
    risk = params.risk
    progress = _progress(params, span)
    health = state.health
    weight = risk.health * (1.0 - 0.5 * progress)
    segment = np.array(risk.segment) + progress * np.array([0.4, 0.0, -0.2])
    years = np.maximum(7 * span.week - state.contract_started_day, 0) / YEAR_DAYS
    median = np.array(params.mix.mrr_median_minor)[state.segment]
    size = np.log(np.maximum(state.mrr_minor, 1) / median)
    score = -weight * health + risk.frailty * state.frailty + segment[state.segment]
    score += risk.tenure * np.log1p(years) + risk.size * size + churn
    if params.variant == "misspecified":
        score += _bends(health, years, state.frailty)
    return score


def renewal_log_odds(state: State, params: WorldParams, span: Span, score: Floats) -> Floats:
    """Return the log-odds of not renewing when the deadline comes, shape (n,)."""
    risk = params.risk
    points = 100.0 * (state.uplift - params.growth.uplift_mean) * (state.term_months > 1)
    price = risk.price_per_point * (1.0 + _progress(params, span)) * points
    if params.variant == "misspecified":
        price = 0.25 * np.maximum(points - 2.5, 0.0)
    term = np.searchsorted(np.array(TERMS), state.term_months)
    return np.array(risk.renewal)[term] + score + price


def odds_to_share(log_odds: Floats) -> Floats:
    """Turn log-odds into probabilities.

    Examples
    --------
    >>> odds_to_share(np.array([0.0])).tolist()
    [0.5]
    """
    share: Floats = 1.0 / (1.0 + np.exp(-log_odds))
    return share


def contraction_chance(state: State, params: WorldParams) -> Floats:
    """Return the chance of buying less at a renewal, shape (n,)."""
    growth = params.growth
    years = np.minimum(state.term_months, 24) / 12.0
    rate = growth.contraction_year * years * np.exp(-growth.contraction_health * state.health)
    return -np.expm1(-rate)


def growth_chance(state: State, params: WorldParams) -> Floats:
    """Return the chance of buying more at a renewal, without a deal, shape (n,)."""
    growth = params.growth
    years = np.minimum(state.term_months, 24) / 12.0
    rate = growth.growth_year * years * np.exp(growth.trigger_health * state.health)
    return -np.expm1(-rate)


def addon_chance(state: State, params: WorldParams, staying: Bools) -> Floats:
    """Return the chance of dropping the second line at the deadline, 0 without one, shape (n,)."""
    chance = odds_to_share(params.growth.addon_drop - 0.6 * state.health)
    return np.where(staying & (state.addon_mrr_minor > 0), chance, 0.0)


def trigger_chance(state: State, params: WorldParams) -> Floats:
    """Return the weekly chance of asking for more, shape (n,)."""
    growth = params.growth
    rate = growth.trigger_year * 7.0 / YEAR_DAYS * np.exp(growth.trigger_health * state.health)
    return np.where(state.staying, -np.expm1(-rate), 0.0)


def _progress(params: WorldParams, span: Span) -> float:
    """Return how far the coefficients of the ``drift`` variant have moved, 0 to 1."""
    return min(span.week / params.weeks, 1.0) if params.variant == "drift" else 0.0


def _bends(health: Floats, years: Floats, frailty: Floats) -> Floats:
    """Return what a log-linear model misses: a cliff, a young account's panic, an interaction."""
    cliff = 0.8 * (health < -1.1) - 0.3
    young = 0.45 * np.maximum(-health, 0.0) * (years < 1.0)
    return cliff + young + 0.20 * frailty * np.minimum(health, 0.0)
