"""From a body to the rows that are asked for, whichever of its forms was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

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
ID = "id"
Given = Literal["stored", "overrides", "features"]


@dataclass(frozen=True)
class Block:
    """Rows that name the same features in the same order.

    Attributes
    ----------
    places
        Where each row stands in the answer.
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
        In the order of the answer.
    columnar
        Whether the answer is to be columnar as the question was.
    """

    wish: Wish
    ids: list[str]
    blocks: list[Block]
    columnar: bool = False


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
    return _of_ids(check_body(IdsAsked, body))


def _of_ids(asked: IdsAsked) -> Question:
    places = list(range(len(asked.ids)))
    block = Block("stored", places, (), [])
    if asked.overrides is not None:
        cells = [list(asked.overrides.values())] * len(places)
        block = Block("overrides", places, tuple(asked.overrides), cells)
    return Question(asked, asked.ids, [block])


def _of_rows(body: dict[str, Any]) -> Question:
    rows = body["rows"]
    # a thousand models cost as much as their scores; the schema tells what is wrong with a row
    plain = isinstance(rows, list) and all(map(_is_row_object, rows))
    asked = check_body(RowsAsked, {**body, "rows": rows[:1]} if plain else body)
    if not plain:
        raise refuse_parameter("body.rows", "objects with an id, and overrides or features")
    found: dict[tuple[Given, tuple[str, ...]], tuple[list[int], list[list[Any]]]] = {}
    for place, row in enumerate(rows):
        given, values = _given(row.get("overrides"), row.get("features"))
        places, cells = found.setdefault((given, tuple(values)), ([], []))
        places.append(place)
        cells.append(list(values.values()))
    blocks = [Block(given, one[0], names, one[1]) for (given, names), one in found.items()]
    return Question(asked, [row["id"] for row in rows], blocks)


def _is_row_object(row: object) -> bool:
    """Tell whether something is what `RowAsked` describes."""
    if type(row) is not dict or not row.keys() <= _MEMBERS or not _is_id(row.get("id")):
        return False
    overrides, features = row.get("overrides"), row.get("features")
    if overrides is None:
        return features is None or type(features) is dict
    return features is None and type(overrides) is dict


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID(value) is not None


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
    if not all(is_row(row, len(names)) for row in rows):
        expected = f"lists as long as columns, with an id matching {ID_PATTERN} first in each"
        raise refuse_parameter("body.rows", expected)
    ids = [row[0] for row in rows]
    return Question(asked, ids, [Block(asked.given, list(range(len(ids))), names, rows)], True)


def is_row(row: object, width: int) -> bool:
    """Tell whether something is a list as long as the columns, with an id first."""
    return type(row) is list and len(row) == width and _is_id(row[0])
