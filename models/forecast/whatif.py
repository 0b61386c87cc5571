"""What is supposed to be otherwise when a quarter is simulated again: levers and scenarios."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from lifecycle.errors import UsageError

WON, LOST, MOVED = "won", "lost", "moved"
OUTCOMES = (WON, LOST, MOVED)
"""A deal is won in the quarter, lost, or moved out of it (open on its last day)."""

SHOCKS = ("win", "volume", "amount", "churn")
"""Common shocks: log odds of winning, log rate of creation, log amount, log rate of leaving."""


@dataclass(frozen=True)
class Change:
    """Differences from what an engine's inputs say; nothing by default.

    Parameters
    ----------
    stage_log_odds
        By stage, added to the log odds to win in the quarter of every open deal in it.
    unit_log_odds
        By deal id, the same for one deal.
    outcomes
        By deal id, one of ``OUTCOMES``: what becomes of it.
    amounts_minor
        By deal id, its amount as it would stand today, minor units.
    extra_pipeline_minor
        Amount of deals that are created on the origin over and above, minor units.
    creation_factor, creation_from_week
        From that week of the quarter on, so many times as many deals are created (hiring).
    shocks
        By name of ``SHOCKS``, the value it takes instead of being drawn.
    saved, leaving
        Ids of accounts that surely stay, or surely leave at the next occasion.
    contraction
        Factor on the chance to renew for less.

    Raises
    ------
    UsageError
        A value is outside of what it can be.
    """

    stage_log_odds: Mapping[str, float] = field(default_factory=dict)
    unit_log_odds: Mapping[str, float] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    amounts_minor: Mapping[str, float] = field(default_factory=dict)
    extra_pipeline_minor: float = 0.0
    creation_factor: float = 1.0
    creation_from_week: int = 0
    shocks: Mapping[str, float] = field(default_factory=dict)
    saved: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()
    contraction: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what no quarter could be."""
        for unit, outcome in self.outcomes.items():
            _check(outcome in OUTCOMES, f"outcome {outcome!r} of {unit}", f"one of {OUTCOMES}")
        for name, value in self.shocks.items():
            _check(name in SHOCKS, f"shock {name!r}", f"one of {SHOCKS}")
            _check(math.isfinite(value), f"shock {name} of {value}", "a finite number")
        for owner, values in (("stage", self.stage_log_odds), ("deal", self.unit_log_odds)):
            for name, value in values.items():
                _check(math.isfinite(value), f"log odds {value} of {owner} {name}", "finite odds")
        for unit, amount in self.amounts_minor.items():
            _check(0 <= amount < math.inf, f"amount {amount} of {unit}", "an amount of 0 or more")
        both = sorted(self.saved & self.leaving)
        _check(not both, f"account {both[:1]} both saved and leaving", "one of them")
        _check(0 <= self.contraction < math.inf, "a contraction below 0", "a factor, 0 or more")
        _check(0 <= self.extra_pipeline_minor < math.inf, "less pipeline", "an amount of 0 or more")
        _check(0 <= self.creation_factor < math.inf, "less than no creation", "a factor, 0 or more")

    @property
    def units(self) -> frozenset[str]:
        """Ids of every deal it names."""
        return frozenset({*self.unit_log_odds, *self.outcomes, *self.amounts_minor})


def join(first: Change, second: Change) -> Change:
    """Return both at once: odds, extra pipeline and rates build up, the second's facts hold.

    Two rates of hiring hold together from the later week on.

    Examples
    --------
    >>> both = join(Change(creation_factor=1.5), Change(creation_factor=2.0, creation_from_week=3))
    >>> both.creation_factor, both.creation_from_week
    (3.0, 3)
    """
    hired = [one for one in (first, second) if one.creation_factor != 1]
    return Change(
        stage_log_odds=_added(first.stage_log_odds, second.stage_log_odds),
        unit_log_odds=_added(first.unit_log_odds, second.unit_log_odds),
        outcomes={**first.outcomes, **second.outcomes},
        amounts_minor={**first.amounts_minor, **second.amounts_minor},
        extra_pipeline_minor=first.extra_pipeline_minor + second.extra_pipeline_minor,
        creation_factor=first.creation_factor * second.creation_factor,
        creation_from_week=max((one.creation_from_week for one in hired), default=0),
        shocks={**first.shocks, **second.shocks},
        saved=(first.saved - second.leaving) | second.saved,
        leaving=(first.leaving - second.saved) | second.leaving,
        contraction=first.contraction * second.contraction,
    )


def _added(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    names = dict.fromkeys([*first, *second])
    return {name: first.get(name, 0.0) + second.get(name, 0.0) for name in names}


def _check(allowed: bool, found: str, expected: str) -> None:
    if not allowed:
        raise UsageError(found, expected, "correct the change")
