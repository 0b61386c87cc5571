"""The commands of the quarter: computed from a small lake, or read from what was kept."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lifecycle.errors import NoForecastError, UsageError
from service.cli_forecast import app
from tests.builders import build_lake
from tests.ledger.story import new_ledger
from tests.models.forecast.company import wavy_orders
from tests.postgresql import add_settings
from tests.service.quarter import BEFORE, fill_quarter

Run = Callable[..., str]
AS_OF = ("--as-of", "2010-12-20")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of a year of orders, and a ledger with another company's quarter of deals."""
    made = tmp_path_factory.mktemp("data")
    build_lake(made, orders=wavy_orders(400))
    ledger = new_ledger(made)
    fill_quarter(ledger)
    ledger.close()
    add_settings(made, 'currency = "GBP"\nfiscal_year_start_month = 12\n')
    return made


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def ask(*words: object) -> str:
        given = [*map(str, words), "--data-dir", str(folder)]
        app(args=given, standalone_mode=False)
        return capsys.readouterr().out

    return ask


def test_people_read_the_quarter_its_parts_and_why_this_leg(run: Run) -> None:
    told = run("forecast", *AS_OF, "--period", "2011Q1")
    assert "The quarter as of 2010-12-20 (GBP)" in told
    assert "combined is served; not yet judged" in told
    assert "known_customers" in told
    assert "by segment" in told
    assert "no past quarter was judged at week 2" in told


def test_intervals_and_legs_come_on_request(run: Run) -> None:
    told = run("forecast", *AS_OF, "--period", "2011Q1", "--intervals", "--legs")
    assert "95 %" in told
    assert "last_quarter" in told
    assert "├" in told


def test_machines_read_nodes_that_add_up_with_the_record(run: Run) -> None:
    told = json.loads(run("forecast", *AS_OF, "--period", "2011Q1", "--json"))
    (one,) = told["forecasts"]
    total, *nodes = one["nodes"]
    assert (one["definition"], one["period"], total["node"]) == ("orders", "2011Q1", "total")
    assert sum(node["mean_minor"] for node in nodes) == pytest.approx(total["mean_minor"])
    assert sum(total["parts"].values()) == pytest.approx(total["mean_minor"])
    assert one["track_record"]["at_this_week"] is None


def test_a_file_holds_every_node_and_leg(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "quarter.csv"
    told = json.loads(run("forecast", *AS_OF, "--period", "2011Q1", "--out", out, "--json"))
    rows = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    assert len(rows) == told["rows"] == len({(row["node"], row["leg"]) for row in rows})
    assert {row["node"] for row in rows} == {"total", "segment=a", "segment=b"}
    assert all(float(row["q0.025"]) <= float(row["p50"]) <= float(row["q0.975"]) for row in rows)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--definition", "profit"), "profit"),
        (("--by", "moon"), "moon"),
        (("--period", "soon"), "soon"),
        (("--out", "quarter.txt"), "quarter.txt"),
    ],
)
def test_a_word_that_means_nothing_is_refused(run: Run, words: Any, found: str) -> None:
    with pytest.raises(UsageError, match=found):
        run("forecast", *AS_OF, *words)


def test_what_the_facts_do_not_tell_is_refused_with_what_they_do(run: Run) -> None:
    with pytest.raises(NoForecastError, match="one of orders"):
        run("forecast", *AS_OF, "--period", "2011Q1", "--definition", "bookings")
    with pytest.raises(UsageError, match="one of segment"):
        run("forecast", *AS_OF, "--period", "2011Q1", "--by", "owner")


def test_what_moved_is_told_cause_by_cause(run: Run) -> None:
    told = run("changes", "2012Q1", "--since", BEFORE)
    assert "deals whose expected close left the quarter" in told
    assert "mean 90 → 100: 10" in told
    document = json.loads(run("changes", "2012Q1", "--since", BEFORE, "--json"))
    assert sum(one["minor"] for one in document["parts"]) == document["difference_minor"]


def test_the_gap_is_told_with_levers_and_the_plain_sentence(run: Run) -> None:
    told = run("gap", "2012Q1")
    assert "+1 point win rate" in told
    assert "new pipeline cannot close this gap; it feeds next quarter" in told
    assert "a gap of 10 to P50: 6 stays open" in told
    assert "target euro is not held against it: it is in EUR, the forecast in GBP" in told
    assert json.loads(run("gap", "2012Q1", "--json"))["gap"]["main_target"] == "plan"


@pytest.mark.parametrize("words", [("gap", "2012Q1", "--as-of", BEFORE), ("gap", "2019Q1")])
def test_a_gap_that_was_never_computed_says_so(run: Run, words: Any) -> None:
    with pytest.raises(NoForecastError):
        run(*words)
