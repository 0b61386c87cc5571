"""Rescue work is recorded once, for accounts there are; what came of scores can be asked."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.holdouts import write_holdouts
from ledger.outcomes import write_outcomes
from ledger.runs import publish_run
from ledger.scores import write_scores
from ledger.views import write_at_risk
from lifecycle.errors import NoScoresError, RowsError, TruecastError, UsageError
from service import cli_record, cli_rescue
from service.refresh.place import open_snapshot
from service.refresh.treatments import read_treatments
from tests.builders import account, build_lake
from tests.ledger.deal_story import fill_deals
from tests.ledger.story import (
    DAY,
    contract,
    draw,
    new_ledger,
    new_run,
    outcome,
    publish_both_routes,
    release,
    score,
)
from tests.postgresql import add_settings
from tests.service.refresh.company import place_of

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command over a lake with three accounts; return its JSON."""
    build_lake(tmp_path, accounts=[account(name, DAY) for name in ("C1", "C2", "A1")])

    def ask(*words: object) -> Any:
        given = [*map(str, words), "--data-dir", str(tmp_path), "--json"]
        app = cli_record.app if words[0] == "track-record" else cli_rescue.app
        app(args=given, standalone_mode=False)
        return json.loads(capsys.readouterr().out)

    return ask


def treated(folder: Path) -> dict[str, list[date]]:
    return dict(read_treatments(open_snapshot(place_of(folder), datetime.now(UTC))))


def test_recorded_work_is_in_the_lake_and_the_same_again_changes_nothing(
    tmp_path: Path, run: Run
) -> None:
    words = ("interventions", "record", "C1", "--kind", "call", "--started-at", "2021-05-01")
    assert run(*words) == {"recorded": 1, "given": 1, "held_out": []}
    assert run(*words)["recorded"] == 0
    assert treated(tmp_path) == {"C1": [date(2021, 5, 1)]}


def test_work_of_today_told_twice_is_one(tmp_path: Path, run: Run) -> None:
    words = ("interventions", "record", "C1", "--kind", "call")
    assert [run(*words)["recorded"], run(*words)["recorded"]] == [1, 0]
    today = datetime.now(UTC).date()
    assert run(*words, "--started-at", today)["recorded"] == 0
    assert treated(tmp_path) == {"C1": [today]}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("C1", "--kind", ""), "kind ''"),
        ((), "neither an account nor a file"),
        (("C1", "--kind", "call", "--file", "x.csv"), "an account and a file"),
        (("C1", "--kind", "call", "--cost-minor", "-5"), "0 or more"),
    ],
)
def test_a_refusal_says_what_was_found(run: Run, words: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        run("interventions", "record", *words)


def test_work_counts_from_its_recording_on_unless_told_otherwise(tmp_path: Path, run: Run) -> None:
    done = ("--kind", "visit", "--started-at", "2021-05-01")
    run("interventions", "record", "C1", *done)
    run("interventions", "record", "C2", *done, "--known-at", "2021-05-03")
    then = open_snapshot(place_of(tmp_path), date(2021, 5, 4))
    assert set(read_treatments(then)) == {"C2"}
    before = open_snapshot(place_of(tmp_path), date(2021, 5, 3))
    assert set(read_treatments(before)) == set()


def test_a_file_of_work_is_recorded_whole(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "work.csv"
    path.write_text("account_id,kind,started_at,cost_minor\nC1,call,2021-05-01,\nA1,offer,,500\n")
    assert run("interventions", "record", "--file", path)["recorded"] == 2
    assert set(treated(tmp_path)) == {"A1", "C1"}


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("C1,", RowsError),
        ("C1,call,soon,", RowsError),
        ("C1,call,2999-01-01,", RowsError),
        ("C1,call,,1.5", RowsError),
        ("C1,call,,-5", RowsError),
        ("nobody,call,,", RowsError),
        ("C1' OR 1=1,call,,", RowsError),
    ],
)
def test_a_file_with_a_bad_row_records_nothing(
    tmp_path: Path, run: Run, line: str, error: type[TruecastError]
) -> None:
    path = tmp_path / "work.csv"
    path.write_text(f"account_id,kind,started_at,cost_minor\nC2,call,,\n{line}\n")
    with pytest.raises(error):
        run("interventions", "record", "--file", path)
    assert treated(tmp_path) == {}


@pytest.mark.parametrize(
    "words",
    [
        ("interventions", "record"),
        ("interventions", "record", "C1"),
        ("interventions", "record", "C1", "--kind", "call", "--file", "work.csv"),
        ("interventions", "record", "--file", "missing.csv"),
        ("interventions", "record", "C1", "--kind", "a b"),
        ("track-record", "clv"),
        ("track-record", "deal_win", "--route", "contractual"),
        ("at-risk", "--route", "both"),
        ("at-risk", "--status", "gone"),
        ("at-risk", "--out", "list.xls"),
    ],
)
def test_wrong_words_are_usage_errors(run: Run, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        run(*words)


def test_work_on_a_held_out_account_is_recorded_and_pointed_out(tmp_path: Path, run: Run) -> None:
    write_holdouts(new_ledger(tmp_path), [draw("C1", "held_out"), draw("C2")])
    assert run("interventions", "record", "C1", "--kind", "call")["held_out"] == ["C1"]
    assert run("interventions", "record", "C2", "--kind", "call")["held_out"] == []


def test_the_reports_tell_of_records_and_arms(tmp_path: Path, run: Run) -> None:
    ledger = new_ledger(tmp_path)
    publish_both_routes(ledger)
    write_outcomes(ledger, [outcome(1, "A1"), outcome(1, "C1", route="contractual")])
    assert len(run("track-record", "churn")["records"]) == 4
    assert len(run("track-record", "churn", "--route", "contractual")["records"]) == 2
    report = run("interventions", "report")
    assert [arm["name"] for arm in report["rescue"]["arms"]][:2] == ["held_out", "contact"]
    assert report["synthetic"] is False


def test_the_whole_list_goes_into_a_file(tmp_path: Path, run: Run) -> None:
    publish_both_routes(new_ledger(tmp_path))
    path = tmp_path / "list.csv"
    assert run("at-risk", "--status", "all", "--out", path)["rows"] == 5
    with path.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["account_id"] for row in rows] == ["C2", "A2", "C1", "A1", "C3"]
    assert json.loads(rows[0]["curve"])["90"] == 0.4
    assert [one["account_id"] for one in run("at-risk", "--sort", "days_to_act")["accounts"]] == [
        "C2", "C1", "A1", "A2"]  # fmt: skip


def show(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    cli_rescue.app(args=["at-risk", *words, "--data-dir", str(folder)], standalone_mode=False)
    return capsys.readouterr().out


def test_the_list_shows_names_days_money_and_the_first_reason(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    publish_both_routes(new_ledger(tmp_path))
    shown = show(tmp_path, capsys, "--status", "notice_given")
    for text in ("listed: 1", "2011-12-10", "Days since", "renews or leaves"):
        assert text in shown
    assert str(DAY + timedelta(days=75)) in show(tmp_path, capsys, "--route", "contractual")


def test_an_empty_list_says_so(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_both_routes(new_ledger(tmp_path))
    assert "no account of that status" in show(tmp_path, capsys, "--status", "lapsed")


def test_who_gave_notice_comes_in_the_order_of_ranks(tmp_path: Path, run: Run) -> None:
    ledger = new_ledger(tmp_path)
    release_id, run_id, given = release(ledger), new_run(ledger), {"status": "notice_given"}
    write_scores(ledger, run_id, [score("A1", release_id)])
    rows = [contract(f"C{i}", 0.0, rank=3 - i, **given) for i in range(3)]
    write_at_risk(ledger, run_id, rows)
    publish_run(ledger, run_id)
    listed = run("at-risk", "--status", "notice_given")["accounts"]
    assert [row["account_id"] for row in listed] == ["C2", "C1", "C0"]


def test_risks_and_chances_of_deals_stand_beside_each_other(tmp_path: Path, run: Run) -> None:
    ledger = new_ledger(tmp_path)
    fill_deals(ledger)
    write_outcomes(ledger, [outcome(1, "A1")])
    both = run("track-record")
    assert [one["n"] for one in both["records"]] == [1, 1]
    assert [(one["model_version"], one["n"]) for one in both["deals"]] == [
        ("all", 1),
        ("deals-1", 1),
    ]
    assert run("track-record", "deal_win").keys() == {"synthetic", "deals"}
    assert run("track-record", "churn").keys() == {"synthetic", "records"}


def test_people_read_how_right_chances_were(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, words = new_ledger(tmp_path), ["track-record", "deal_win", "--data-dir", str(tmp_path)]
    cli_record.app(args=words, standalone_mode=False)
    assert "no quarter of deals was judged yet" in capsys.readouterr().out
    fill_deals(ledger)
    cli_record.app(args=words, standalone_mode=False)
    assert "Issued chances to win in the quarter" in capsys.readouterr().out


def test_an_unknown_campaign_is_refused(tmp_path: Path, run: Run) -> None:
    publish_both_routes(new_ledger(tmp_path))
    with pytest.raises(UsageError, match="drew nobody"):
        run("interventions", "report", "--campaign", "spring")


def test_before_the_first_refresh_there_is_no_list(tmp_path: Path, run: Run) -> None:
    new_ledger(tmp_path)
    with pytest.raises(NoScoresError):
        run("at-risk")


def test_made_up_facts_are_called_so(tmp_path: Path, run: Run) -> None:
    add_settings(tmp_path, "synthetic = true\n")
    publish_both_routes(new_ledger(tmp_path))
    assert run("at-risk")["synthetic"] is True
    assert run("track-record", "churn")["synthetic"] is True
