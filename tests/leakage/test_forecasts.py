from __future__ import annotations

from dataclasses import asdict

import pytest

from lifecycle.history import History
from lifecycle.periods import Quarter
from models.forecast.quarter import forecast_quarter
from tests.leakage.worlds import LeakFound, Worlds, check_blind


def forecast(history: History, worlds: Worlds, *, later_months: int = 0) -> object:
    quarter = Quarter.containing(worlds.day)
    day = worlds.day.replace(month=worlds.day.month + later_months)
    return asdict(forecast_quarter(history.as_of(day), quarter))


def test_forecasts_do_not_know_the_future(worlds: Worlds) -> None:
    check_blind(worlds, lambda history: forecast(history, worlds))


def test_a_forecast_that_stands_later_is_found(worlds: Worlds) -> None:
    with pytest.raises(LeakFound):
        check_blind(worlds, lambda history: forecast(history, worlds, later_months=1))
