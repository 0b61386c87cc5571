"""How each deal moved: its stages, close dates and amounts in the order in which we knew them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from features.deals.days import day_of
from features.deals.facts import DealFacts

MOST_MOVES = 200
Move = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def build_moves(
    facts: DealFacts, ids: Sequence[str], *, zone: ZoneInfo
) -> Mapping[str, list[Move]]:
    """Return the moves of some deals as known on the facts' day, oldest first.

    Parameters
    ----------
    ids
        Opportunity ids; one that the facts do not know has no moves.
    zone
        The company's zone, in which the facts' days are counted.

    Returns
    -------
    Mapping
        By id: ``at`` (ISO instant in UTC of when it happened), ``field`` (stage, close_on or
        amount_minor), ``before`` and ``after`` (our stage name, ISO day or whole minor units;
        null before the first). The newest 200 are kept.
    """
    place = {name: code for code, name in enumerate(facts.ids.to_pylist())}
    wanted = np.array([place[name] for name in ids if name in place], np.int64)
    story = facts.stories(wanted, np.full(len(wanted), facts.today))
    owner = dict(zip(story.tolist(), wanted.tolist(), strict=True))
    found: dict[int, list[tuple[float, Move]]] = {code: [] for code in wanted.tolist()}
    for field, name, write in _fields(facts):
        edits = facts.fields[field]
        kept = np.flatnonzero(np.isin(edits.story, story) & (edits.seen <= facts.today))
        before = edits.before[kept]
        for index, row in enumerate(kept.tolist()):
            at = float(edits.happened[row])
            move = {
                "at": _instant(at, zone),
                "field": name,
                "before": None if np.isnan(before[index]) else write(float(before[index])),
                "after": write(float(edits.value[row])),
            }
            found[owner[int(edits.story[row])]].append((at, move))
    told = facts.ids.to_pylist()
    return {told[code]: _in_order(moves) for code, moves in found.items()}


def _fields(facts: DealFacts) -> list[tuple[str, str, Callable[[float], str | int]]]:
    names = facts.stages.names
    return [
        ("stage", "stage", lambda code: names[int(code)]),
        ("close_on", "close_on", lambda day: day_of(int(day)).isoformat()),
        ("amount", "amount_minor", round),
    ]


def _in_order(moves: list[tuple[float, Move]]) -> list[Move]:
    moves.sort(key=lambda one: one[0])
    return [move for _, move in moves[-MOST_MOVES:]]


def _instant(days: float, zone: ZoneInfo) -> str:
    """Return a number of days of the company's clock as the UTC instant it stands for."""
    wall = _EPOCH + timedelta(seconds=round(days * 86_400))
    return wall.replace(tzinfo=zone).astimezone(UTC).isoformat(timespec="seconds")
