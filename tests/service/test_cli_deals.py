"""The command of deals: the list, one deal, owners' bias, a file, and what it refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lifecycle.errors import NoScoresError, UsageError
from service.cli_deals import app
from service.cli_jobs import app as jobs
from tests.ledger.deal_story import fill_deals
from tests.ledger.story import new_ledger
from tests.postgresql import add_settings

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Ask the command in a folder whose ledger holds a few deals."""
    ledger = new_ledger(tmp_path)
    fill_deals(ledger)
    ledger.close()
    add_settings(tmp_path, 'currency = "GBP"\nfiscal_year_start_month = 12\n')

    def ask(*words: object) -> str:
        given = ["deals", *map(str, words), "--data-dir", str(tmp_path)]
        app(args=given, standalone_mode=False)
        return capsys.readouterr().out

    return ask


def ids(told: str) -> list[str]:
    return [row["opportunity_id"] for row in json.loads(told)["deals"]]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ["O2", "O4", "O6", "O1", "O5", "O3"]),
        (("--sort", "slip", "--owner", "W1"), ["O1", "O6", "O2", "O5"]),
        (("--sort", "stalled", "--stalled"), ["O3", "O4"]),
        (("--moving", "--kind", "expansion"), ["O5"]),
        (("--quarter", "2012Q2", "--team", "south", "--segment", "large"), ["O4"]),
    ],
)
def test_the_list_can_be_cut_and_ordered(run: Run, words: Any, names: list[str]) -> None:
    assert ids(run(*words, "--json")) == names


def test_people_read_a_table_with_money_in_whole_units(run: Run) -> None:
    told = run("--sort", "amount")
    assert "Open deals as of 2011-12-10: 6" in told
    assert "50,000 GBP" in told
    assert "10,000,000,000,000 USD" in told


def test_an_empty_list_is_told_in_a_line(run: Run) -> None:
    assert "no open deal as of 2011-12-10" in run("--owner", "nobody")


def test_one_deal_shows_chances_evidence_and_moves(run: Run) -> None:
    told = run("O1")
    assert "compare: deals pushed twice: 18 % won" in told
    assert "2011-12-01" in told
    found = json.loads(run("O1", "--json"))
    assert (found["p_win"], found["current"], found["model_version"]) == (0.3, True, "deals-1")
    assert found["scores"] == [{"as_of": "2011-12-03", "p_win": 0.2}]


def test_owners_are_shown_with_n_and_interval(run: Run) -> None:
    assert "happy_ears" in run("--bias")
    (found,) = json.loads(run("--bias", "--owner", "W1", "--json"))["owners"]
    assert (found["deals_count"], found["ratio_low"], found["ratio_high"]) == (31, 0.5, 0.72)


def test_all_deals_go_to_a_file(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "deals.csv"
    assert json.loads(run("--out", out, "--json"))["rows"] == 6
    rows = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    assert (rows[0]["opportunity_id"], rows[0]["amount_minor"]) == ("O2", "5000000")
    assert json.loads(rows[0]["reasons"])[0]["group"] == "close_date"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--kind", "renewal"), "new_business or expansion"),
        (("--quarter", "soon"), "2012Q1"),
        (("--out", "deals.pdf"), ".parquet or .csv"),
        (("nobody",), "truecast deals"),
        (("O1", "--bias"), "ask for them apart"),
        (("O1", "--out", "deals.csv"), "use --json"),
        (("--bias", "--out", "deals.csv"), "use --json"),
    ],
)
def test_a_wrong_word_says_what_was_expected(run: Run, words: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        run(*words)


def test_before_the_first_run_it_says_what_to_run(tmp_path: Path) -> None:
    new_ledger(tmp_path).close()
    with pytest.raises(NoScoresError, match="truecast train deal_win"):
        app(args=["deals", "--data-dir", str(tmp_path)], standalone_mode=False)


def test_scores_of_deals_are_not_asked_of_score() -> None:
    words = ["score", "deal_win", "--as-of", "2020-01-01", "--out", "x.csv"]
    with pytest.raises(UsageError, match="truecast deals"):
        jobs(args=words, standalone_mode=False)
