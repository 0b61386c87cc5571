"""The command of the record: legs by week, the ladder, a curve and a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lifecycle.errors import NoForecastError, UsageError
from service.cli_accuracy import app
from tests.ledger.story import new_ledger
from tests.postgresql import add_settings
from tests.service.quarter import fill_quarter

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Ask the command in a folder whose ledger holds a judged backtest."""
    ledger = new_ledger(tmp_path)
    fill_quarter(ledger)
    ledger.close()
    add_settings(tmp_path, 'currency = "GBP"\nfiscal_year_start_month = 12\n')

    def ask(*words: object) -> str:
        given = ["accuracy", *map(str, words), "--data-dir", str(tmp_path)]
        app(args=given, standalone_mode=False)
        return capsys.readouterr().out

    return ask


def test_people_read_legs_by_week_the_ladder_and_the_verdict(run: Run) -> None:
    told = run()
    assert "WAPE by week of the quarter (bookings, backtest)" in told
    assert "What was served against each leg, in quarters" in told
    assert "what was served beat every plain rule; the nearest is conversion" in told


def test_the_curve_is_of_the_leg_asked_for(run: Run) -> None:
    told = run("--leg", "conversion")
    assert "WAPE of conversion by week" in told
    assert "█ 0.100 (n 8)" in told


def test_machines_read_what_the_service_answers(run: Run) -> None:
    told = json.loads(run("--leg", "combined", "--json"))
    assert (told["definition"], told["source"]) == ("bookings", "backtest")
    assert [(row["week"], row["n"]) for row in told["by_week"]] == [(0, 8), (1, 8)]
    assert told["all_weeks"][0]["wape"] == pytest.approx(0.05)
    assert told["simple"] is None


def test_a_file_holds_one_line_a_leg_and_week(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "accuracy.csv"
    assert "12 rows" in run("--out", out)
    rows = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    assert {row["week"] for row in rows} == {"0", "1", ""}
    assert {row["definition"] for row in rows} == {"bookings"}


def test_what_was_issued_and_not_judged_yet_says_so(run: Run) -> None:
    assert "no quarter was judged yet" in run("--source", "live")


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (("--definition", "profit"), "bookings"),
        (("--source", "dreams"), "backtest or live"),
        (("--leg", "dreams"), "served"),
        (("--node", "segment=moon"), "one of total"),
        (("--by", "segment"), "only the total"),
        (("--out", "accuracy.txt"), ".csv"),
    ],
)
def test_a_word_that_means_nothing_is_refused(run: Run, words: Any, known: str) -> None:
    with pytest.raises(UsageError, match=known):
        run(*words)


def test_a_definition_without_a_record_names_those_with_one(run: Run) -> None:
    with pytest.raises(NoForecastError, match=r"bookings \(backtest\)"):
        run("--definition", "revenue")
