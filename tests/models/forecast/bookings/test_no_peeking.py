"""Bookings forecasts do not know the future, however late their facts were read."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, timedelta

import ibis
import pytest

from lifecycle.history import History
from lifecycle.periods import CALENDAR_YEAR, Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.bookings.engine import BookingsEngine
from tests.leakage.deal_worlds import build_deal_worlds
from tests.leakage.worlds import LeakFound, Worlds, check_blind

LATER = timedelta(days=120)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return build_deal_worlds(tmp_path_factory.mktemp("bookings-worlds"))


def forecast(snapshot: Snapshot, day: date) -> list[object]:
    """Every number of every leg of the running and the next quarter, to the cent."""
    engine = BookingsEngine.read(snapshot, calendar=CALENDAR_YEAR, currency="GBP", draws=200)
    running = Quarter.containing(day - timedelta(days=20))
    found = [one for n in (0, 1) for one in engine.raw(day - timedelta(days=20), running.shift(n))]
    assert found
    return [
        (one.nodes, name, leg.mean_minor.round().tolist(), leg.grid_minor.round().tolist())
        for one in found
        for name, leg in sorted(one.legs.items())
    ]


def test_an_earlier_origin_is_blind_in_every_telling(worlds: Worlds) -> None:
    day = worlds.day + timedelta(days=20)
    later = worlds.day + LATER
    check_blind(worlds, lambda history: forecast(history.as_of(later), day))


def test_facts_read_later_do_not_tell_an_earlier_origin(worlds: Worlds) -> None:
    history, day = worlds.histories["as it was"], worlds.day + timedelta(days=20)
    then, later = (history.as_of(worlds.day + LATER * n) for n in (0, 1))
    assert forecast(later, day) == forecast(then, day)


class OccurredNotKnown(Snapshot):
    """Reads deals' changes as if they had been known when they happened."""

    def versions(self, name: str) -> ibis.Table:
        rows = super().versions(name)
        if name != "opportunity_changes":
            return rows
        return rows.mutate(known_at=ibis.least(rows.known_at, rows.changed_at))


def test_a_planted_clock_leak_is_found(worlds: Worlds) -> None:
    def leaky(history: History) -> list[object]:
        seen = history.as_of(worlds.day + LATER)
        hole = OccurredNotKnown(**{one.name: getattr(seen, one.name) for one in fields(Snapshot)})
        return forecast(hole, worlds.day + timedelta(days=20))

    with pytest.raises(LeakFound):
        check_blind(worlds, leaky)
