"""Recurring forecasts do not know the future, however late their facts were read."""

from dataclasses import fields
from datetime import timedelta

import ibis
import numpy as np
import pytest

from lifecycle.periods import Quarter
from lifecycle.snapshot import Snapshot
from tests.leakage.contract_worlds import build_contract_worlds
from tests.leakage.worlds import LeakFound, check_blind
from tests.models.forecast.recurring.company import engine_at


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    return build_contract_worlds(tmp_path_factory.mktemp("recurring-worlds"))


def cents(values):
    return np.nan_to_num(values, nan=-1.0).round().tolist()


def forecast(snapshot, day):
    """Every number of every leg, to the cent."""
    found = engine_at(snapshot).raw(day, Quarter.containing(day))
    legs = [(one, name, leg) for one in found for name, leg in one.legs.items()]
    return [
        (one.target, name, one.nodes, cents(leg.mean_minor), cents(leg.grid_minor))
        for one, name, leg in legs
    ]


def test_a_forecast_does_not_know_the_future(worlds):
    check_blind(worlds, lambda history: forecast(history.as_of(worlds.day), worlds.day))


def test_facts_read_later_do_not_tell_an_earlier_origin(worlds):
    history = worlds.histories["as it was"]
    then, later = (history.as_of(worlds.day + timedelta(days=n)) for n in (0, 200))
    assert forecast(later, worlds.day) == forecast(then, worlds.day)


def test_an_earlier_origin_is_blind_in_every_telling(worlds):
    later = worlds.day + timedelta(days=200)
    check_blind(worlds, lambda history: forecast(history.as_of(later), worlds.day))


class OccurredNotKnown(Snapshot):
    """Reads changes as if they had been known when they happened."""

    def versions(self, name):
        rows = super().versions(name)
        if name != "subscription_changes":
            return rows
        return rows.mutate(known_at=ibis.least(rows.known_at, rows.changed_at))


def test_a_planted_clock_leak_is_found(worlds):
    def leaky(history):
        seen = history.as_of(worlds.day + timedelta(days=200))
        hole = OccurredNotKnown(**{one.name: getattr(seen, one.name) for one in fields(Snapshot)})
        return forecast(hole, worlds.day)

    with pytest.raises(LeakFound):
        check_blind(worlds, leaky)
