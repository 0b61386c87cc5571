"""What moved a forecast between two origins: parts that sum to the difference to the last cent.

Every unit's share of the mean is followed from one origin to the next, and each step is given to
its first cause in the order of ``models.forecast.unit_moves``. What the items do not sum to
(weights of other legs, calibration, the sampling of the draws) is ``combination``. A changed model
is told apart only where the earlier items were scored again by the later model; else its effect
lies in the other parts, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from lifecycle.errors import UsageError
from models.forecast.items import ForecastItems
from models.forecast.unit_moves import PARTS as PARTS
from models.forecast.unit_moves import UnitMoves


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
    moves = UnitMoves(start, after)
    parts = exact_parts(before, after, moves=moves, rescored=start)
    ends = round(before.served_minor), round(after.served_minor)
    return Moved(
        before.origin,
        after.origin,
        *ends,
        parts_minor=round_parts(parts, ends[1] - ends[0]),
        largest=moves.largest(),
        notes=_notes(before, after, told_apart=rescored is not None),
    )


def exact_parts(
    before: ForecastItems,
    after: ForecastItems,
    *,
    moves: UnitMoves,
    rescored: ForecastItems,
) -> dict[str, float]:
    """Return every part before rounding, minor units; they sum to the difference of the means.

    Parameters
    ----------
    moves
        From the rescored items to those after.
    rescored
        The earlier items by the later model, or as they are.
    """
    parts = dict.fromkeys(PARTS, 0.0) | moves.sums()
    parts["model_version"] = float(rescored.expected_minor.sum() - before.expected_minor.sum())
    gaps = [one.served_minor - float(one.expected_minor.sum()) for one in (before, after)]
    parts["combination"] = gaps[1] - gaps[0]
    return parts


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
