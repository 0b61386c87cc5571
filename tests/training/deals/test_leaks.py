"""Leaks of deals, planted one by one: each is caught by the alarm or kept out by a rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lifecycle.errors import RefusedError
from lifecycle.snapshot import Snapshot
from tests.training.deals.company import build_selling
from tests.training.deals.conftest import open_deals
from training.alarm import Finding, check_alarm
from training.deals.alarm import find_deal_leaks
from training.deals.past import DealPast


def find(known: Snapshot, past: DealPast) -> list[Finding]:
    every = past.examples(list(past.plan.landmarks), past.plan.as_of)
    return find_deal_leaks(known, past.facts, every)


def test_an_honest_record_rings_nothing(selling: Snapshot, past: DealPast) -> None:
    assert find(selling, past) == []


@pytest.mark.parametrize(
    ("plant", "rule", "field"),
    [
        ("told_close", "told_close", "close_on"),
        ("final_amount", "rewritten", "amount"),
        ("remark", "overwritten", "text:remark"),
    ],
)
def test_a_planted_leak_rings(tmp_path: Path, plant: str, rule: str, field: str) -> None:
    known = build_selling(tmp_path, plant=plant)
    found = find(known, open_deals(known))
    assert (rule, field) in [(one.rule, one.field) for one in found]
    with pytest.raises(RefusedError):
        check_alarm([one.to_json() for one in found])


def test_deals_opened_already_closed_are_on_no_landmark_and_counted(tmp_path: Path) -> None:
    past = open_deals(build_selling(tmp_path, plant="born_closed"))
    met = past.frame.column("opportunity_id").to_pylist()
    assert not [name for name in met if name.startswith("x")]
    assert past.left_out["created_and_closed"] >= 30


def test_deals_swept_away_teach_no_losses(tmp_path: Path) -> None:
    past = open_deals(build_selling(tmp_path, plant="sweep"))
    examples = past.examples(list(past.plan.landmarks), past.plan.as_of)
    mine = np.array([n.startswith("x") for n in examples.frame["opportunity_id"].to_pylist()])
    assert examples.outcomes is not None
    assert mine.any()
    assert np.isnan(examples.outcomes.column("won").to_numpy()[mine]).all()
    assert past.known(past.plan.as_of).hygiene.to_json()["deals_count"] == 30
