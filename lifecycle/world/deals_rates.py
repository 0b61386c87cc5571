"""Weekly rates at which an open deal is won, lost or moves; the one law of the world's deals.

Each event has a rate: base rate of the stage × a multiplier of the deal and the week. The chance
that anything happens in a week is 1 - exp(-sum of the rates), shared out in proportion (competing
exponential risks). The simulation draws from it and the truth sums it up: neither has another law.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]

STAGES = ("qualification", "discovery", "evaluation", "proposal", "negotiation")
"""Open stages in order, by our names."""

EVENTS = ("win", "lose", "forward", "skip", "back")

BASE = np.array(
    [  # one row a stage: win, lose, forward, skip one, back
        (0.0002, 0.095, 0.320, 0.030, 0.000),
        (0.0005, 0.080, 0.280, 0.030, 0.020),
        (0.0015, 0.064, 0.240, 0.025, 0.030),
        (0.0080, 0.055, 0.200, 0.000, 0.030),
        (0.2100, 0.075, 0.000, 0.000, 0.020),
    ],
    np.float32,
)
"""Weekly rates of a mid-market deal of average quality whose buyer is ready to decide."""

SPEED = np.array([(1.5, 1.0, 0.65), (1.7, 1.25, 0.9)], np.float32)
"""Multiplier of all rates: new business and expansion × SMB, mid-market, enterprise."""


@dataclass(frozen=True)
class DealLaw:
    """Coefficients of the multipliers.

    Attributes
    ----------
    quality_win, quality_lose, quality_forward
        Log of a rate's multiplier per unit of quality.
    early_weeks
        Weeks in which the chance to win falls by 1/e when going back from the buyer's decision.
    near_weeks, wait_weeks
        Weeks before that decision at which a deal still moves at its full rate, and how fast the
        rate falls further back.
    stale_weeks, fade_weeks
        Weeks after that decision from which the chance to win fades, and how fast.
    most_stale
        By how much (log) losing becomes likelier at most as the chance to win fades.
    threshold
        Log multiplier of winning above quality 1 (variant "misspecified").
    interaction
        Log multiplier of winning per unit of quality in enterprise deals (same variant).
    drift
        Share by which ``quality_win`` falls from the first to the last week (variant "drift").
    """

    quality_win: float = 0.55
    quality_lose: float = 0.4
    quality_forward: float = 0.3
    early_weeks: float = 3.5
    near_weeks: float = 3.0
    wait_weeks: float = 4.0
    stale_weeks: float = 5.0
    fade_weeks: float = 7.0
    most_stale: float = 1.2
    threshold: float = 0.0
    interaction: float = 0.0
    drift: float = 0.0


def law_of(variant: str) -> DealLaw:
    """Return the law of a variant; "plain" and "shock" share one (a shock comes by the macro)."""
    if variant == "misspecified":
        return DealLaw(threshold=0.7, interaction=-0.5)
    return DealLaw(drift=0.55) if variant == "drift" else DealLaw()


@dataclass(frozen=True)
class Mood:
    """What all deals share in one week.

    Attributes
    ----------
    late
        Weeks since the start as a share of the data's weeks: drift goes by it.
    push
        Log multiplier of winning: season of the quarter.
    macro
        Log multiplier of winning: the economy; a number, or one per draw.
    """

    late: float
    push: float
    macro: Any


@dataclass(frozen=True)
class Deals:
    """Latents of deals as the law sees them; arrays broadcast against each other.

    Attributes
    ----------
    quality
        Quality in this week: lasting quality, momentum and the seller's skill.
    ready_weeks
        Weeks until the buyer is ready to decide; negative = since.
    speed
        Multiplier of all rates.
    enterprise
        1 for enterprise deals, else 0.
    """

    quality: Floats
    ready_weeks: Floats
    speed: Floats
    enterprise: Floats


def multipliers(deals: Deals, mood: Mood, law: DealLaw) -> tuple[Floats, Floats, Floats]:
    """Return the multipliers of winning, of losing and of moving, shapes broadcast."""
    quality = deals.quality
    slope = law.quality_win * (1 - law.drift * mood.late)
    log_win = slope * quality + mood.push + mood.macro
    log_win = log_win - np.maximum(deals.ready_weeks, 0) / law.early_weeks
    stale = np.maximum(-deals.ready_weeks - law.stale_weeks, 0) / law.fade_weeks
    log_win = log_win - stale
    if law.threshold or law.interaction:
        log_win = log_win + law.threshold * (quality > 1)
        log_win = log_win + law.interaction * quality * deals.enterprise
    win = deals.speed * np.exp(log_win)
    log_lose = np.minimum(stale, law.most_stale) - law.quality_lose * quality
    lose = deals.speed * np.exp(log_lose)
    log_move = law.quality_forward * quality
    log_move = log_move - np.maximum(deals.ready_weeks - law.near_weeks, 0) / law.wait_weeks
    return win, lose, deals.speed * np.exp(log_move)


def event_chances(stage: npt.NDArray[Any], parts: tuple[Floats, Floats, Floats]) -> Floats:
    """Return the chances (..., 5) of :data:`EVENTS` in one week for deals in a stage.

    Parameters
    ----------
    stage
        Place of the stage, broadcast against the multipliers.
    parts
        What :func:`multipliers` returned.
    """
    win, lose, move = parts
    base = BASE[stage]
    rates = np.stack(
        [base[..., 0] * win, base[..., 1] * lose, *(base[..., k] * move for k in (2, 3, 4))], -1
    )
    total = rates.sum(-1, keepdims=True)
    return np.asarray(rates * (-np.expm1(-total) / total))
