"""Base rates as evidence beside a score: "deals pushed twice: 18 % won in the end, n = 214".

Counted in the fit, by deal: a closed deal counts once in every state that one of its landmarks
showed. Nothing is modelled here; the numbers are to be checked against a report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.base import Examples, FloatArray
from models.columns import Frame, read_numbers, read_texts
from models.deals.after import After, deal_numbers
from models.parts import read_part, write_part

PART = "deal_base_rates.json"
FEWEST_DEALS = 20
MOST_TOLD = 3
SHOWN_DIGITS = 6


@dataclass(frozen=True)
class Sight:
    """A column cut into states that people speak of.

    Attributes
    ----------
    column
        Of the frame.
    edges
        Rising; a value on an edge belongs to the state above it.
    texts
        One per state, from the lowest; empty for a state that is nothing to speak of.
    """

    column: str
    edges: tuple[float, ...]
    texts: tuple[str, ...]


SIGHTS = (
    Sight("push_count", (1, 2, 3), (
        "deals not pushed so far", "deals pushed once", "deals pushed twice",
        "deals pushed three times or more")),
    Sight("overdue_days", (1, 30), (
        "", "deals with a close date that has passed",
        "deals with a close date that passed 30 days ago or more")),
    Sight("two_way_silence_days", (14, 30, 60), (
        "deals with an answer in the last 14 days", "",
        "deals without an answer for 30 days", "deals without an answer for 60 days or more")),
    Sight("stage_overdue_won_p90", (0.5,), (
        "", "deals in their stage for longer than nine in ten won deals")),
    Sight("stage_regressions_count", (1,), ("", "deals that went back a stage")),
    Sight("is_commit", (0.5,), ("", "deals their owner commits to")),
    Sight("has_competitor", (0.5,), ("", "deals with a named competitor")),
    Sight("account_is_customer", (0.5,), (
        "deals of accounts that are no customers yet", "deals of accounts that are customers")),
    Sight("account_notice", (0.5,), ("", "deals of accounts under notice")),
    Sight("meetings_held_count", (1,), ("deals with no meeting held so far", "")),
    Sight("contacts_count", (2, 4), (
        "deals with one contact or none", "", "deals with four contacts or more")),
)  # fmt: skip
STAGE = "stage"


class BaseRates:
    """Shares won among closed deals, by state."""

    def __init__(self) -> None:
        self._all = (0.0, 0)
        self._found: dict[str, tuple[float, int]] = {}

    def fit(self, examples: Examples) -> Self:
        """Count closed deals.

        Raises
        ------
        ModelError
            The examples carry no outcomes.
        """
        after = After.read(examples)
        rows = np.flatnonzero(np.isfinite(after.won))
        if not len(rows):
            return self
        frame, won = examples.frame.take(rows), after.won[rows]
        deal = deal_numbers(frame)
        self._all = _count(deal, won, np.ones(len(rows), dtype=np.bool_))
        for texts, place in _states(frame):
            for k, text in enumerate(texts):
                share, number = _count(deal, won, place == k)
                if text and number >= FEWEST_DEALS:
                    self._found[text] = (round(share, SHOWN_DIGITS), number)
        return self

    def tell(self, frame: Frame) -> list[list[dict[str, Any]]]:
        """Return per row up to three of ``text``, ``share`` (0-1) and ``n``, the farthest first.

        The states whose share lies farthest from that of all closed deals, in standard errors; one
        with fewer than 20 closed deals says nothing.
        """
        told: list[list[tuple[float, dict[str, Any]]]] = [[] for _ in range(frame.num_rows)]
        for texts, place in _states(frame):
            made = [self._evidence(text) for text in texts]
            for row in np.flatnonzero(place >= 0):
                found = made[place[row]]
                if found is not None:
                    told[row].append(found)
        return [
            [one for _, one in sorted(each, key=lambda pair: -pair[0])[:MOST_TOLD]] for each in told
        ]

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part."""
        found = {text: list(one) for text, one in self._found.items()}
        return {PART: write_part({"all": list(self._all), "found": found})}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``.

        Raises
        ------
        BundleError
            The part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            made = cls()
            made._all = float(kept["all"][0]), int(kept["all"][1])
            made._found = {str(k): (float(v[0]), int(v[1])) for k, v in kept["found"].items()}
        return made

    def _evidence(self, text: str) -> tuple[float, dict[str, Any]] | None:
        if text not in self._found:
            return None
        (share, number), usual = self._found[text], self._all[0]
        error = np.sqrt(max(usual * (1.0 - usual), 1e-9) / number)
        told = {
            "text": f"{text}: {share:.0%} won in the end, n = {number}",
            "share": share,
            "n": number,
        }
        return abs(share - usual) / float(error), told


def _states(frame: Frame) -> list[tuple[Sequence[str], NDArray[np.intp]]]:
    """Return by sight its texts and each row's place among them; -1 where nothing is known."""
    found: list[tuple[Sequence[str], NDArray[np.intp]]] = []
    for sight in SIGHTS:
        if sight.column in frame.column_names:
            values = read_numbers(frame, sight.column)
            place = np.searchsorted(np.array(sight.edges), values, side="right")
            found.append((sight.texts, np.where(np.isnan(values), -1, place)))
    if STAGE in frame.column_names:
        stages = np.array([str(one or "") for one in read_texts(frame, STAGE)])
        names, place = np.unique(stages, return_inverse=True)
        found.append(([f"deals once in {one}" if one else "" for one in names], place))
    return found


def _count(deal: NDArray[np.intp], won: FloatArray, rows: NDArray[np.bool_]) -> tuple[float, int]:
    _, first = np.unique(deal[rows], return_index=True)
    ended = won[rows][first]
    return (float(ended.mean()), len(ended)) if len(ended) else (0.0, 0)
