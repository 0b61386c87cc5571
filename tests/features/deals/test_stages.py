"""What a stage's name means, with a map and without one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.days import day_number
from features.deals.facts import DealFacts, read_deal_facts
from features.deals.moves import build_move_columns
from features.deals.stages import StageMap
from features.deals.states import open_rows
from lifecycle.history import History
from tests.features.contracts import snapshot_of
from tests.features.deals.cases import LATE, RENAMED, moved, on, told

DAY = date(2021, 6, 1)
MANY = [f"step-{n:02}" for n in range(30)]
Facts = Callable[..., DealFacts]


@pytest.fixture
def read(tmp_path: Path) -> Facts:
    return lambda **tables: read_deal_facts(snapshot_of(tmp_path, DAY, **tables))


def through(name: str, *stages: str) -> list[dict[str, Any]]:
    """A deal that goes through stages, one every two days."""
    return [told(name, on(3, 1) + timedelta(days=2 * n), stage=one)
            for n, one in enumerate(stages)]  # fmt: skip


def moves_on(facts: DealFacts, day: date) -> dict[str, list[float]]:
    rows = open_rows(facts, np.array([day_number(day)]))
    return {name: values.tolist() for name, values in build_move_columns(facts, rows).items()}


def test_a_name_means_what_the_map_said_on_the_day_it_was_written(cases: History) -> None:
    stages = StageMap.read(cases.as_of(LATE))
    before, after = day_number(RENAMED) - 1.0, float(day_number(RENAMED))
    told_as = [stages.canonical(*one) for one in (("Demo", before), ("Trial", after))]
    assert told_as == ["demo", "demo"]
    assert stages.canonical("Demo", after) == stages.canonical("Trial", before) == "(unmapped)"


def test_a_history_loaded_later_is_read_by_when_it_happened(cases: History) -> None:
    stages = StageMap.read(cases.as_of(LATE))
    loaded, happened = np.array([day_number(LATE)]), np.array([day_number(RENAMED) - 9.0])
    code = stages.codes(pa.array(["Demo"]), loaded.astype(float), happened)
    assert stages.names[int(code[0])] == "demo"


def test_without_a_map_stages_stand_in_the_order_in_which_deals_reach_them(read: Facts) -> None:
    facts = read(opportunities=through("a", "x", "m", "b") + through("b", "x", "b"))
    assert facts.order is not None
    codes = np.array([facts.stages.names.index(name) for name in ("x", "m", "b")], float)
    places = facts.positions(codes, np.full(3, day_number(DAY)))
    assert places.tolist() == [0, 1, 2]


def test_the_learned_order_of_a_day_knows_no_later_deals(read: Facts) -> None:
    facts = read(opportunities=through("a", "x", "m", "b"))
    codes = np.array([facts.stages.names.index(name) for name in ("x", "m", "b")], float)
    places = facts.positions(codes, np.full(3, day_number(on(3, 4))))
    assert places[:2].tolist() == [0, 1]
    assert np.isnan(places[2])


def test_thirty_stages_are_thirty_places(read: Facts) -> None:
    found = moves_on(read(opportunities=through("a", *MANY)), DAY)
    assert found["stage_position"] == [29]
    assert found["stage_moves_count"] == [29]
    assert found["stage_regressions_count"] == [0]


def test_a_stage_that_means_lost_closes_the_deal_although_nobody_says_so(cases: History) -> None:
    facts = read_deal_facts(cases.as_of(LATE))
    rows = open_rows(facts, np.array([day_number(date(2021, 5, 21)), day_number(DAY)]))
    deal = facts.ids.to_pylist().index("lost-by-stage")
    assert deal not in rows.deal.tolist()


def test_a_lake_without_deals_has_an_empty_book(read: Facts) -> None:
    facts = read(opportunities=[])
    assert facts.count == 0
    assert len(open_rows(facts, np.array([day_number(DAY)]))) == 0


def test_deals_told_by_changes_alone_are_deals(read: Facts) -> None:
    facts = read(opportunity_changes=[moved("d", on(4, 1), "stage", "x", "y")])
    assert moves_on(facts, DAY)["stage_moves_count"] == [1]
