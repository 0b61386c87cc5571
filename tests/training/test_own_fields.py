"""The card tells what became of a company's own fields, and is silent without any."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lifecycle.history import open_history
from lifecycle.snapshot import Snapshot
from models.baselines import BaseRate
from tests.builders import build_lake, fact
from training.own_fields import describe_own_fields, own_field_lines

START, DAY = date(2021, 1, 1), date(2021, 6, 1)
REPORT = [
    {"field": "segment", "fate": "pooled", "reason": "2 values, 0 rare ones as one", "values": 2},
    {"field": "number:size", "fate": "kept", "reason": "a number", "values": 0},
    {"field": "text:plan", "fate": "pooled", "reason": "3 values, 4 rare ones as one", "values": 3},
    {"field": "text:mail", "fate": "dropped", "reason": "names or reaches a person", "values": 0},
]


@dataclass
class Reporting:
    """A fitted model, as far as the card asks it about fields."""

    report: list[dict[str, Any]] = field(default_factory=lambda: REPORT)


def known(folder: Path, *names: str) -> Snapshot:
    told = [
        fact(START, entity="account", entity_id="a1", name=name, number=1.0, text=None)
        for name in names
    ]
    build_lake(folder, attributes=told)
    return open_history(folder / "lake", zone=ZoneInfo("UTC")).as_of(DAY)


def test_pooled_dropped_and_forbidden_fields_are_told(tmp_path: Path) -> None:
    described = describe_own_fields(known(tmp_path, "size", "churned"), Reporting())
    fates = {one["field"]: one["fate"] for one in described["own_fields"]}
    assert fates == {
        "number:size": "kept",
        "text:plan": "pooled",
        "text:mail": "dropped",
        "churned of account": "forbidden",
    }


def test_the_card_has_a_line_for_each_fate(tmp_path: Path) -> None:
    described = describe_own_fields(known(tmp_path, "size"), Reporting())
    assert own_field_lines(described["own_fields"]) == [
        "Own fields:",
        "- read as numbers: size",
        "- common values kept, rare ones as one: plan (3 values, 4 rare ones as one)",
        "- left out: mail (names or reaches a person)",
        "",
    ]


def test_without_own_fields_nothing_is_said(tmp_path: Path) -> None:
    assert describe_own_fields(known(tmp_path), BaseRate()) == {}
    assert describe_own_fields(known(tmp_path, "size"), BaseRate()) == {}
    assert own_field_lines([]) == []
