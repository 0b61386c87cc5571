"""How latent health and payment trouble move: a slow AR(1), sudden jumps that heal."""

from __future__ import annotations

import numpy as np

from lifecycle.world.macro import MONTH_WEEKS
from lifecycle.world.presets import YEAR_DAYS, WorldParams
from lifecycle.world.state import LATENTS, Ints, State

YEAR_WEEKS = YEAR_DAYS / 7.0
SETTLING_WEEKS = 60


def advance_latents(state: State, params: WorldParams, rng: np.random.Generator) -> Ints:
    """Move every account's latents by one week, in place.

    Parameters
    ----------
    state
        Latents at the start of the week become those of the next one.
    params
        The world.
    rng
        The stream ``health``; it draws the same numbers whatever the contracts do.

    Returns
    -------
    Code into ``JUMPS`` of what befell each account in the week, -1 for nothing, shape (n,).
    """
    latents = params.latents
    memory = latents.monthly_memory ** (1.0 / MONTH_WEEKS)
    noise = latents.base_sd * np.sqrt(1.0 - memory**2) * rng.standard_normal(len(state))
    state.base = memory * state.base + (1.0 - memory) * latents.fit_weight * state.fit + noise
    luck = rng.random(len(state))
    rates = _weekly_rates(params)
    jumped = np.searchsorted(np.cumsum(rates), luck, side="right")
    drops = (latents.champion_drop, latents.incident_drop, latents.competitor_drop)
    halves = _half_lives(params)
    for code, (name, drop) in enumerate(zip(LATENTS[1:4], drops, strict=True)):
        left = getattr(state, name) * 0.5 ** (1.0 / halves[code])
        setattr(state, name, left - drop * (jumped == code))
    first, pay = rates.sum(), np.array(latents.pay_rates_year)[state.segment] / YEAR_WEEKS
    trouble = (luck >= first) & (luck < first + pay)
    state.pay_trouble = np.maximum(state.pay_trouble * 0.5 ** (1.0 / halves[3]), trouble)
    return np.where(jumped < 3, jumped, -1).astype(np.int64)


def expected_latents(state: State, params: WorldParams) -> None:
    """Move latents by one week to where they are expected without new jumps, in place."""
    latents = params.latents
    memory = latents.monthly_memory ** (1.0 / MONTH_WEEKS)
    state.base = memory * state.base + (1.0 - memory) * latents.fit_weight * state.fit
    for name, half in zip(LATENTS[1:], _half_lives(params), strict=True):
        setattr(state, name, getattr(state, name) * 0.5 ** (1.0 / half))


def settle_latents(state: State, params: WorldParams, rng: np.random.Generator) -> None:
    """Let new latents forget that they began without jumps, in place."""
    for _ in range(SETTLING_WEEKS):
        advance_latents(state, params, rng)


def _weekly_rates(params: WorldParams) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    latents = params.latents
    years = (
        latents.champion_rate_year,
        latents.incident_rate_year,
        latents.competitor_rate_year,
    )
    return np.array(years) / YEAR_WEEKS


def _half_lives(params: WorldParams) -> tuple[float, float, float, float]:
    latents = params.latents
    return (
        latents.champion_halflife_weeks,
        latents.incident_halflife_weeks,
        latents.competitor_halflife_weeks,
        latents.pay_halflife_weeks,
    )
