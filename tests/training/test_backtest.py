"""Every past week is forecast with what was known then, and learns from what had ended by then."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import FiscalCalendar, Quarter
from models.forecast.combine import COMBINED
from models.forecast.judged import Said
from models.forecast.raw import ORDERS
from models.forecast.raw_store import from_bytes, to_bytes
from tests.builders import noon, order
from tests.models.forecast.company import history_of, wavy_orders
from tests.models.forecast.raws import leg
from training.backtest import Record, backtest_origins, make_raw, run_backtest
from training.engines import open_past_engines

CALENDAR = FiscalCalendar(12)
FACTS = wavy_orders(560, segments=("a",))
AS_OF = date(2011, 6, 3)
CUT = date(2011, 3, 1)
Q1, Q2 = Quarter(2011, 1, CALENDAR), Quarter(2011, 2, CALENDAR)


class Counter:
    done = 0.0

    def advance(self, amount=1):
        self.done += amount


def engines_of(folder, rows=FACTS, as_of=AS_OF):
    return open_past_engines(
        history_of(folder, rows), calendar=CALENDAR, currency="GBP", as_of=as_of
    )


def origins_of(quarters=2, as_of=AS_OF):
    return backtest_origins(quarters=quarters, calendar=CALENDAR, as_of=as_of)


def backtest(folder, rows=FACTS, as_of=AS_OF, quarters=2, **more):
    engines = engines_of(folder, rows, as_of)
    return run_backtest(engines, origins_of(quarters, as_of), as_of=as_of, **more)


def answers(found, until=date.max):
    """All that was said up to a day, bit by bit."""
    return [
        (str(one.raw.quarter), one.raw.origin, one.served, one.verdict, name,
         told.mean_minor.tobytes(), told.grid_minor.tobytes())
        for one in found.forecasts
        if one.raw.origin <= until
        for name, told in one.legs.items()
    ]  # fmt: skip


def judged_as_known(record, origin):
    return [one.missed[COMBINED, "total"].actual for one in record.judged(ORDERS, origin)]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return backtest(tmp_path_factory.mktemp("backtest"))


def test_origins_are_the_weeks_of_the_last_ended_quarters():
    origins = origins_of()
    assert origins[0] == (Q1, date(2010, 12, 1))
    assert origins[-1] == (Q2, date(2011, 5, 31))
    assert len(origins) == 13 + 14


def test_the_actual_is_the_quarters_known_revenue(found):
    start, end = date(2011, 3, 1), date(2011, 6, 1)
    sold = sum(r["amount_minor"] for r in FACTS if start <= r["ordered_at"].date() < end)
    actuals = {found.actual(one)["total"] for one in found.forecasts if one.raw.quarter == Q2}
    assert actuals == {float(sold)}


def test_a_quarter_that_still_runs_has_no_actual(tmp_path):
    origins = [(Q2, day) for day in (date(2011, 3, 1), date(2011, 3, 8))]
    early = run_backtest(engines_of(tmp_path), origins, as_of=date(2011, 4, 1))
    assert [dict(early.actual(one)) for one in early.forecasts] == [{}, {}]


def test_every_origin_has_every_node_and_the_combined_leg(found):
    assert len(found.forecasts) == 13 + 14
    assert {one.raw.nodes for one in found.forecasts} == {("total", "segment=a")}
    assert all(COMBINED in one.legs for one in found.forecasts)


def test_forecasts_learn_only_from_quarters_that_had_ended(found):
    learned = {one.raw.quarter: one.judged_quarters for one in found.forecasts}
    assert learned == {Q1: 0, Q2: 1}


def test_what_is_learnt_after_an_origin_changes_no_forecast_made_there(tmp_path, found):
    cut = noon(CUT).replace(hour=0)
    changed = [
        r if r["known_at"] < cut else {**r, "amount_minor": -7 * r["amount_minor"]} for r in FACTS
    ]
    again = backtest(tmp_path, changed)
    assert answers(again, CUT) == answers(found, CUT)
    assert answers(again) != answers(found)


def test_a_late_fact_changes_what_is_judged_from_the_day_it_was_known(tmp_path):
    late = order(
        "a1", date(2011, 2, 1), known=datetime(2011, 4, 5, 9, tzinfo=UTC), amount_minor=10**6
    )
    with_it, without = (
        Record(engines_of(tmp_path / name, rows), CALENDAR)
        for name, rows in (("with", [*FACTS, late]), ("without", FACTS))
    )
    for record in (with_it, without):
        record.add(ORDERS, _said(Q1))
    days = [date(2011, 4, day) for day in (4, 5, 6, 7)]
    gaps = [judged_as_known(with_it, d)[0] - judged_as_known(without, d)[0] for d in days]
    assert gaps == [0, 0, 10**6, 10**6]


def test_nothing_is_judged_before_its_quarter_has_ended(tmp_path):
    record = Record(engines_of(tmp_path), CALENDAR)
    record.add(ORDERS, _said(Q1))
    assert judged_as_known(record, Q1.end - timedelta(days=1)) == []
    assert len(judged_as_known(record, Q1.end)) == 1


def test_legs_that_were_kept_give_the_same_answer(tmp_path, found):
    engines = engines_of(tmp_path)

    def kept(quarter, days):
        return from_bytes(to_bytes(make_raw(engines, quarter, days, Counter())), CALENDAR)

    again = run_backtest(engines, origins_of(), as_of=AS_OF, raws=kept)
    assert answers(again) == answers(found)


def test_origins_are_counted_as_they_are_done(tmp_path):
    ticker = Counter()
    backtest(tmp_path, quarters=1, progress=ticker)
    assert ticker.done == 14


def test_a_company_too_young_for_any_origin_is_refused(tmp_path):
    with pytest.raises(NotEnoughHistoryError, match="no week of 27 before 2010-06-03"):
        backtest(tmp_path, as_of=date(2010, 6, 3))


def test_weeks_that_are_too_early_are_passed_over(tmp_path):
    first = backtest(tmp_path, as_of=date(2010, 9, 3), quarters=2).forecasts[0]
    assert first.raw.origin == date(2010, 6, 1)  # 182 days after the first order


def _said(quarter):
    told = leg(100.0, shares=np.array([1.0]))
    return Said(str(quarter), quarter.start, 0, ("total",), {COMBINED: told}, np.zeros(1), 1.0)
