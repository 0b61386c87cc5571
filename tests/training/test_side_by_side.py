"""Pieces of a backtest: made once, by however many processes, and made again only when missing."""

import os
from dataclasses import replace
from datetime import date

import pytest

from lifecycle.periods import FiscalCalendar, Quarter
from models.forecast.raw_store import to_bytes
from tests.models.forecast.company import LONDON, history_of, wavy_orders
from training.backtest import make_raw
from training.side_by_side import Ground, make_side_by_side

CALENDAR = FiscalCalendar(12)
Q1, Q2 = Quarter(2011, 1, CALENDAR), Quarter(2011, 2, CALENDAR)
ORIGINS = [(quarter, day) for quarter in (Q1, Q2) for day in list(quarter.week_starts())[::6]]


class Counter:
    done = 0.0

    def advance(self, amount=1):
        self.done += amount


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ground")
    history_of(folder, wavy_orders(560, segments=("a",)))
    return Ground(folder / "lake", LONDON, CALENDAR, "GBP", date(2011, 6, 3))


@pytest.fixture(scope="module")
def made(ground, tmp_path_factory):
    """The folder of all pieces, made by two processes."""
    folder = tmp_path_factory.mktemp("kept")
    make_side_by_side(ground, ORIGINS, kept=folder)
    return folder


def pieces(folder):
    return {place.name: place.read_bytes() for place in folder.iterdir()}


def times(folder):
    return {place.name: place.stat().st_mtime_ns for place in folder.iterdir()}


def days_of(quarter):
    return [day for one, day in ORIGINS if one == quarter]


def test_two_processes_give_the_same_bytes_as_one(ground, made, tmp_path):
    make_side_by_side(ground, ORIGINS, kept=tmp_path, processes=1)
    assert pieces(tmp_path) == pieces(made)
    assert len(pieces(made)) == 2


def test_a_piece_holds_what_the_engines_say(ground, made):
    read = make_side_by_side(ground, ORIGINS, kept=made)
    for quarter in (Q1, Q2):
        plain = make_raw(ground.open(), quarter, days_of(quarter), Counter())
        assert to_bytes(read(quarter, days_of(quarter))) == to_bytes(plain)


def test_only_the_days_that_are_asked_for_are_read(ground, made):
    read = make_side_by_side(ground, ORIGINS, kept=made)
    assert [one.origin for one in read(Q2, days_of(Q2)[1:])] == days_of(Q2)[1:]


def test_a_run_that_was_killed_makes_only_the_rest(ground, made):
    before, lost = pieces(made), sorted(made.iterdir())[0]
    (made / lost.with_suffix(".1.part").name).write_bytes(b"half a piece")
    old = times(made)
    lost.unlink()
    make_side_by_side(ground, ORIGINS, kept=made)
    (made / lost.with_suffix(".1.part").name).unlink()
    assert pieces(made) == before
    assert {name for name, at in times(made).items() if at != old[name]} == {lost.name}


def test_a_damaged_piece_is_made_again(ground, made):
    before, damaged = pieces(made), sorted(made.iterdir())[1]
    damaged.write_bytes(before[damaged.name][:-100])
    make_side_by_side(ground, ORIGINS, kept=made)
    assert pieces(made) == before


def test_pieces_that_were_found_count_as_done(ground, made):
    ticker = Counter()
    make_side_by_side(ground, ORIGINS, kept=made, ticker=ticker)
    assert ticker.done == len(ORIGINS)


def test_another_day_finds_nothing_of_this_one(ground, made, tmp_path):
    (tmp_path / "kept").mkdir()
    for name, piece in pieces(made).items():
        (tmp_path / "kept" / name).write_bytes(piece)
    later = replace(ground, as_of=date(2011, 6, 4))
    make_side_by_side(later, ORIGINS[:1], kept=tmp_path / "kept", processes=1)
    assert len(pieces(tmp_path / "kept")) == 3


def test_the_number_of_threads_is_given_back(ground, made, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    make_side_by_side(ground, ORIGINS, kept=made)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    monkeypatch.delenv("OMP_NUM_THREADS")
    make_side_by_side(ground, ORIGINS, kept=made)
    assert "OMP_NUM_THREADS" not in os.environ
