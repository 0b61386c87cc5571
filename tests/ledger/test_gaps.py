from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from ledger.engine import Ledger
from ledger.forecast_inputs import (
    drop_contents,
    read_inputs,
    read_item_origins,
    read_items,
    write_inputs,
)
from ledger.gaps import read_gap, read_to_date
from lifecycle.errors import ConflictError, NoForecastError, RowsError
from tests.ledger.forecast_story import book, publish_books, said
from tests.ledger.gap_story import gap, open_forecast, packed, publish_gap
from tests.ledger.story import DAY

LATER = DAY + timedelta(days=7)


def contents(ledger: Ledger) -> int:
    with ledger.reading() as connection:
        return len(connection.exec_driver_sql("SELECT digest FROM input_contents").all())


def test_the_newest_inputs_of_a_quarter_are_read_back(ledger: Ledger) -> None:
    publish_gap(ledger, inputs=[packed(b"old")])
    run_id = publish_gap(ledger, inputs=[packed(b"new", origin=LATER)])
    found = read_inputs(ledger, "bookings", "2012Q1")
    assert (found.run_id, found.packed) == (run_id, packed(b"new", origin=LATER))


def test_equal_inputs_of_several_targets_are_kept_once(ledger: Ledger) -> None:
    publish_gap(ledger, inputs=[packed(), packed(target="revenue")])
    assert contents(ledger) == 1
    assert read_inputs(ledger, "revenue", "2012Q1").packed.content == b"inputs"


def test_inputs_of_an_unpublished_run_are_not_seen(ledger: Ledger) -> None:
    write_inputs(ledger, open_forecast(ledger), [packed()])
    with pytest.raises(NoForecastError, match="no simulation inputs"):
        read_inputs(ledger, "bookings", "2012Q1")


def test_old_contents_can_be_dropped_and_are_then_missed(ledger: Ledger) -> None:
    publish_gap(ledger, inputs=[packed(b"old"), packed(b"kept", period="2012Q2", origin=LATER)])
    assert drop_contents(ledger, before=LATER) == 1
    assert read_inputs(ledger, "bookings", "2012Q2").packed.content == b"kept"
    with pytest.raises(NoForecastError):
        read_inputs(ledger, "bookings", "2012Q1")


def test_contents_that_a_newer_forecast_rests_on_stay(ledger: Ledger) -> None:
    publish_gap(ledger, inputs=[packed()])
    publish_gap(ledger, inputs=[packed(origin=LATER)])
    assert drop_contents(ledger, before=LATER) == 0


def test_items_are_kept_for_every_origin(ledger: Ledger) -> None:
    publish_gap(ledger, inputs=[packed(b"a")])
    publish_gap(ledger, inputs=[packed(b"b", origin=LATER)])
    assert read_item_origins(ledger, "bookings", "2012Q1") == [LATER, DAY]
    assert read_items(ledger, "bookings", "2012Q1", origin=DAY).content == b"a"


def test_a_day_without_a_forecast_names_those_that_have_one(ledger: Ledger) -> None:
    publish_gap(ledger, inputs=[packed()])
    with pytest.raises(NoForecastError, match=str(DAY)):
        read_items(ledger, "bookings", "2012Q1", origin=LATER)


def test_the_newest_gap_answer_is_read_as_it_was_issued(ledger: Ledger) -> None:
    publish_gap(ledger, gaps=[gap(p_hit=0.4)])
    publish_gap(ledger, gaps=[gap(LATER, p_hit=0.5)])
    newest, before = (read_gap(ledger, "bookings", "2012Q1", as_of=day) for day in (None, DAY))
    assert newest is not None
    assert newest[1].answer == {"targets": [], "p_hit": 0.5}
    assert before is not None
    assert before[1].answer["p_hit"] == 0.4


def test_a_quarter_without_a_gap_answer_has_none(ledger: Ledger) -> None:
    publish_gap(ledger, gaps=[gap()])
    assert read_gap(ledger, "bookings", "2012Q3") is None
    assert read_gap(ledger, "bookings", "2012Q1", as_of=date(2000, 1, 1)) is None


def test_a_number_that_is_not_finite_is_refused(ledger: Ledger) -> None:
    with pytest.raises(RowsError):
        publish_gap(ledger, gaps=[gap(p_hit=float("nan"))])


def test_a_forecast_has_one_gap_answer(ledger: Ledger) -> None:
    with pytest.raises(ConflictError):
        publish_gap(ledger, gaps=[gap(), replace(gap(), answer={})])


def test_what_was_in_by_each_origin_is_read_once_and_as_forecast_at_the_time(
    ledger: Ledger,
) -> None:
    for kind, value in (("backtest", 5.0), ("forecast", 7.0)):
        row = replace(said(served=True), to_date_minor=value)
        publish_books(ledger, [book([row, said("conversion")])], kind)
    found = read_to_date(ledger, "bookings")
    assert [(one.node, one.to_date_minor) for one in found] == [("total", 7.0)]
