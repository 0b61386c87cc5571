"""A file of series in, a file of forecasts out; a bad file says which line."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from lifecycle.errors import DataError, RowsError, UsageError
from service.cli_series import app

MONTHS = [f"2024-{month:02}-01" for month in range(1, 8)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A constant and a short series, the second of a name that means "missing" elsewhere."""
    lines = [f"flat,{month},5" for month in MONTHS] + ["NA,2024-06-01,1", "NA,2024-07-01,2"]
    path = tmp_path / "series.csv"
    path.write_text("\n".join(["unique_id,ds,y", *lines]) + "\n")
    return path


def _run(file: Path, *words: str) -> pd.DataFrame:
    out = file.with_name("out.csv")
    given = ["forecast-series", str(file), "--horizon", "2", "--out", str(out), *words]
    app(args=given, standalone_mode=False)
    return pd.read_csv(out, keep_default_na=False)


def test_every_series_is_written_with_its_levels(file: Path) -> None:
    found = _run(file, "--levels", "80,90")
    assert list(found) == ["unique_id", "ds", "mean", "lo_80", "hi_80", "lo_90", "hi_90"]
    assert found["unique_id"].tolist() == ["flat", "flat", "NA", "NA"]
    assert found["ds"].tolist() == ["2024-08-01", "2024-09-01"] * 2


def test_parquet_is_read_like_csv(file: Path) -> None:
    other = file.with_suffix(".parquet")
    pd.read_csv(file, keep_default_na=False).to_parquet(other)
    assert _run(other).equals(_run(file))


def test_a_hierarchy_adds_its_sums(file: Path) -> None:
    sums = file.with_name("sums.csv")
    sums.write_text("node,flat,NA\nall,1,1\n")
    found = _run(file, "--hierarchy", str(sums))
    assert found[found["unique_id"] == "all"]["mean"].tolist() == [7.0, 7.0]


def test_a_machine_reads_one_document(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(file, "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["series"], told["sums"], told["horizon"]) == (2, 0, 2)


def test_a_bad_row_is_named_by_its_line(file: Path) -> None:
    file.write_text(file.read_text() + "NA,2024-08-01,\n")
    with pytest.raises(RowsError, match=r"line 11 \(unique_id NA, ds 2024-08-01\)"):
        _run(file)


def test_levels_that_are_no_percents_are_refused(file: Path) -> None:
    with pytest.raises(UsageError, match="levels 'wide'; expected percents"):
        _run(file, "--levels", "wide")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no file .*nowhere"):
        _run(tmp_path / "nowhere.csv")


def test_an_unknown_ending_is_refused(file: Path) -> None:
    with pytest.raises(UsageError, match=r"an ending \.csv or \.parquet"):
        _run(file.rename(file.with_suffix(".xls")))


def test_a_file_that_is_no_table_is_refused(file: Path) -> None:
    file.write_text('unique_id,ds,y\n"open')
    with pytest.raises(DataError, match=r"'series.csv' cannot be read"):
        _run(file)
