"""Scenarios: a named what-if of one quarter with its reason and author, checked for sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lifecycle.errors import UsageError
from models.forecast.whatif import LOST, MOVED, WON, Change

LONGEST_NAME, LONGEST_TEXT = 100, 2000


@dataclass(frozen=True)
class Toggle:
    """What is supposed of one deal: an outcome, a quarter to close in, or an amount.

    Parameters
    ----------
    deal
        Its id.
    to
        ``won``, ``lost``, or the name of the quarter it closes in; ``None``: as forecast.
    amount_minor
        Its amount, minor units; ``None``: as forecast.
    """

    deal: str
    to: str | None = None
    amount_minor: int | None = None


@dataclass(frozen=True)
class Scenario:
    """A what-if with its reason.

    Parameters
    ----------
    name, rationale, author
        What it is called, why it is thought of, and by whom.
    target, period
        What it is about.
    toggles
        Deals, each at most once.
    shocks
        By name of ``whatif.SHOCKS``, the value it takes.
    hiring_factor, hiring_from_week
        So many times as many deals are created from that week of the quarter on.
    extra_pipeline_minor
        Deals created now over and above, minor units.
    saved, leaving
        Ids of accounts that stay, or leave at the next occasion.

    Raises
    ------
    UsageError
        Name, rationale or author is empty or too long, nothing is supposed, or a deal or account
        is supposed to be two things.
    """

    name: str
    rationale: str
    author: str
    target: str
    period: str
    toggles: tuple[Toggle, ...] = ()
    shocks: Mapping[str, float] = field(default_factory=dict)
    hiring_factor: float = 1.0
    hiring_from_week: int = 0
    extra_pipeline_minor: float = 0.0
    saved: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no scenario."""
        for what, longest in (("name", LONGEST_NAME), ("author", LONGEST_NAME),
                              ("rationale", LONGEST_TEXT)):  # fmt: skip
            text = getattr(self, what)
            if not text.strip() or len(text) > longest:
                found = f"a {what} of {len(text.strip())} characters"
                raise UsageError(found, f"1 to {longest}", f"say its {what}")
        self._check_toggles()
        change = change_of(self)  # refuses shocks, factors and amounts that cannot be
        if change == Change():
            raise UsageError(
                f"scenario {self.name!r} supposes nothing",
                "a deal, a shock, hiring, pipeline or accounts",
                "add what is otherwise",
            )

    def _check_toggles(self) -> None:
        seen: dict[str, Toggle] = {}
        for toggle in self.toggles:
            deal = toggle.deal[:64]
            if toggle.to is None and toggle.amount_minor is None:
                raise UsageError(f"deal {deal!r} without a change", "an outcome or an amount")
            if toggle.deal in seen:
                raise UsageError(
                    f"deal {deal!r} is {_words(seen[toggle.deal])} and {_words(toggle)}",
                    "one outcome per deal",
                    "keep one of them",
                )
            if toggle.to == LOST and toggle.amount_minor is not None:
                found = f"deal {deal!r} is lost and has an amount"
                raise UsageError(found, "one of them", "leave the amount")
            seen[toggle.deal] = toggle


def change_of(scenario: Scenario) -> Change:
    """Return what is supposed, as the simulation takes it."""
    period = scenario.period
    outcomes = {
        one.deal: one.to if one.to in {WON, LOST} else WON if one.to == period else MOVED
        for one in scenario.toggles
        if one.to is not None
    }
    amounts = {
        one.deal: float(one.amount_minor)
        for one in scenario.toggles
        if one.amount_minor is not None
    }
    return Change(
        outcomes=outcomes,
        amounts_minor=amounts,
        extra_pipeline_minor=scenario.extra_pipeline_minor,
        creation_factor=scenario.hiring_factor,
        creation_from_week=scenario.hiring_from_week if scenario.hiring_factor != 1 else 0,
        shocks=dict(scenario.shocks),
        saved=frozenset(scenario.saved),
        leaving=frozenset(scenario.leaving),
    )


def to_document(scenario: Scenario) -> dict[str, Any]:
    """Return what is supposed as JSON values; `from_document` reads it."""
    return {
        "deals": [vars(one) for one in scenario.toggles],
        "shocks": dict(scenario.shocks),
        "hiring_factor": scenario.hiring_factor,
        "hiring_from_week": scenario.hiring_from_week,
        "extra_pipeline_minor": scenario.extra_pipeline_minor,
        "saved": list(scenario.saved),
        "leaving": list(scenario.leaving),
    }


def from_document(named: Mapping[str, str], change: Mapping[str, Any]) -> Scenario:
    """Rebuild a saved scenario from its names and what `to_document` returned.

    Raises
    ------
    UsageError
        It is no scenario.
    """
    rest = {name: value for name, value in change.items() if name != "deals"}
    for name in ("saved", "leaving"):
        rest[name] = tuple(rest.get(name, ()))
    toggles = tuple(Toggle(**one) for one in change.get("deals", ()))
    given: dict[str, Any] = {
        name: named[name] for name in ("name", "rationale", "author", "target", "period")
    }
    return Scenario(**given, toggles=toggles, **rest)


def _words(toggle: Toggle) -> str:
    if toggle.to is None:
        return f"of amount {toggle.amount_minor}"
    return toggle.to if toggle.to in {WON, LOST} else f"moved to {toggle.to[:16]}"
