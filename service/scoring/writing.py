"""Answers as JSON text, written by hand: a thousand rows as models cost more than their scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson

from service.scoring.compute import About, Row

COLUMNS = ("id", "value", "band", "rank", "input_digest", "about", "problems", "reasons")


def write_rows(ids: Sequence[str], rows: Sequence[Row]) -> str:
    """Return the member ``scores``: one object per row (`service.scoring.shapes.Scored`)."""
    tails: dict[int, str] = {}
    written = []
    for name, row in zip(ids, rows, strict=True):
        if row.about is None:
            # what is no id may be any text
            written.append(f'{{"id":{json.dumps(name)},"problems":{_problems(row)}}}')
            continue
        tail = tails.get(id(row.about))
        if tail is None:
            tail = tails[id(row.about)] = _about(row.about)
        reasons = f',"reasons":{row.reasons}' if row.reasons else ""
        written.append(
            f'{{"id":"{name}","value":{row.value!r},"band":{_text(row.band)},'
            f'"rank":{"null" if row.rank is None else row.rank},'
            f'"input_digest":{_text(row.digest)},{tail}{reasons}}}'
        )
    return f'"scores":[{",".join(written)}]'


def write_columns(ids: Sequence[str], rows: Sequence[Row]) -> str:
    """Return the members ``columns``, ``rows`` and ``about`` of a columnar answer."""
    places: dict[int, int] = {}
    abouts: list[dict[str, Any]] = []
    cells: list[list[Any]] = []
    for name, row in zip(ids, rows, strict=True):
        if row.about is None:
            faults = [vars(fault) for fault in row.faults]
            cells.append([name, None, None, None, None, None, faults, None])
            continue
        place = places.get(id(row.about))
        if place is None:
            place = places[id(row.about)] = len(abouts)
            abouts.append(describe_about(row.about))
        reasons = orjson.Fragment(row.reasons) if row.reasons else None
        cells.append([name, row.value, row.band, row.rank, row.digest, place, None, reasons])
    return orjson.dumps({"columns": COLUMNS, "rows": cells, "about": abouts}).decode()[1:-1]


def describe_about(about: About) -> dict[str, Any]:
    """Return the members of `About` as JSON values."""
    return {
        **vars(about),
        "as_of": about.as_of and about.as_of.isoformat(),
        "data_as_of": about.data_as_of and _instant(about.data_as_of.isoformat()),
        "scored_at": _instant(about.scored_at.isoformat()),
    }


def _about(about: About) -> str:
    return json.dumps(describe_about(about), separators=(",", ":"))[1:-1]


def _instant(text: str) -> str:
    return text.replace("+00:00", "Z")


def _problems(row: Row) -> str:
    return json.dumps([vars(fault) for fault in row.faults], separators=(",", ":"))


def _text(value: str | None) -> str:
    return "null" if value is None else f'"{value}"'
