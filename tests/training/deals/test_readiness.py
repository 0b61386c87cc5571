"""What the readiness report says is missing, and how much more it takes."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from lifecycle.console import Console
from lifecycle.history import open_history
from lifecycle.snapshot import Snapshot
from tests.builders import build_lake, fact
from training.deals.readiness import describe_readiness, show_readiness


def answered(report: dict) -> dict[str, bool]:  # type: ignore[type-arg]
    return {one["question"]: one["answered"] for one in report["questions"]}


def test_a_company_with_history_can_ask_everything(selling: Snapshot) -> None:
    report = describe_readiness(selling)
    assert all(answered(report).values())
    assert report["history"]["quarters_judged"] >= 4
    assert [rung["ready"] for rung in report["ladder"]][:2] == [True, True]


def test_a_rung_says_how_many_deals_it_lacks(selling: Snapshot) -> None:
    report = describe_readiness(selling)
    last, deals = report["ladder"][-1], report["deals"]
    assert last["more_won"] == max(200 - deals["won"], 0)
    assert last["more_lost"] == max(200 - deals["lost"], 0)


def test_a_table_without_history_can_only_say_who_wins_in_the_end(tmp_path: Path) -> None:
    rows = [fact(date(2021, 6, 1), opportunity_id=f"d{n}", outcome="won") for n in range(9)]
    build_lake(tmp_path, opportunities=rows)
    known = open_history(tmp_path / "lake", zone=ZoneInfo("UTC")).as_of(date(2021, 6, 2))
    report = describe_readiness(known)
    assert [name for name, can in answered(report).items() if can] == ["win_in_the_end"]
    assert report["deals"]["won_never_open"] == 9
    assert "changes" in report["missing"][0]


def test_stages_that_nobody_mapped_are_named(tmp_path: Path) -> None:
    day = date(2021, 1, 4)
    stage = {
        "pipeline": "p",
        "source_stage": "Lead",
        "stage": "lead",
        "position": 0,
        "effective_from": date(2020, 1, 1),
        "is_won": False,
        "is_lost": False,
    }
    deals = [
        fact(day, opportunity_id=f"d{n}", stage=name, outcome="open")
        for n, name in enumerate(["Lead", "Haggling"])
    ]
    build_lake(tmp_path, opportunities=deals, stage_maps=[fact(day, **stage)])
    known = open_history(tmp_path / "lake", zone=ZoneInfo("UTC")).as_of(date(2021, 2, 1))
    report = describe_readiness(known)
    assert report["unmapped_stages"] == ["Haggling"]
    assert report["quality"]["unmapped_share"] == 0.5


def test_the_report_is_plain_json_and_can_be_shown(selling: Snapshot) -> None:
    report = describe_readiness(selling)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    show_readiness(Console(json_mode=True), report)
