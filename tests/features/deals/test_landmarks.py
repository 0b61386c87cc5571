"""The deal frame as a table: its columns, its order, its cache."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from features.deal_columns import DEAL_COLUMNS, DEAL_DATES, DEAL_TEXTS, KEY_COLUMNS
from features.deals.landmarks import deal_frame
from lifecycle.errors import UsageError
from lifecycle.history import History
from lifecycle.tables.catalog import FACT_TABLES
from tests.features.contracts import snapshot_of
from tests.features.deals.cases import DAY, LATE

SUFFIXES = {"_minor": "minor", "_count": "count", "_days": "days", "_ratio": "ratio",
            "_share": "share", "_log": "log"}  # fmt: skip
FAMILIES = {"id", "stage", "timing", "close_date", "amount", "activity", "people", "owner",
            "account", "calendar", "path"}  # fmt: skip


@pytest.fixture(scope="module")
def frame(cases: History) -> pa.Table:
    return deal_frame(cases.as_of(LATE), days=[LATE, DAY])


def test_the_frame_has_the_declared_columns_in_their_order(frame: pa.Table) -> None:
    assert frame.column_names == [column.name for column in DEAL_COLUMNS]
    texts = {column.name for column in KEY_COLUMNS} | set(DEAL_TEXTS)
    kinds = {column.name: pa.float64() for column in DEAL_COLUMNS}
    kinds |= dict.fromkeys(texts, pa.string()) | dict.fromkeys(DEAL_DATES, pa.date32())
    assert {field.name: field.type for field in frame.schema} == kinds


def test_rows_stand_by_landmark_and_deal(frame: pa.Table) -> None:
    keys = list(zip(frame["as_of"].to_pylist(), frame["opportunity_id"].to_pylist(), strict=True))
    assert keys == sorted(set(keys))


def test_the_snapshots_day_is_the_only_landmark_unless_others_are_named(cases: History) -> None:
    assert set(deal_frame(cases.as_of(DAY))["as_of"].to_pylist()) == {DAY}


def test_a_landmark_after_the_snapshot_is_refused(cases: History) -> None:
    with pytest.raises(UsageError, match="after the snapshot"):
        deal_frame(cases.as_of(DAY), days=[DAY + timedelta(days=1)])


def test_a_lake_without_deals_gives_an_empty_frame(tmp_path: Path) -> None:
    frame = deal_frame(snapshot_of(tmp_path, date(2021, 6, 1), accounts=[]))
    assert (frame.num_rows, frame.column_names) == (0, [column.name for column in DEAL_COLUMNS])


def test_a_frame_from_the_cache_is_the_frame(cases: History, tmp_path: Path) -> None:
    at = cases.as_of(DAY)
    built = [deal_frame(at, cache_dir=tmp_path) for _ in range(2)]
    deal_frame(at, days=[DAY - timedelta(days=7)], cache_dir=tmp_path)
    assert str(built[0].to_pylist()) == str(built[1].to_pylist())
    assert len(list(tmp_path.iterdir())) == 2


def test_a_suffix_names_the_unit() -> None:
    for column in DEAL_COLUMNS:
        named = [unit for suffix, unit in SUFFIXES.items() if column.name.endswith(suffix)]
        assert named in ([], [column.unit]), column.name


def test_names_and_meanings_are_unique_sentences() -> None:
    for part in ("name", "meaning"):
        said = [getattr(column, part) for column in DEAL_COLUMNS]
        assert sorted(said) == sorted(set(said))
    assert all(column.meaning.endswith(".") for column in DEAL_COLUMNS)


def test_families_and_sources_are_the_declared_ones() -> None:
    assert {column.family for column in DEAL_COLUMNS} == FAMILIES
    sources = {name for column in DEAL_COLUMNS for name in column.source.split(", ")}
    assert sources - {"as of"} <= set(FACT_TABLES)
