"""From a body to the rows that are asked for, whichever of its forms was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from service.problems import Problem, refuse_parameter
from service.scoring.shapes import (
    LARGEST_ROW_COUNT,
    ColumnsAsked,
    IdsAsked,
    RowAsked,
    RowsAsked,
    Wish,
)
from service.shapes import ID_PATTERN
from service.strict_json import check_body

_ID = re.compile(ID_PATTERN.strip("^$")).fullmatch
_MEMBERS = RowAsked.model_fields.keys()
LONGEST_ID = 64
ANY_ID = "id"
"""Stands for each id while a body's form is checked: what is wrong with one is told of its row."""
ID = "id"
Given = Literal["stored", "overrides", "features"]


@dataclass(frozen=True)
class Block:
    """Rows that name the same features in the same order.

    Attributes
    ----------
    places
        Where each row stands in the answer; one whose id is none stands in no block.
    names, cells
        Features, and per row their values; both empty where stored scores are asked for. A column
        ``id`` among them names the row and is no feature.
    """

    given: Given
    places: list[int]
    names: tuple[str, ...]
    cells: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes
    ----------
    ids
        In the order of the answer; what is no id is cut to the length of one.
    columnar
        Whether the answer is to be columnar as the question was.
    alone
        Whether these are all rows that are asked for, and not some of a job's: a question of which
        no row has an answer is refused.
    """

    wish: Wish
    ids: list[str]
    blocks: list[Block]
    columnar: bool = False
    alone: bool = False


def read_question(body: object) -> Question:
    """Hold a body to one of its three forms.

    Raises
    ------
    Problem
        422: it has none of the forms; 413: more than 1,000 rows.
    """
    given = body if isinstance(body, dict) else {}
    rows = given.get("rows", given.get("ids"))
    if isinstance(rows, list) and len(rows) > LARGEST_ROW_COUNT:
        raise Problem(
            413,
            "too-many-rows",
            f"expected at most {LARGEST_ROW_COUNT} rows a call; send them in several, or let "
            "a job score them (POST /v1/scores/{model}/jobs) and fetch its result",
        )
    if "columns" in given:
        return _of_columns(given)
    if "rows" in given:
        return _of_rows(given)
    return _of_ids(given, body)


def _of_ids(given: dict[str, Any], body: object) -> Question:
    ids: Any = given.get("ids")
    if isinstance(ids, list) and all(isinstance(one, str) for one in ids):
        body = {**given, "ids": [ANY_ID] * min(len(ids), 1)}
    asked = check_body(IdsAsked, body)
    places = _find_ids(ids)
    block = Block("stored", places, (), [])
    if asked.overrides is not None:
        cells = [list(asked.overrides.values())] * len(places)
        block = Block("overrides", places, tuple(asked.overrides), cells)
    return Question(asked, _cut(ids), [block] if places else [], alone=True)


def _of_rows(body: dict[str, Any]) -> Question:
    rows = body["rows"]
    # a thousand models cost as much as their scores; the schema tells what is wrong with a row
    plain = isinstance(rows, list) and all(map(_is_row_object, rows))
    seen = rows[:1] if plain else rows
    seen = [_with_any_id(row) for row in seen] if isinstance(seen, list) else seen
    asked = check_body(RowsAsked, {**body, "rows": seen})
    if not plain:
        raise refuse_parameter("body.rows", "objects with an id, and overrides or features")
    ids = [row["id"] for row in rows]
    found: dict[tuple[Given, tuple[str, ...]], tuple[list[int], list[list[Any]]]] = {}
    for place in _find_ids(ids):
        row = rows[place]
        given, values = _given(row.get("overrides"), row.get("features"))
        places, cells = found.setdefault((given, tuple(values)), ([], []))
        places.append(place)
        cells.append(list(values.values()))
    blocks = [Block(given, one[0], names, one[1]) for (given, names), one in found.items()]
    return Question(asked, _cut(ids), blocks, alone=True)


def _find_ids(texts: Sequence[str]) -> list[int]:
    """Return the places of those that are ids."""
    return [place for place, one in enumerate(texts) if _ID(one)]


def _cut(texts: Sequence[str]) -> list[str]:
    return [one[:LONGEST_ID] for one in texts]


def _with_any_id(row: Any) -> Any:
    if isinstance(row, dict) and isinstance(row.get(ID), str):
        return {**row, ID: ANY_ID}
    return row


def _is_row_object(row: object) -> bool:
    """Tell whether something is what `RowAsked` describes, but for what its id may look like."""
    if type(row) is not dict or not row.keys() <= _MEMBERS or not isinstance(row.get(ID), str):
        return False
    overrides, features = row.get("overrides"), row.get("features")
    if overrides is None:
        return features is None or type(features) is dict
    return features is None and type(overrides) is dict


def _given(
    overrides: Mapping[str, Any] | None, features: Mapping[str, Any] | None
) -> tuple[Given, Mapping[str, Any]]:
    if overrides is not None:
        return "overrides", overrides
    return ("stored", {}) if features is None else ("features", features)


def _of_columns(body: dict[str, Any]) -> Question:
    # a thousand lists need no second look at their form: their cells are looked at one by one
    rows = body.get("rows")
    short = rows[:1] if isinstance(rows, list) else rows
    asked = check_body(ColumnsAsked, {**body, "rows": short})
    rows = rows if isinstance(rows, list) else []
    names = tuple(asked.columns)
    if names[0] != ID or len(set(names)) != len(names):
        raise refuse_parameter("body.columns", "id first, then each feature once")
    if not all(_is_list(row, len(names)) for row in rows):
        raise refuse_parameter("body.rows", "lists as long as columns, with an id first in each")
    ids = [row[0] for row in rows]
    places = _find_ids(ids)
    block = Block(asked.given, places, names, [rows[place] for place in places])
    return Question(asked, _cut(ids), [block] if places else [], columnar=True, alone=True)


def _is_list(row: object, width: int) -> TypeGuard[list[Any]]:
    return type(row) is list and len(row) == width and isinstance(row[0], str)


def is_row(row: object, width: int) -> bool:
    """Tell whether something is a list as long as the columns, with an id first."""
    return _is_list(row, width) and _ID(row[0]) is not None
