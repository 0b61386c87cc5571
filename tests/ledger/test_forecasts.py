from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ledger.engine import Ledger
from ledger.forecasts import read_forecast, read_issued, read_periods, write_forecasts
from lifecycle.errors import ConflictError, RowsError
from tests.ledger.story import forecast, new_run, publish_forecast


def test_a_forecast_comes_back_as_it_was_written(ledger: Ledger) -> None:
    rows = [forecast(leg="combined"), forecast(leg="seasonal_naive")]
    publish_forecast(ledger, rows)
    found = read_forecast(ledger, "2012Q1")
    assert found is not None
    assert found.rows == rows


def test_the_newest_published_forecast_of_a_period_is_served(ledger: Ledger) -> None:
    publish_forecast(ledger, [forecast(p50_minor=95_000.0)])
    publish_forecast(ledger, [forecast(p50_minor=99_000.0)])
    write_forecasts(ledger, new_run(ledger, "forecast"), [forecast(p50_minor=1.0)])
    found = read_forecast(ledger, "2012Q1")
    assert found is not None
    assert [row.p50_minor for row in found.rows] == [99_000.0]


def test_a_period_that_left_the_newest_run_is_still_served(ledger: Ledger) -> None:
    old = publish_forecast(ledger, [forecast()])
    publish_forecast(ledger, [forecast(period="2012Q2")])
    found = read_forecast(ledger, "2012Q1")
    assert found is not None
    assert found.run.run_id == old
    assert read_periods(ledger) == ["2012Q2", "2012Q1"]


def test_what_was_issued_before_is_kept(ledger: Ledger) -> None:
    publish_forecast(ledger, [forecast(p50_minor=95_000.0), forecast(leg="auto_ets")])
    publish_forecast(ledger, [forecast(p50_minor=99_000.0)])
    assert [row["p50_minor"] for row in read_issued(ledger, "2012Q1")] == [99_000.0, 95_000.0]


def test_a_period_never_forecast_is_none(ledger: Ledger) -> None:
    assert read_forecast(ledger, "1999Q1") is None


def test_a_leg_twice_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ConflictError):
        write_forecasts(ledger, new_run(ledger, "forecast"), [forecast(), forecast()])


def test_a_part_that_is_not_finite_is_refused(ledger: Ledger) -> None:
    bad = replace(forecast(), parts={"to_date": math.nan})
    with pytest.raises(RowsError, match="parts"):
        write_forecasts(ledger, new_run(ledger, "forecast"), [bad])
