"""What is not there is an empty cell, whatever the form and whatever else its column holds."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.worker.forms import write_form

NAMES = ("id", "reasons", "curve")
ROWS: list[dict[str, Any]] = [
    {"id": "a", "reasons": None, "curve": None},
    {"id": "b", "reasons": [], "curve": None},
    {"id": "c", "reasons": [{"é": 1}], "curve": None},
]


def write(form: str) -> bytes:
    return b"".join(write_form(form, ROWS, names=NAMES, nested=NAMES[1:]))


def test_lines_hold_the_values_themselves() -> None:
    assert [json.loads(line) for line in write("ndjson").splitlines()] == ROWS


def test_a_cell_without_a_document_is_empty() -> None:
    cells = list(csv.DictReader(io.StringIO(write("csv").decode(), newline="")))
    assert [one["reasons"] for one in cells] == ["", "[]", '[{"é": 1}]']
    assert [one["curve"] for one in cells] == [""] * 3


@pytest.mark.parametrize("name", NAMES)
def test_a_column_of_documents_is_text_even_if_it_holds_none(name: str) -> None:
    table = pq.read_table(pa.BufferReader(write("parquet")))
    assert table.schema.field(name).type == pa.string()
    assert table["reasons"].to_pylist() == [None, "[]", '[{"é": 1}]']
    assert table["curve"].null_count == 3
