"""What moved a forecast between two origins: parts that sum to the difference to the last cent.

Every unit's share of the mean is followed from one origin to the next, and each step is given to
the first cause, in the order below, that explains it. With x what a unit brings if it comes, q its
chance without shocks, s what the shocks add (so that q·x + s is its expectation):

1. a unit that is gone, or new since: all of it (``lost``, ``new_pipeline``, ``churn_renewal``);
2. a deal that was won: from its expectation to x is ``closed``, from x to what it brought is
   ``amount_changed``; a close taken back is ``closed`` too; a deal lost, all of it;
3. a contract that stands otherwise than before: all of it is ``churn_renewal``;
4. of a unit that goes on as it was: Δs is ``shock``, q before times Δx is ``amount_changed``, and
   Δq times x after is ``slipped`` or ``pulled_in`` if its expected close left or entered the
   quarter, else ``stage_moved`` if its stage is another, else ``time_passed``.

What was expected of deals yet to be created shrinks as they appear, so it counts against
``new_pipeline``. What the items do not sum to (weights of other legs, calibration, the sampling of
the draws) is ``combination``. A changed model is told apart only where the earlier items were
scored again by the later model; else its effect lies in the parts above, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from lifecycle.errors import UsageError
from models.forecast.grid import FloatArray
from models.forecast.items import CONTRACT, DEAL, OPEN, POOL, WON, ForecastItems, places_of

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


@dataclass(frozen=True)
class Moved:
    """Why a forecast's mean is another one than at an earlier origin.

    Parameters
    ----------
    since, until
        The two origins.
    before_minor, after_minor
        The served mean at each, whole minor units.
    parts_minor
        By name of ``PARTS``, whole minor units; they sum to the difference.
    largest
        By part, the units that moved it most: (unit, minor units), the largest first.
    notes
        What a reader must know to read the parts.
    """

    since: date
    until: date
    before_minor: int
    after_minor: int
    parts_minor: Mapping[str, int]
    largest: Mapping[str, list[tuple[str, int]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def difference_minor(self) -> int:
        """After less before."""
        return self.after_minor - self.before_minor

    def told(self) -> dict[str, Any]:
        """Return it as JSON values, every part with what it means."""
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "before_minor": self.before_minor,
            "after_minor": self.after_minor,
            "difference_minor": self.difference_minor,
            "parts": [
                {
                    "part": name,
                    "minor": minor,
                    "meaning": PARTS[name],
                    "largest": [
                        {"unit": unit, "minor": moved} for unit, moved in self.largest.get(name, [])
                    ],
                }
                for name, minor in self.parts_minor.items()
            ],
            "notes": list(self.notes),
        }


def explain_change(
    before: ForecastItems, after: ForecastItems, *, rescored: ForecastItems | None = None
) -> Moved:
    """Split the difference of two forecasts of one target and quarter.

    Parameters
    ----------
    before, after
        The items at the earlier and at the later origin.
    rescored
        The earlier items as the later model would have scored them; without, a changed model is
        not told apart.

    Raises
    ------
    UsageError
        They are of different targets or quarters, or not in order of time.
    """
    _check_pair(before, after)
    start = before if rescored is None else rescored
    sheet = _Sheet(start, after)
    parts = dict.fromkeys(PARTS, 0.0) | sheet.sums()
    parts["model_version"] = float(start.expected_minor.sum() - before.expected_minor.sum())
    gaps = [one.served_minor - float(one.expected_minor.sum()) for one in (before, after)]
    parts["combination"] = gaps[1] - gaps[0]
    ends = round(before.served_minor), round(after.served_minor)
    return Moved(
        before.origin,
        after.origin,
        *ends,
        parts_minor=round_parts(parts, ends[1] - ends[0]),
        largest=sheet.largest(),
        notes=_notes(before, after, told_apart=rescored is not None),
    )


def round_parts(parts: Mapping[str, float], total: int) -> dict[str, int]:
    """Round parts to whole numbers that sum to a total: the largest part takes what is left over.

    Examples
    --------
    >>> round_parts({"a": 1.4, "b": 10.4}, 12)
    {'a': 1, 'b': 11}
    """
    whole = {name: round(value) for name, value in parts.items()}
    biggest = max(parts, key=lambda name: abs(parts[name]))
    whole[biggest] += total - sum(whole.values())
    return whole


class _Sheet:
    """What each unit adds to each part, one entry per unit and part."""

    def __init__(self, before: ForecastItems, after: ForecastItems) -> None:
        self._rows: list[tuple[str, tuple[str, ...], FloatArray]] = []
        place = places_of(after.units, before.units)
        here = place >= 0
        self._fill_new(_Side(after, np.flatnonzero(~here)))
        gone = np.setdiff1d(np.arange(len(before.units)), place[here])
        self._fill_gone(_Side(before, gone))
        first, last = _Side(before, place[here]), _Side(after, np.flatnonzero(here))
        pool = first.kinds == POOL
        self._fill_pool(first.where(pool), last.where(pool))
        deal = first.kinds == DEAL
        self._fill_deals(first.where(deal), last.where(deal))
        line = first.kinds == CONTRACT
        self._fill_lines(first.where(line), last.where(line))

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

    def _add(self, part: str, side: _Side, values: FloatArray) -> None:
        if len(values):
            self._rows.append((part, side.units, values))

    def _fill_new(self, new: _Side) -> None:
        pool = new.kinds == POOL
        self._add("new_pipeline", new, np.where(pool, new.base, new.expected))
        self._add("shock", new.where(pool), new.where(pool).shock)

    def _fill_gone(self, gone: _Side) -> None:
        line, pool = gone.kinds == CONTRACT, gone.kinds == POOL
        self._fill_pool(gone.where(pool), None)
        self._add("churn_renewal", gone.where(line), -gone.where(line).expected)
        deals = gone.where(~line & ~pool)
        won = deals.states == WON
        self._add("closed", deals.where(won), -deals.where(won).expected)
        self._add("lost", deals.where(~won), -deals.where(~won).expected)

    def _fill_pool(self, first: _Side, last: _Side | None) -> None:
        base = 0.0 if last is None else last.base
        shock = 0.0 if last is None else last.shock
        self._add("new_pipeline", first, base - first.base)
        self._add("shock", first, shock - first.shock)

    def _fill_deals(self, first: _Side, last: _Side) -> None:
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

    def _fill_lines(self, first: _Side, last: _Side) -> None:
        same = first.states == last.states
        moved = last.expected - first.expected
        self._add("churn_renewal", first.where(~same), moved[~same])
        self._fill_going_on(first.where(same), last.where(same), dated=False)

    def _fill_going_on(self, first: _Side, last: _Side, *, dated: bool = True) -> None:
        self._add("shock", first, last.shock - first.shock)
        self._add("amount_changed", first, first.chance * (last.amount - first.amount))
        moved = (last.chance - first.chance) * last.amount
        slipped, pulled = dated & first.due & ~last.due, dated & ~first.due & last.due
        staged = ~slipped & ~pulled & (first.stages != last.stages)
        for part, mask in (
            ("slipped", slipped),
            ("pulled_in", pulled),
            ("stage_moved", staged),
            ("time_passed", ~(slipped | pulled | staged)),
        ):
            self._add(part, first.where(mask), moved[mask])


class _Side:
    """Some units of one origin, as arrays in one order."""

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
        return tuple(self._items.units[row] for row in self._rows)

    def where(self, mask: Any) -> _Side:
        return _Side(self._items, self._rows[mask])


def _check_pair(before: ForecastItems, after: ForecastItems) -> None:
    names = [f"{one.target} of {one.period}" for one in (before, after)]
    if names[0] != names[1]:
        found = f"changes from {names[0]} to {names[1]}"
        raise UsageError(found, "one target and quarter", "ask for each by itself")
    if before.origin >= after.origin:
        found = f"changes from {before.origin} to {after.origin}"
        raise UsageError(found, "an earlier origin first", "swap them")


def _notes(before: ForecastItems, after: ForecastItems, *, told_apart: bool) -> tuple[str, ...]:
    if before.model_version == after.model_version or told_apart:
        return ()
    return (
        "the models changed in between; what that did is not told apart from the other parts "
        "(stored items of the earlier origin were not scored again)",
    )
