"""What a table of series must be, and what is said of one that is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lifecycle.errors import DataError, NotEnoughHistoryError, RowsError, TableError
from models.forecast.time_series.panel import read_panel
from tests.models.forecast.time_series.tables import table


def _one(ds: list[object], y: list[float] | None = None) -> pd.DataFrame:
    values = y or [float(number) for number in range(1, len(ds) + 1)]
    return pd.DataFrame({"unique_id": "a", "ds": ds, "y": values})


def _ahead(ds: list[object], steps: int = 2) -> list[str]:
    return [str(day)[:10] for day in read_panel(_one(ds)).ahead(steps)["ds"]]


def test_rows_may_come_in_any_order() -> None:
    given = table(a=[1, 2, 3], b=[4, 5])
    read = read_panel(given.sample(frac=1.0, random_state=1).sort_values("unique_id"))
    assert [y.tolist() for y in read.values] == [[1, 2, 3], [4, 5]]


def test_an_arrow_table_is_read_like_a_frame() -> None:
    given = table(a=[1, 2, 3])
    assert read_panel(pa.Table.from_pandas(given)).values[0].tolist() == [1, 2, 3]


def test_a_missing_month_is_filled_on_the_straight_line() -> None:
    read = read_panel(table(a=[1, 2, 9, 4, 5]).drop(index=2))
    assert read.values[0].tolist() == [1, 2, 3, 4, 5]
    assert read.filled == 1


def test_whole_numbers_count_steps() -> None:
    assert _ahead([3, 5, 7]) == ["9", "11"]


def test_months_stay_on_their_day() -> None:
    assert _ahead(["2020-01-15", "2020-02-15", "2020-04-15"]) == ["2020-05-15", "2020-06-15"]


def test_ends_of_quarters_stay_ends_of_quarters() -> None:
    assert _ahead(["2020-03-31", "2020-06-30", "2020-09-30"], 1) == ["2020-12-31"]


def test_weeks_follow_weeks() -> None:
    assert _ahead(["2020-01-06", "2020-01-13", "2020-01-20"], 1) == ["2020-01-27"]


def test_hours_follow_hours() -> None:
    read = read_panel(_one(["2020-01-01T22:00", "2020-01-01T23:00"]))
    assert str(read.ahead(1)["ds"][0]) == "2020-01-02 00:00:00"


def test_a_second_row_of_one_time_is_refused_with_its_line() -> None:
    with pytest.raises(RowsError, match=r"line 3 \(unique_id a, ds 1\).*sum them"):
        read_panel(_one([1, 1, 2]))


def test_a_value_whose_square_overflows_is_refused_with_its_line() -> None:
    with pytest.raises(RowsError, match=r"y is 1e\+300 in line 3 .*larger unit"):
        read_panel(_one([1, 2, 3], [1.0, 1e300, 3.0]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_refused_with_its_line(value: float) -> None:
    with pytest.raises(RowsError, match=r"y is (nan|inf) in line 3 .*leave the row out"):
        read_panel(_one([1, 2, 3], [1.0, value, 3.0]))


@pytest.mark.parametrize("column", ["unique_id", "ds"])
def test_a_row_without_name_or_time_is_refused(column: str) -> None:
    given = _one([1, 2, 3]).astype({"ds": object})
    given.loc[1, column] = None
    with pytest.raises(RowsError, match=rf"{column} is None in line 3"):
        read_panel(given)


def test_text_for_a_value_is_refused_with_its_line() -> None:
    with pytest.raises(TableError, match=r"y is 'two' in line 3"):
        read_panel(_one([1, 2, 3]).assign(y=["1", "two", "3"]))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(TableError, match=r"no column 'ds' \(found unique_id, y\)"):
        read_panel(_one([1, 2]).drop(columns="ds"))


def test_times_that_are_no_dates_are_refused() -> None:
    with pytest.raises(DataError, match="whole numbers or ISO dates"):
        read_panel(_one(["spring", "summer"]))


def test_fractions_are_no_times() -> None:
    with pytest.raises(DataError, match="ds has fractions"):
        read_panel(_one([1.0, 1.5]))


def test_dates_without_a_regular_step_are_refused_by_series() -> None:
    days = ["2020-01-01", "2020-01-02", "2020-01-11", "2020-02-20"]
    with pytest.raises(DataError, match="unique_id a: 4 rows on 51 steps"):
        read_panel(_one(list(days)))


def test_one_date_alone_tells_no_step() -> None:
    with pytest.raises(NotEnoughHistoryError, match="one date only"):
        read_panel(_one(["2020-01-01"]))


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(NotEnoughHistoryError, match="without rows"):
        read_panel(_one([1]).head(0))
