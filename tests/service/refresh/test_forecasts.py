"""What a refresh forecasts and keeps, and that it is what the backtest proves."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ledger.books import Book
from ledger.engine import Ledger
from ledger.issued_books import read_book
from lifecycle.errors import NotEnoughHistoryError, UsageError
from lifecycle.periods import Quarter
from models.forecast.conclude import Concluded
from service.refresh.forecasts import (
    build_book,
    build_forecasts,
    refresh_forecasts,
    refresh_forecasts_if_any,
)
from service.refresh.place import Place, open_snapshot
from tests.builders import account, build_lake
from tests.ledger.forecast_story import publish_books
from tests.ledger.story import new_ledger
from tests.models.forecast.company import FIRST
from tests.service.refresh.company import open_once, place_of, stand_on
from tests.service.refresh.sellers import DAY, build_sellers, said_before
from training.backtest import backtest_origins, run_backtest
from training.engines import open_past_engines

NOW = Quarter(2011, 3)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return build_sellers(tmp_path_factory.mktemp("sellers"))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path)


def kept(ledger: Ledger, period: str) -> Book:
    found = read_book(ledger, "orders", period)
    assert found is not None
    return found.book


def test_the_running_and_the_next_quarter_are_kept(ledger: Ledger, place: Place) -> None:
    told = refresh_forecasts(stand_on(place, DAY), ledger, place=place)
    assert [one["period"] for one in told["forecasts"]] == ["2011Q3", "2011Q4"]
    for one in told["forecasts"]:
        book = kept(ledger, one["period"])
        total = next(row for row in book.rows if row.served and row.node == "total")
        assert (book.origin, book.served_leg) == (DAY, one["leg"])
        assert (total.p10_minor, total.p90_minor) == (one["p10_minor"], one["p90_minor"])


def test_a_book_says_what_was_concluded(ledger: Ledger, place: Place) -> None:
    snapshot = stand_on(place, DAY)
    refresh_forecasts(snapshot, ledger, place=place)
    (concluded,) = build_forecasts(snapshot, ledger, place=place, quarters=[NOW])
    book, kept_one = build_book(concluded, snapshot, "GBP"), kept(ledger, "2011Q3")
    key = _place_of_row
    assert sorted(kept_one.rows, key=key) == sorted(book.rows, key=key)
    assert kept_one.verdict == concluded.verdict
    assert kept_one.data_hash == snapshot.version


def test_served_parts_add_up_to_the_served_mean(ledger: Ledger, place: Place) -> None:
    refresh_forecasts(stand_on(place, DAY), ledger, place=place)
    for row in kept(ledger, "2011Q3").rows:
        assert (row.parts is not None) == row.served
        if row.parts is not None:
            assert sum(row.parts.values()) == pytest.approx(row.mean_minor)


def test_a_past_that_lost_to_the_plain_rule_changes_what_is_served(
    ledger: Ledger, place: Place
) -> None:
    snapshot = stand_on(place, DAY)
    (before,) = build_forecasts(snapshot, ledger, place=place, quarters=[NOW])
    lost = [said_before(period, day, p50=10**6) for period, day in _four_past_quarters()]
    won = [_moved(book, "seasonal_naive", 40_000.0) for book in lost]
    publish_books(ledger, won, "backtest")
    (after,) = build_forecasts(snapshot, ledger, place=place, quarters=[NOW])
    assert (before.served, after.served) == ("combined", "seasonal_naive")
    assert after.judged_quarters == 4


def test_a_refresh_says_what_the_backtest_said_of_that_day(ledger: Ledger, place: Place) -> None:
    day = date(2011, 7, 1)
    proved, past = _backtest(place, day)
    snapshot = stand_on(place, day)
    publish_books(ledger, [build_book(one, snapshot, "GBP") for one in past], "backtest")
    (served,) = build_forecasts(snapshot, ledger, place=place, quarters=[NOW])
    assert (served.served, served.verdict) == (proved.served, proved.verdict)
    for name, leg in proved.legs.items():
        assert served.legs[name].mean_minor == pytest.approx(leg.mean_minor, rel=1e-9)
        # three quantiles in whole minor units are kept of what was said
        assert _width(served, name) == pytest.approx(_width(proved, name), rel=5e-3)


def test_a_young_company_is_refused_or_told_why(ledger: Ledger, place: Place) -> None:
    young = stand_on(place, date(2010, 3, 1))
    with pytest.raises(NotEnoughHistoryError, match="90 days of orders"):
        refresh_forecasts_if_any(young, ledger, place=place, needed=True)
    told = refresh_forecasts_if_any(young, ledger, place=place, needed=False)
    assert (told["run_id"], told["forecasts"]) == (None, [])
    assert "90 days of orders" in told["why"]


def test_a_lake_without_anything_that_brings_money_is_refused(tmp_path: Path) -> None:
    build_lake(tmp_path, accounts=[account("a1", FIRST)])
    place = place_of(tmp_path)
    with pytest.raises(NotEnoughHistoryError, match="no order, deal or contract"):
        build_forecasts(open_snapshot(place, DAY), place.open_ledger(), place=place)


def test_a_quarter_too_far_ahead_is_refused(ledger: Ledger, place: Place) -> None:
    with pytest.raises(UsageError, match="no later than 2012Q1"):
        build_forecasts(stand_on(place, DAY), ledger, place=place, quarters=[NOW.shift(3)])


def _backtest(place: Place, day: date) -> tuple[Concluded, tuple[Concluded, ...]]:
    """The forecast that a backtest makes on the quarter's first day, and all those before."""
    told: Any = {"calendar": place.calendar, "currency": place.currency}
    engines = open_past_engines(open_once(place.lake_dir), **told, as_of=day)
    weeks = backtest_origins(quarters=3, calendar=place.calendar, as_of=day)[::6]
    found = run_backtest(engines, [*weeks, (NOW, day)], as_of=day).forecasts
    return found[-1], found[:-1]


def _width(concluded: Concluded, leg: str) -> float:
    return float(np.ptp(concluded.legs[leg].grid_minor[0]))


def _four_past_quarters() -> list[tuple[str, date]]:
    return [
        ("2010Q3", date(2010, 7, 12)),
        ("2010Q4", date(2010, 10, 11)),
        ("2011Q1", date(2011, 1, 10)),
        ("2011Q2", date(2011, 4, 11)),
    ]


def _moved(book: Book, leg: str, p50: float) -> Book:
    rows = [row for row in book.rows if row.leg != leg]
    moved = said_before(book.period, book.origin, p50=p50 / 1.1).rows[1]
    return type(book)(**{**vars(book), "rows": [*rows, moved]})


def _place_of_row(row: object) -> tuple[str, str]:
    return row.leg, row.node  # type: ignore[attr-defined]
