"""Which cause each unit's step from one origin to the next is given to, in a fixed order.

With x what a unit brings if it comes, q its chance without shocks, s what the shocks add (so that
q·x + s is its expectation):

1. a unit that is gone, or new since: all of it (``lost``, ``new_pipeline``, ``churn_renewal``);
2. a deal that was won: from its expectation to x is ``closed``, from x to what it brought is
   ``amount_changed``; a close taken back is ``closed`` too; a deal lost, all of it;
3. a contract that stands otherwise than before: all of it is ``churn_renewal``; one that goes on
   and pays the same: all of it but the shock is ``time_passed``, days to come turning into earned;
4. of a unit that goes on as it was: Δs is ``shock``, q before times Δx is ``amount_changed``, and
   Δq times x after is ``slipped`` or ``pulled_in`` if its expected close left or entered the
   quarter, else ``stage_moved`` if its stage is another, else ``time_passed``.

What was expected of deals yet to be created shrinks as they appear, so it counts against
``new_pipeline``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.forecast.grid import FloatArray
from models.forecast.items import (
    CONTRACT,
    DEAL,
    EARNED,
    OPEN,
    POOL,
    WON,
    ForecastItems,
    places_of,
)

PARTS: Mapping[str, str] = {
    "time_passed": "days gone by: chances of deals and contracts that nothing else happened to",
    "closed": "deals won in the quarter, above what was expected of them",
    "slipped": "deals whose expected close left the quarter",
    "pulled_in": "deals whose expected close came into the quarter",
    "stage_moved": "deals that moved to another stage",
    "amount_changed": "amounts that changed, also at the close",
    "lost": "deals lost or withdrawn",
    "new_pipeline": "deals created since, beyond what was expected to be created",
    "churn_renewal": "contracts that left, gave notice, were renewed or changed at renewal",
    "shock": "how the win rate and other common shocks run, as now believed",
    "model_version": "another version of the models",
    "combination": "weights of other legs, calibration, and the sampling of the draws",
}
LARGEST_COUNT = 5


class UnitMoves:
    """What each unit adds to each part, one entry per unit and part.

    Parameters
    ----------
    before, after
        The items at the two origins.
    """

    def __init__(self, before: ForecastItems, after: ForecastItems) -> None:
        self._rows: list[tuple[str, tuple[str, ...], FloatArray]] = []
        place = places_of(after.units, before.units)
        here = place >= 0
        self._fill_new(Side(after, np.flatnonzero(~here)))
        gone = np.setdiff1d(np.arange(len(before.units)), place[here])
        self._fill_gone(Side(before, gone))
        first, last = Side(before, place[here]), Side(after, np.flatnonzero(here))
        pool = first.kinds == POOL
        self._fill_pool(first.where(pool), last.where(pool))
        deal = first.kinds == DEAL
        self._fill_deals(first.where(deal), last.where(deal))
        line = first.kinds == CONTRACT
        self._fill_lines(first.where(line), last.where(line))
        self._fill_earned(Side(before, _earned(before)), -1.0)
        self._fill_earned(Side(after, _earned(after)), 1.0)

    def sums(self) -> dict[str, float]:
        """Return the sum of each part that has an entry."""
        found: dict[str, float] = {}
        for part, _, values in self._rows:
            found[part] = found.get(part, 0.0) + float(values.sum())
        return found

    def largest(self) -> dict[str, list[tuple[str, int]]]:
        """Return, by part, the units that moved it most."""
        every: dict[str, dict[str, float]] = {}
        for part, units, values in self._rows:
            held = every.setdefault(part, {})
            for at in np.argsort(-np.abs(values), kind="stable")[: 2 * LARGEST_COUNT]:
                held[units[at]] = held.get(units[at], 0.0) + float(values[at])
        found = {}
        for part, held in every.items():
            most = sorted(held.items(), key=lambda one: (-abs(one[1]), one[0]))[:LARGEST_COUNT]
            found[part] = [(unit, round(value)) for unit, value in most if round(value)]
        return {part: one for part, one in found.items() if one}

    def _add(self, part: str, side: Side, values: FloatArray) -> None:
        if len(values):
            self._rows.append((part, side.units, values))

    def _fill_new(self, new: Side) -> None:
        new = new.where(new.kinds != EARNED)
        pool = new.kinds == POOL
        self._add("new_pipeline", new, np.where(pool, new.base, new.expected))
        self._add("shock", new.where(pool), new.where(pool).shock)

    def _fill_gone(self, gone: Side) -> None:
        line, pool = gone.kinds == CONTRACT, gone.kinds == POOL
        self._fill_pool(gone.where(pool), None)
        self._add("churn_renewal", gone.where(line), -gone.where(line).expected)
        deals = gone.where(gone.kinds == DEAL)
        won = deals.states == WON
        self._add("closed", deals.where(won), -deals.where(won).expected)
        self._add("lost", deals.where(~won), -deals.where(~won).expected)

    def _fill_pool(self, first: Side, last: Side | None) -> None:
        base = 0.0 if last is None else last.base
        shock = 0.0 if last is None else last.shock
        self._add("new_pipeline", first, base - first.base)
        self._add("shock", first, shock - first.shock)

    def _fill_earned(self, side: Side, sign: float) -> None:
        for part in PARTS:
            named = side.where(side.states == part)
            self._add(part, named, sign * named.expected)
        other = side.where(~np.isin(side.states.astype(str), list(PARTS)))
        self._add("time_passed", other, sign * other.expected)

    def _fill_deals(self, first: Side, last: Side) -> None:
        moved = last.expected - first.expected
        was_won, is_won = first.states == WON, last.states == WON
        both = was_won & is_won
        self._add("amount_changed", first.where(both), moved[both])
        back = was_won & ~is_won
        self._add("closed", first.where(back), moved[back])
        won = ~was_won & is_won & last.due
        self._add("closed", first.where(won), (first.amount - first.expected)[won])
        self._add("amount_changed", first.where(won), (last.expected - first.amount)[won])
        elsewhere = ~was_won & is_won & ~last.due
        self._add("slipped", first.where(elsewhere), moved[elsewhere])
        goes_on = (first.states == OPEN) & (last.states == OPEN)
        self._fill_going_on(first.where(goes_on), last.where(goes_on))
        rest = ~(was_won | is_won | goes_on)
        self._add("lost", first.where(rest), moved[rest])

    def _fill_lines(self, first: Side, last: Side) -> None:
        same = first.states == last.states
        moved = last.expected - first.expected
        self._add("churn_renewal", first.where(~same), moved[~same])
        paid = same & (first.stages == last.stages)
        self._add("shock", first.where(paid), (last.shock - first.shock)[paid])
        self._add("time_passed", first.where(paid), (last.base - first.base)[paid])
        other = same & ~paid
        self._fill_going_on(first.where(other), last.where(other), dated=False)

    def _fill_going_on(self, first: Side, last: Side, *, dated: bool = True) -> None:
        self._add("shock", first, last.shock - first.shock)
        self._add("amount_changed", first, first.chance * (last.amount - first.amount))
        moved = (last.chance - first.chance) * last.amount
        slipped, pulled = dated & first.due & ~last.due, dated & ~first.due & last.due
        staged = dated & ~slipped & ~pulled & (first.stages != last.stages)
        for part, mask in (
            ("slipped", slipped),
            ("pulled_in", pulled),
            ("stage_moved", staged),
            ("time_passed", ~(slipped | pulled | staged)),
        ):
            self._add(part, first.where(mask), moved[mask])


class Side:
    """Some units of one origin, as arrays in one order.

    Parameters
    ----------
    items
        Of the origin.
    rows
        Which of them, (n,).
    """

    def __init__(self, items: ForecastItems, rows: Any) -> None:
        self._items, self._rows = items, rows
        self.kinds, self.states, self.stages = (
            np.array(one, dtype=object)[rows] for one in (items.kinds, items.states, items.stages)
        )
        self.due = items.due[rows]
        self.amount, self.chance = items.amount_minor[rows], items.base_chance[rows]
        self.expected, self.shock = items.expected_minor[rows], items.shock_minor[rows]
        self.base = self.expected - self.shock

    @property
    def units(self) -> tuple[str, ...]:
        """Ids."""
        return tuple(self._items.units[row] for row in self._rows)

    def where(self, mask: Any) -> Side:
        """Return some of the units."""
        return Side(self._items, self._rows[mask])


def _earned(items: ForecastItems) -> Any:
    return np.flatnonzero(np.array(items.kinds, dtype=object) == EARNED)
