"""A forecast as of t is the same whatever is learnt at t or later, and whatever order rows have."""

from dataclasses import fields
from datetime import date

import ibis
import numpy as np
import pytest

from lifecycle.periods import FiscalCalendar, Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.orders import OrdersEngine
from models.forecast.raw_store import to_bytes
from tests.leakage.worlds import LeakFound, build_worlds, check_blind
from tests.models.forecast.company import history_of, wavy_orders
from training.backtest import backtest_origins, run_backtest

CALENDAR = FiscalCalendar(12)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    return build_worlds(tmp_path_factory.mktemp("forecast-worlds"))


def forecast(snapshot):
    engine = OrdersEngine(lambda _: snapshot)
    return to_bytes(engine.raw(snapshot.day, Quarter.containing(snapshot.day, CALENDAR)))


def backtest(history, day):
    origins = backtest_origins(quarters=2, calendar=CALENDAR, as_of=day)[::5]
    found = run_backtest([OrdersEngine(history.as_of)], origins, as_of=day)
    grids = [leg.grid_minor.ravel() for one in found.forecasts for leg in one.legs.values()]
    return np.concatenate([*grids, list(found.actuals["2011Q2"]["orders"].values())])


class OccurredNotKnown(Snapshot):
    def table(self, name):
        rows = self.stored[name].rows
        return rows.filter(rows.ordered_at < ibis.literal(self.as_of))


class AtOrBefore(Snapshot):
    def table(self, name):
        rows = self.stored[name].rows
        return rows.filter(rows.known_at <= ibis.literal(self.as_of))


def planted(hole, snapshot):
    return hole(**{field.name: getattr(snapshot, field.name) for field in fields(Snapshot)})


def test_a_forecast_does_not_know_the_future(worlds):
    check_blind(worlds, lambda history: forecast(history.as_of(worlds.day)))


def test_a_backtest_does_not_know_the_future(worlds):
    check_blind(worlds, lambda history: backtest(history, worlds.day))


@pytest.mark.parametrize("hole", [OccurredNotKnown, AtOrBefore])
def test_a_planted_clock_leak_is_found(worlds, hole):
    with pytest.raises(LeakFound):
        check_blind(worlds, lambda history: forecast(planted(hole, history.as_of(worlds.day))))


def test_a_planted_look_at_the_whole_history_is_found(worlds):
    later = date(worlds.day.year + 1, 3, 1)
    with pytest.raises(LeakFound):
        check_blind(worlds, lambda history: forecast(history.as_of(later)))


def test_the_order_of_rows_does_not_matter(tmp_path):
    rows = wavy_orders(520)
    moved = [rows[at] for at in np.random.default_rng(3).permutation(len(rows))]
    one, other = (
        history_of(tmp_path / name, facts).as_of(date(2011, 4, 4))
        for name, facts in (("one", rows), ("other", moved))
    )
    assert forecast(one) == forecast(other)
