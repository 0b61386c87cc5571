"""No forecast of any target knows the future, nor does an engine that was opened on a later day."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from lifecycle.engine import open_engine
from lifecycle.history import History
from lifecycle.lake import Lake
from lifecycle.periods import CALENDAR_YEAR, Quarter
from models.forecast.engines import open_engines
from models.forecast.raw import BOOKINGS, ENDING_ARR, ORDERS, RENEWALS, REVENUE
from models.forecast.raw_store import to_bytes
from models.forecast.telling import tell_forecast, tell_rows
from service.refresh.forecasts import build_forecasts
from tests.leakage.contract_worlds import build_contract_worlds
from tests.leakage.deal_worlds import build_deal_worlds
from tests.leakage.worlds import ZONE, LeakFound, Worlds, build_worlds, check_blind
from tests.ledger.story import new_ledger
from tests.service.refresh.company import place_of
from training.engines import open_past_engines

BUILDERS: dict[str, tuple[Callable[[Path], Worlds], set[str]]] = {
    "orders": (build_worlds, {ORDERS}),
    "deals": (build_deal_worlds, {BOOKINGS}),
    "contracts": (build_contract_worlds, {RENEWALS, REVENUE, ENDING_ARR}),
}


@pytest.fixture(scope="module", params=BUILDERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(kind)


@pytest.fixture(scope="module")
def worlds(kind: str, folder: Path) -> Worlds:
    return BUILDERS[kind][0](folder)


@pytest.fixture
def machine_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Put the machine into another time zone for one test."""

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


def raw(history: History, worlds: Worlds, *, opened_later: int = 0, stands_later: int = 0) -> bytes:
    """All raw legs of the running and the next quarter, bit by bit."""
    told = {"calendar": CALENDAR_YEAR, "currency": "GBP"}
    opened = worlds.day + timedelta(days=opened_later + stands_later)
    day = worlds.day + timedelta(days=stands_later)
    now = Quarter.containing(day)
    made = [
        forecast
        for engine in open_past_engines(history, as_of=opened, **told)  # type: ignore[arg-type]
        for quarter in (now, now.shift(1))
        for forecast in engine.raw(day, quarter)
    ]
    return to_bytes(made)


@pytest.fixture(scope="module")
def here(worlds: Worlds) -> bytes:
    return raw(worlds.histories["as it was"], worlds)


def test_every_target_of_the_facts_is_forecast(worlds: Worlds, kind: str) -> None:
    snapshot = worlds.histories["as it was"].as_of(worlds.day)
    engines = open_engines(
        snapshot, facts=lambda _: snapshot, calendar=CALENDAR_YEAR, currency="GBP"
    )
    told = [one for e in engines for one in e.raw(worlds.day, Quarter.containing(worlds.day))]
    assert BUILDERS[kind][1] <= {one.target for one in told}


def test_forecasts_do_not_know_the_future(worlds: Worlds) -> None:
    check_blind(worlds, lambda history: raw(history, worlds))


def test_an_engine_opened_later_answers_as_one_opened_on_the_day(
    worlds: Worlds, here: bytes
) -> None:
    for history in worlds.histories.values():
        assert raw(history, worlds, opened_later=100) == here


def test_what_a_refresh_serves_does_not_know_the_future(worlds: Worlds, tmp_path: Path) -> None:
    ledger, place = new_ledger(tmp_path), place_of(tmp_path)

    def served(history: History) -> object:
        built = build_forecasts(history.as_of(worlds.day), ledger, place=place)
        return [(tell_forecast(one), list(tell_rows(one))) for one in built]

    check_blind(worlds, served)


def open_again(folder: Path, zone: ZoneInfo = ZONE) -> History:
    return History(Lake(folder / "as-it-was" / "lake"), open_engine(), zone=zone)


@pytest.mark.parametrize("place", ["Pacific/Auckland", "America/Los_Angeles"])
def test_where_the_machine_stands_changes_no_forecast(
    worlds: Worlds, here: bytes, folder: Path, machine_in: Callable[[str], None], place: str
) -> None:
    machine_in(place)
    assert raw(open_again(folder), worlds) == here


def test_a_forecast_that_follows_the_machines_zone_is_found(
    worlds: Worlds, here: bytes, folder: Path
) -> None:
    assert raw(open_again(folder, ZoneInfo("Pacific/Auckland")), worlds) != here


def test_a_forecast_that_stands_later_is_found(worlds: Worlds) -> None:
    with pytest.raises(LeakFound):
        check_blind(worlds, lambda history: raw(history, worlds, stands_later=31))
