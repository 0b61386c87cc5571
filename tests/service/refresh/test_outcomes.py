"""What counts as having left: the last line's decision, with the grace, inside the horizon."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from service.refresh.outcomes import Fate, Line, fate_of_lines

START = date(2021, 6, 1)
END = START + timedelta(days=90)


def line(started: int, decided: int | None = None, ended: int | None = None, cause="nonrenewal"):
    """A spell by days from the score's day."""
    days = [None if n is None else START + timedelta(days=n) for n in (started, decided, ended)]
    return Line(days[0], days[1], days[2], None if ended is None else cause)


@pytest.mark.parametrize(
    ("lines", "fate"),
    [
        ([line(-100)], Fate(False)),
        ([line(-100, 0, 30)], Fate(True, START, "nonrenewal")),
        ([line(-100, 89, 200)], Fate(True, END - timedelta(days=1), "nonrenewal")),
        ([line(-100, 90, 91)], Fate(False)),
        ([line(-100, 5, 30), line(-50)], Fate(False)),
        ([line(-100, 5, 30, "midterm"), line(-50, 40, 60)],
         Fate(True, START + timedelta(days=40), "nonrenewal")),
        ([line(-100, 5, 30), line(60)], Fate(False)),
        ([line(-100, 5, 30), line(61)], Fate(True, START + timedelta(days=5), "nonrenewal")),
        ([line(-300, -250, -240), line(-100)], Fate(False)),
        ([line(-100, -1, 30)], None),
        ([line(-100, -60, -50)], None),
        ([line(0)], None),
        ([], None),
    ],
)  # fmt: skip
def test_an_account_left_when_its_last_line_was_decided(
    lines: list[Line], fate: Fate | None
) -> None:
    assert fate_of_lines(lines, START, END) == fate
    assert fate_of_lines(lines[::-1], START, END) == fate
