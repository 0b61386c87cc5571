from __future__ import annotations

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from features.columns import ACCOUNT_COLUMNS, CONTEXT
from features.frames import account_frame
from lifecycle.history import open_history
from lifecycle.tables.catalog import FACT_TABLES
from tests.builders import build_lake, order

SUFFIXES = {"_minor": "minor", "_count": "count", "_days": "days", "_ratio": "ratio",
            "_share": "share"}  # fmt: skip


def test_the_frame_has_the_declared_columns_in_their_order(tmp_path: Path) -> None:
    build_lake(tmp_path, orders=[order()])
    history = open_history(tmp_path / "lake", zone=ZoneInfo("UTC"))
    frame = account_frame(history.as_of(date(2011, 6, 1)))
    assert frame.column_names == [column.name for column in ACCOUNT_COLUMNS]
    kinds = {column.name: pa.float64() for column in ACCOUNT_COLUMNS}
    kinds |= {name: pa.string() for name in ("account_id", *CONTEXT)}
    assert {field.name: field.type for field in frame.schema} == kinds


def test_a_suffix_names_the_unit() -> None:
    for column in ACCOUNT_COLUMNS:
        named = [unit for suffix, unit in SUFFIXES.items() if column.name.endswith(suffix)]
        assert named in ([], [column.unit]), column.name


def test_names_are_unique_and_meanings_are_sentences() -> None:
    assert len({column.name for column in ACCOUNT_COLUMNS}) == len(ACCOUNT_COLUMNS)
    assert len({column.meaning for column in ACCOUNT_COLUMNS}) == len(ACCOUNT_COLUMNS)
    assert all(column.meaning.endswith(".") for column in ACCOUNT_COLUMNS)


def test_sources_are_canonical_tables() -> None:
    sources = {name for column in ACCOUNT_COLUMNS for name in column.source.split(", ")}
    assert sources - {"as of"} <= set(FACT_TABLES)
