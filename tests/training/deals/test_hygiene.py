"""Closes in bulk are one rule: what teaches features no losses teaches outcomes none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.days import day_number
from features.deals.facts import read_deal_facts
from features.deals.standing import standing_on
from features.deals.sweeps import are_bulk, find_sweeps
from tests.training.deals.company import build_selling
from training.deals.known import read_known
from training.deals.turns import LOST


@pytest.mark.parametrize(("plant", "swept"), [("sweep", 30), ("", 0)])
def test_features_and_outcomes_leave_the_same_losses_out(
    tmp_path: Path, plant: str, swept: int
) -> None:
    snapshot = build_selling(tmp_path, plant=plant)
    facts = read_deal_facts(snapshot)
    known = read_known(facts, snapshot.day)
    standing = standing_on(facts, day_number(snapshot.day), find_sweeps(facts))
    lost = np.unique(known.turns.deal[(known.turns.state == LOST) & ~known.hygiene.swept])
    assert known.hygiene.swept.sum() == swept
    np.testing.assert_array_equal(np.flatnonzero(standing.is_lost), lost)


@pytest.mark.parametrize(("usual", "is_bulk"), [(1, True), (300, False)])
def test_bulk_is_what_far_exceeds_a_persons_usual_day(usual: int, is_bulk: bool) -> None:
    found = are_bulk(np.array([25, usual]), np.array([0, 0]), 100.0)
    assert found[0] == is_bulk
