"""The commands of scenarios, on a forecast whose inputs were kept; no lake is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lifecycle.errors import ConflictError, NoForecastError, UsageError
from service.cli_scenarios import app
from tests.postgresql import add_settings
from tests.service.kept_quarter import PERIOD, keep_quarter

Run = Callable[..., str]
WHY = ("--rationale", "verbal yes", "--author", "kim", "--period", PERIOD)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    keep_quarter(made).close()
    add_settings(made, 'currency = "GBP"\n')
    return made


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def ask(*words: object) -> str:
        given = ["scenarios", *map(str, words), "--data-dir", str(folder)]
        app(args=given, standalone_mode=False)
        return capsys.readouterr().out

    return ask


def told(run: Run, *words: object) -> Any:
    return json.loads(run(*words, "--json"))


def test_a_scenario_is_saved_run_and_shown_with_its_interval(run: Run) -> None:
    run("add", "both sign", *WHY, "--won", "D1", "--won", "D2")
    ran = told(run, "run", "both sign")
    assert ran["result"]["delta"]["p50_minor"] > 0
    assert ran["result"]["delta"]["p_hit"] > 0
    shown = told(run, "show", "both sign")
    assert shown["rationale"] == "verbal yes"
    assert [one["result"] for one in shown["runs"]] == [ran["result"]]


def test_people_read_base_scenario_and_difference(run: Run) -> None:
    run("add", "D3 goes", *WHY, "--lost", "D3")
    text = run("run", "D3 goes")
    assert all(word in text for word in ("base", "scenario", "delta", "P(hit)", "owner=R2"))
    assert "because: verbal yes" in run("show", "D3 goes")


def test_every_kind_of_supposition_can_be_said(run: Run) -> None:
    saved = told(run, "add", "all of it", *WHY, "--move", "D5=2012Q2", "--amount", "D6=1200.50",
                 "--won", "D6", "--shock", "win=-0.2", "--hiring", "1.5@8", "--pipeline", "5000",
                 )["change"]  # fmt: skip
    assert {"deal": "D6", "to": "won", "amount_minor": 120_050} in saved["deals"]
    assert {"deal": "D5", "to": "2012Q2", "amount_minor": None} in saved["deals"]
    assert (saved["hiring_factor"], saved["hiring_from_week"]) == (1.5, 8)
    assert (saved["shocks"], saved["extra_pipeline_minor"]) == ({"win": -0.2}, 500_000)
    assert "delta" in told(run, "run", "all of it")["result"]


def test_the_list_says_what_each_came_to(run: Run) -> None:
    run("add", "not run", *WHY, "--won", "D9")
    found = {one["name"]: one["last"] for one in told(run, "list")["scenarios"]}
    assert found["not run"] == []
    assert "not run" in run("list", "--period", PERIOD)
    assert told(run, "list", "--period", "2013Q1")["scenarios"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--won", "D99"), "does not know: 'D99'"),
        (("--won", "W1"), "was won before 2012-02-12"),
        (("--save", "A1"), "accounts"),
        (("--move", "D1=2011Q4"), "2012Q1 or later"),
    ],
)
def test_what_the_forecast_does_not_hold_is_told_when_it_is_run(
    run: Run, words: tuple[str, ...], said: str
) -> None:
    name = f"of {words[1]}"
    run("add", name, *WHY, *words)
    with pytest.raises(UsageError, match=said):
        run("run", name)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--won", "D1", "--lost", "D1"), "won and lost"),
        (("--amount", "D1"), "NAME=VALUE"),
        (("--amount", "D1=much"), "a number"),
        (("--hiring", "2@soon"), "FACTOR@WEEK"),
        (("--shock", "weather=1"), "weather"),
        (("--definition", "orders", "--won", "D1"), "one of bookings"),
        ((), "supposes nothing"),
    ],
)
def test_what_makes_no_sense_is_told_when_it_is_saved(
    run: Run, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        run("add", "no sense", *WHY, *words)


def test_an_empty_rationale_is_refused(run: Run) -> None:
    given = ("--rationale", " ", "--author", "kim", "--period", PERIOD)
    with pytest.raises(UsageError, match="rationale"):
        run("add", "no reason", *given, "--won", "D1")


def test_a_name_stays_with_its_scenario(run: Run) -> None:
    run("add", "mine", *WHY, "--won", "D1")
    run("add", "mine", *WHY, "--won", "D1")
    with pytest.raises(ConflictError):
        run("add", "mine", *WHY, "--won", "D2")


def test_a_quarter_without_kept_inputs_cannot_be_run(run: Run) -> None:
    late = ("--rationale", "r", "--author", "a", "--period", "2012Q3")
    run("add", "too far", *late, "--won", "D1")
    with pytest.raises(NoForecastError, match="no simulation inputs"):
        run("run", "too far")
