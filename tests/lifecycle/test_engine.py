from __future__ import annotations

from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lifecycle.engine import open_engine
from lifecycle.errors import LakeError, UsageError


def write(path: Path, **columns: list[int]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return str(path)


def test_files_of_other_columns_are_united_by_name(tmp_path: Path) -> None:
    files = [write(tmp_path / "a.parquet", x=[1]), write(tmp_path / "b.parquet", y=[2], x=[3])]
    engine = open_engine(folders=[tmp_path])
    rows = engine.to_arrow(engine.read(files).order_by("x")).to_pylist()
    assert rows == [{"x": 1, "y": None}, {"x": 3, "y": 2}]


def test_a_file_outside_the_folders_is_refused(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside" / "a.parquet", x=[1])
    engine = open_engine(folders=[tmp_path / "inside"])
    with pytest.raises(LakeError, match="Permission"):
        engine.read([outside])


def test_a_folder_is_not_left_by_dots(tmp_path: Path) -> None:
    write(tmp_path / "outside" / "a.parquet", x=[1])
    (tmp_path / "inside").mkdir()
    engine = open_engine(folders=[tmp_path / "inside"])
    with pytest.raises(LakeError, match="Permission"):
        engine.read([str(tmp_path / "inside" / ".." / "outside" / "a.parquet")])


@pytest.mark.parametrize("folders", [None, [Path("/nowhere")]])
def test_settings_are_locked(folders: list[Path] | None) -> None:
    engine = open_engine(folders=folders)
    with pytest.raises(Exception, match="locked"):
        engine._connection.raw_sql("SET memory_limit='64GB'")


def test_a_truncated_file_is_a_lake_error_that_names_it(tmp_path: Path) -> None:
    path = Path(write(tmp_path / "a.parquet", x=list(range(1000))))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(LakeError, match=r"a\.parquet"):
        open_engine(folders=[tmp_path]).read([str(path)])


def test_no_files_is_a_lake_error() -> None:
    with pytest.raises(LakeError, match="no files"):
        open_engine().read([])


def test_an_unknown_engine_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="polars"):
        open_engine("polars")


def test_a_prepared_query_answers_as_one_written_out(tmp_path: Path) -> None:
    engine = open_engine(folders=[tmp_path])
    rows = engine.read([write(tmp_path / "a.parquet", x=list(range(10)))])
    least, factor = ibis.param("int64"), ibis.param("float64")
    query = rows.filter(rows.x >= least).select(y=rows.x * factor).order_by("y")
    prepared = engine.prepare(query, {"least": least, "factor": factor})
    for low, by in [(8, 0.5), (9, -2.0)]:
        written = rows.filter(rows.x >= low).select(y=rows.x * by).order_by("y")
        found = prepared.to_arrow({"least": low, "factor": by})
        assert found.to_pylist() == engine.to_arrow(written).to_pylist()


def test_a_question_prepared_for_one_lake_asks_another_lake_about_its_own_facts(
    tmp_path: Path,
) -> None:
    least, factor = ibis.param("int64"), ibis.param("int64")
    found = []
    for number, by in enumerate((1, 1, 2)):
        engine = open_engine(folders=[tmp_path])
        rows = engine.read([write(tmp_path / f"{number}.parquet", x=[number, number + 10])])
        query = rows.filter(rows.x >= least * by).select(y=rows.x * factor)
        prepared = engine.prepare(query, {"least": least, "factor": factor})
        found.append((prepared.sql, prepared.to_arrow({"least": 6, "factor": 1})["y"].to_pylist()))
    assert [answer for _, answer in found] == [[10], [11], [12]]
    assert found[0][0] == found[1][0] != found[2][0]
