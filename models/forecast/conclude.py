"""From legs to an answer: what past forecasts teach is added to a raw forecast.

Weights of the legs by level and week, one combined leg whose nodes add up, widths stretched by how
far outcomes lay off before, and the leg that is served. The nightly refresh and the backtest both
call this one function, with judged forecasts of quarters that had ended by the origin.

Widths: a leg's quantiles keep their shape and are stretched around the median by
``k = sqrt((n s + 8) / (n + 8))``, s the mean squared score (deviations off) of past forecasts near
the week and n the quarters behind it: shrunk to 1, because few quarters prove little. Where widths
come of simulated units, what k itself leaves open is told too: it is multiplied by how much farther
out P10 and P90 of Student's t with n + 8 degrees of freedom lie than a normal's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np

from models.forecast.combine import (
    COMBINED,
    PRIOR_QUARTERS,
    choose_served,
    leg_weights,
    prior_weights,
    reconcile,
)
from models.forecast.grid import FloatArray, interval, move, stretch
from models.forecast.judged import Judged, Said, near_week, same_footing
from models.forecast.nodes import dimension_of
from models.forecast.raw import BOOKINGS, ORDERS, SIMULATION, Leg, RawForecast

ADJUSTMENT = "combination"
"""Part of the mean that other legs add to (or take from) the units that were simulated."""


@dataclass(frozen=True)
class Policy:
    """What is combined and what has to be beaten.

    Parameters
    ----------
    kinds
        Kind of information by leg that may enter the combination.
    rivals
        Plain rules, the simplest first.
    surest
        Rule than which the combination is never less sure; empty without one. Disagreement
        between legs must not make it wider than a rule it is meant to beat.
    trust
        How much a kind of information counts before anything was judged; 1 where none is told.
    correlation
        How far the legs are held to err together.
    """

    kinds: Mapping[str, str]
    rivals: tuple[str, ...]
    surest: str = ""
    trust: Mapping[str, float] = field(default_factory=dict)
    correlation: float = 0.0


SEASONAL_NAIVE = "seasonal_naive"
_GROWTH = {"auto_ets": "growth", "auto_theta": "growth", "auto_arima": "growth"}
OF_ORDERS = Policy(
    {SEASONAL_NAIVE: "last year", SIMULATION: "buyers", **_GROWTH},
    (SEASONAL_NAIVE, "last_quarter"),
    SEASONAL_NAIVE,
)
_RULES_OF_UNITS = ("last_quarter", SEASONAL_NAIVE, "conversion", "crm_weighted", "commit")
# series of totals know nothing of the deals and contracts in hand: on development worlds they made
# the combination worse, so they stand beside it. Both legs start from the same book and err
# together (by .6 to .9 there); half is assumed, so that a lucky leg does not take all
OF_DEALS = Policy({SIMULATION: "units", "conversion": "ratio"}, _RULES_OF_UNITS, correlation=0.5)
# of contracts the ratio knows nothing that the simulation does not: the same book, but neither
# notices nor the days on which terms end
OF_CONTRACTS = replace(OF_DEALS, trust={"units": 2.0})


@dataclass(frozen=True)
class Concluded:
    """A target's forecast of a quarter as it is served.

    Parameters
    ----------
    raw
        What it rests on.
    legs
        By name, the combined one included, widths as measured.
    unstretched
        The same legs with the widths that the facts alone gave them.
    served
        The leg to show at every node: mixed legs would not add up.
    verdict
        Why that leg, in one sentence.
    weights
        By level and leg: shares of the combination.
    scales
        By leg and level: how far the widths were stretched.
    parts
        By name, (nodes,) addends of the served mean, minor units.
    judged_quarters
        Ended quarters behind weights and widths: the effective n.
    """

    raw: RawForecast
    legs: Mapping[str, Leg]
    unstretched: Mapping[str, Leg]
    served: str
    verdict: str
    weights: Mapping[str, Mapping[str, float]]
    scales: Mapping[str, Mapping[str, float]]
    parts: Mapping[str, FloatArray]
    judged_quarters: int = field(default=0)

    def said(self) -> Said:
        """Return what later forecasts learn from: every leg before it was stretched."""
        return said_of(self.raw, self.unstretched)


def said_of(raw: RawForecast, legs: Mapping[str, Leg] | None = None) -> Said:
    """Return a forecast as it will be judged: the raw legs, or those it came to."""
    quarter = raw.quarter
    left = (quarter.end - max(raw.origin, quarter.start)).days / quarter.days
    told = raw.legs if legs is None else legs
    return Said(
        str(quarter), raw.origin, raw.week, raw.nodes, told, raw.to_date_minor, max(left, 0.0)
    )


def conclude(raw: RawForecast, judged: Sequence[Judged]) -> Concluded:
    """Weigh, combine, stretch and choose.

    Parameters
    ----------
    raw
        Legs as of an origin.
    judged
        Forecasts of the same target whose quarter had ended by the origin, scored with what was
        known there.
    """
    policy = {ORDERS: OF_ORDERS, BOOKINGS: OF_DEALS}.get(raw.target, OF_CONTRACTS)
    judged = same_footing(judged, SEASONAL_NAIVE, speaks=SEASONAL_NAIVE in raw.legs)
    kinds = {leg: kind for leg, kind in policy.kinds.items() if leg in raw.legs}
    levels = tuple(dict.fromkeys(dimension_of(node) for node in raw.nodes))
    prior = prior_weights(kinds, policy.trust)
    weights = {
        level: leg_weights(
            prior, judged, level=level, week=raw.week, correlation=policy.correlation
        )
        for level in levels
    }
    every = _dressed(raw, kinds)
    every[COMBINED] = _combine(every, weights, raw)
    unstretched = {**every}
    able = [name for name, leg in every.items() if np.isfinite(leg.mean_minor).all()]
    served, verdict = choose_served(judged, policy.rivals, able)
    if served != COMBINED:  # a rule works node by node: what it says need not add up
        every[served] = _adding_up(_at_least(every[served], raw.floor_minor), raw)
    scales = {leg: _scales(raw, leg, judged, levels=levels) for leg in every}
    legs = {name: _stretched(raw, leg, scales[name]) for name, leg in every.items()}
    if policy.surest in legs:
        legs[COMBINED] = _no_wider(legs[COMBINED], legs[policy.surest], raw.floor_minor)
    return Concluded(
        raw,
        legs,
        unstretched,
        served,
        verdict,
        weights,
        scales,
        _parts(raw, legs[served]),
        len({one.period for one in judged}),
    )


def _dressed(raw: RawForecast, kinds: Mapping[str, str]) -> dict[str, Leg]:
    """Return the legs; to those that are points alone the simulation lends its shape.

    Their own guess at a width knows nothing of deals and contracts, and would count in the
    combination as much as what was simulated.
    """
    simulated = raw.legs.get(SIMULATION)
    if simulated is None or raw.target == ORDERS:
        return {**raw.legs}
    dressed = {**raw.legs}
    for name in (one for one in raw.legs if one in kinds):
        mean = np.maximum(raw.legs[name].mean_minor, raw.floor_minor)
        by = mean - simulated.mean_minor
        dressed[name] = Leg(mean, move(simulated.grid_minor, by, floor=raw.floor_minor))
    return dressed


def _at_least(leg: Leg, floor: FloatArray) -> Leg:
    """Raise a leg's means to what is in already: a plain rule may say less."""
    return Leg(np.maximum(leg.mean_minor, floor), leg.grid_minor)


def _combine(
    legs: Mapping[str, Leg], weights: Mapping[str, Mapping[str, float]], raw: RawForecast
) -> Leg:
    """Average means and quantiles leg by leg (Vincent 1912); a silent leg's weight goes to others.

    Averaging quantiles keeps the legs' shape; averaging distributions would add their distances
    from one another to the width.
    """
    names = list(next(iter(weights.values())))
    by_node = [weights[dimension_of(node)] for node in raw.nodes]
    share = np.array([[one[name] for one in by_node] for name in names])
    means = np.stack([legs[name].mean_minor for name in names])
    grids = np.stack([legs[name].grid_minor for name in names])
    share = share * np.isfinite(means)
    share = share / share.sum(axis=0)
    mean = (share * np.nan_to_num(means)).sum(axis=0)
    grid = (share[..., None] * np.nan_to_num(grids)).sum(axis=0)
    return _adding_up(Leg(mean, grid), raw)


def _adding_up(leg: Leg, raw: RawForecast) -> Leg:
    low, high = interval(leg.grid_minor, 0.8)
    moved = reconcile(leg.mean_minor, (high - low) ** 2, raw.nodes)
    return Leg(leg.mean_minor + moved, move(leg.grid_minor, moved, floor=raw.floor_minor))


def _scales(
    raw: RawForecast, leg: str, judged: Sequence[Judged], *, levels: Sequence[str]
) -> dict[str, float]:
    found = {}
    for level in levels:
        _, score, quarters = near_week(judged, leg, level=level, week=raw.week)
        freedom = quarters + PRIOR_QUARTERS
        found[level] = float(np.sqrt((quarters * score + PRIOR_QUARTERS) / freedom))
        if raw.target != ORDERS:  # their widths are measured misses, which hold that doubt already
            found[level] *= _farther_out(freedom)
    return found


def _farther_out(freedom: float) -> float:
    """Return how much farther out P90 of Student's t lies than a normal's (Peiser 1943)."""
    return 1.0 + (NormalDist().inv_cdf(0.9) ** 2 + 1.0) / (4.0 * freedom)


def _stretched(raw: RawForecast, leg: Leg, scales: Mapping[str, float]) -> Leg:
    factor = np.array([scales[dimension_of(node)] for node in raw.nodes])
    return Leg(leg.mean_minor, stretch(leg.grid_minor, factor, floor=raw.floor_minor))


def _no_wider(leg: Leg, rule: Leg, floor: FloatArray) -> Leg:
    """Narrow a leg around its median to the 80 % width of a rule, where it is wider."""
    own, most = (np.subtract(*interval(one.grid_minor, 0.8)[::-1]) for one in (leg, rule))
    factor = np.divide(most, own, out=np.ones_like(own), where=own > np.maximum(most, 0.0))
    return Leg(leg.mean_minor, stretch(leg.grid_minor, np.nan_to_num(factor, nan=1.0), floor=floor))


def _parts(raw: RawForecast, served: Leg) -> dict[str, FloatArray]:
    """Return addends of the served mean: the simulated units', and what the other legs change."""
    simulated = sum(raw.parts.values(), np.zeros(len(raw.nodes)))
    return {**raw.parts, ADJUSTMENT: served.mean_minor - simulated}
