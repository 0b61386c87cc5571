"""Console: JSON alone on stdout for machines, words for people."""

import json

import pytest

from lifecycle.console import Console


def test_in_json_mode_stdout_holds_the_document_only(capsys):
    console = Console(json_mode=True)
    console.say("working")
    console.table("rivals", ["model", "mae"], [["run rate", 385.0]])
    console.emit({"mae": 385.0})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"mae": 385.0}
    assert "working" in captured.err


def test_a_number_that_is_not_finite_is_never_emitted():
    with pytest.raises(ValueError, match="JSON"):
        Console(json_mode=True).emit({"mae": float("nan")})


def test_people_get_the_table(capsys):
    Console().table("rivals", ["model", "mae"], [["run rate", 385.0], ["none", None]])
    shown = capsys.readouterr().out
    assert "run rate" in shown
    assert "385" in shown


def test_progress_is_shown_on_stderr_only(capsys):
    with Console().progress("reading", total=2) as ticker:
        ticker.advance()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "reading" in captured.err


def test_a_long_cell_is_wrapped_and_squeezes_no_short_column(capsys):
    Console().table("doctor", ["check", "", "found"], [["lake", "LOOK", "damaged file " * 40]])
    shown = capsys.readouterr().out
    assert "LOOK" in shown
    assert shown.count("damaged") == 40
