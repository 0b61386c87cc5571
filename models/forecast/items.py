"""What a forecast's mean is made of, unit by unit, at one origin: what changes are told from."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from lifecycle.errors import RowsError
from models.forecast.grid import FloatArray

BoolArray = NDArray[np.bool_]

DEAL, CONTRACT, POOL, EARNED = "deal", "contract", "pool", "earned"
KINDS = (DEAL, CONTRACT, POOL, EARNED)
"""A deal; a contract line or a group of lines; what no unit stands for yet (deals to come); and
what is in already and no unit stands for any more: its state names the part that it counts to.
"""

OPEN, WON, LOST = "open", "won", "lost"
"""States of a deal; a contract's state is any word of its engine, such as ``live`` or ``noticed``.

A won deal of ``due`` false was won outside of the quarter.
"""

_TEXTS = ("units", "kinds", "states", "stages")
_NUMBERS = ("amount_minor", "base_chance", "expected_minor")


@dataclass(frozen=True)
class ForecastItems:
    """The addends of one target's expected value for one quarter, as known at one origin.

    Parameters
    ----------
    target, period, origin
        Whose, of which quarter, as of which day.
    model_version
        Which models spoke.
    served_minor
        The served forecast's mean at the total, minor units.
    units
        Ids, each once; the same unit has the same id at every origin.
    kinds, states, stages
        Per unit: one of ``KINDS``; how it stands; its stage, of a contract what it pays (so that
        another amount is told from fewer days to come); empty where there is none.
    due
        Per unit: expected (or known) to close or take effect in the quarter.
    amount_minor
        Per unit: what it brings to the quarter if it comes, haircut and all, minor units.
    base_chance
        Per unit: how much of it is expected (0-1) where no common shock is at work.
    expected_minor
        Per unit: what it adds to the mean, shocks and all, minor units.

    Raises
    ------
    RowsError
        The columns differ in length, an id occurs twice, or a number is not finite.
    """

    target: str
    period: str
    origin: date
    model_version: str
    served_minor: float
    units: tuple[str, ...]
    kinds: tuple[str, ...]
    states: tuple[str, ...]
    stages: tuple[str, ...]
    due: BoolArray
    amount_minor: FloatArray
    base_chance: FloatArray
    expected_minor: FloatArray

    def __post_init__(self) -> None:
        """Refuse items that could not be added up."""
        owner = f"items of {self.target} {self.period} at {self.origin}"
        lengths = {name: len(getattr(self, name)) for name in (*_TEXTS, "due", *_NUMBERS)}
        if len(set(lengths.values())) > 1:
            raise RowsError(f"{owner} of lengths {lengths}", "one length", "correct the engine")
        twice = [unit for unit, count in Counter(self.units).items() if count > 1]
        if twice:
            raise RowsError(f"{owner}: {twice[0][:64]!r} twice", "each unit once", "merge them")
        numbers = np.stack([getattr(self, name) for name in _NUMBERS])
        if not (np.isfinite(numbers).all() and np.isfinite(self.served_minor)):
            raise RowsError(f"{owner} with a number that is not finite", "finite numbers")

    @property
    def shock_minor(self) -> FloatArray:
        """What the common shocks add to each unit, minor units."""
        return self.expected_minor - self.base_chance * self.amount_minor


def pack_items(items: ForecastItems) -> bytes:
    """Return items as bytes, compressed and without any object: for the ledger.

    The web process reads them back without the libraries of the lake.
    """
    head = {
        name: getattr(items, name) for name in ("target", "period", "model_version", "served_minor")
    }
    texts = {name: list(getattr(items, name)) for name in _TEXTS}
    document = json.dumps({**head, "origin": items.origin.isoformat(), **texts}).encode()
    held = io.BytesIO()
    numbers = {name: getattr(items, name) for name in (*_NUMBERS, "due")}
    np.savez_compressed(held, document=np.frombuffer(document, dtype=np.uint8), **numbers)
    return held.getvalue()


def unpack_items(packed: bytes) -> ForecastItems:
    """Read what `pack_items` wrote.

    Raises
    ------
    RowsError
        The bytes hold something else.
    """
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as held:
            told = json.loads(held["document"].tobytes())
            arrays = {name: held[name] for name in (*_NUMBERS, "due")}
    except (OSError, ValueError, KeyError) as error:
        raise RowsError("bytes that hold no items", "what pack_items wrote") from error
    told["origin"] = date.fromisoformat(told["origin"])
    return ForecastItems(**{**told, **{name: tuple(told[name]) for name in _TEXTS}}, **arrays)


def places_of(units: Sequence[str], among: Sequence[str]) -> NDArray[np.int64]:
    """Return each unit's row among others, -1 where it is not there.

    Examples
    --------
    >>> places_of(["b", "x"], ["a", "b"]).tolist()
    [1, -1]
    """
    row = {unit: place for place, unit in enumerate(among)}
    return np.array([row.get(unit, -1) for unit in units], dtype=np.int64)
