"""Which learner a company has data enough for, and who competes for the chance to win."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from models.base import ScoreModel
from models.deals.direct import DirectModel
from models.deals.rivals import DealRule, LastState
from models.deals.tables import DealTable


@dataclass(frozen=True)
class Rung:
    """A rung of the ladder.

    Attributes
    ----------
    learner
        Name of the candidate that may serve from here on.
    fewest
        Deals won, and deals lost, that it needs.
    """

    learner: str
    fewest: int


LADDER = (Rung("stage_week", 0), Rung("deal_logistic", 40), Rung("deal_blend", 200))
"""From the bottom up: below 40 won and 40 lost a shrunk table, to 200 and 200 a logistic, then the
blend with trees, which must win past quarters first."""

DEAL_CANDIDATES: tuple[Callable[[], ScoreModel], ...] = (
    lambda: DealTable("base_rate"),
    lambda: DealRule("rep_commit"),
    lambda: DealRule("crm_stage"),
    lambda: DealTable("stage_rate"),
    lambda: DealTable("stage_week"),
    LastState,
    lambda: DirectModel("logistic"),
    lambda: DirectModel("blend"),
)
"""Simplest first: ties go to the earlier."""
DEAL_RULES = frozenset({"base_rate", "rep_commit", "crm_stage", "stage_rate", "stage_week"})
"""Names of the candidates that are rules, not fitted models."""
DEAL_WARNINGS: Mapping[str, str] = {LastState.name: LastState.warning}
"""Candidates that are shown as a warning and may never serve."""


def choose_learner(won: int, lost: int) -> str:
    """Return the name of the best learner that so many won and lost deals allow.

    Examples
    --------
    >>> choose_learner(39, 500), choose_learner(40, 40), choose_learner(200, 200)
    ('stage_week', 'deal_logistic', 'deal_blend')
    """
    fewer = min(won, lost)
    return next(one.learner for one in reversed(LADDER) if fewer >= one.fewest)


def list_needs(won: int, lost: int) -> list[dict[str, int | str | bool]]:
    """Return per rung ``learner``, ``needs`` of each kind, ``more_won``, ``more_lost``, ``ready``.

    Examples
    --------
    >>> list_needs(50, 30)[1]["more_lost"], list_needs(50, 30)[1]["ready"]
    (10, False)
    """
    return [
        {
            "learner": one.learner,
            "needs": one.fewest,
            "more_won": max(one.fewest - won, 0),
            "more_lost": max(one.fewest - lost, 0),
            "ready": min(won, lost) >= one.fewest,
        }
        for one in LADDER
    ]
