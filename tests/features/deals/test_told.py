"""Accounts' frames see deals as the deals' own frame does, whichever tables tell of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from features.clock import contract_clock_at
from features.days import day_number
from features.deals.facts import read_deal_facts, rows_of
from features.deals.fields import OUTCOMES
from features.deals.told import build_deals_told
from features.merges import build_merges
from features.pipeline import build_pipeline
from lifecycle.history import History, open_history
from lifecycle.snapshot import Snapshot
from tests.features.deals.cases import DAY, EARLY, LATE, write_cases
from tests.lifecycle.deal_exports import take_example

BORN, MOVED, SOLD = "2024-01-05T09:00:00Z", "2024-02-01T09:00:00Z", "2024-03-01T09:00:00Z"


def pipeline_on(folder: Path, day: date) -> dict[str, Any]:
    snapshot = open_history(folder / "lake", zone=ZoneInfo("UTC")).as_of(day)
    clock = contract_clock_at(snapshot)
    built = build_pipeline(snapshot, clock, build_merges(snapshot, clock.as_of))
    return dict(snapshot.collect(built).to_pylist()[0])


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> History:
    return write_cases(tmp_path_factory.mktemp("cases"))


@pytest.fixture(scope="module")
def hubspot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An expansion whose state only HubSpot's property history tells."""
    folder = tmp_path_factory.mktemp("hubspot")
    header = "deal_id,company_id,createdate,dealtype"
    take_example(folder, "hubspot_deals", header, f"7,a1,{BORN},existingbusiness")
    lines = [f"7,hs_is_closed_won,false,{BORN},u1", f"7,hs_is_closed_won,true,{SOLD},u1"]
    for at, amount, close in ((BORN, 1000, "2024-03-31"), (MOVED, 1500, "2024-06-30")):
        lines += [f"7,amount,{amount},{at},u1", f"7,closedate,{close}T00:00:00Z,{at},u1"]
    take_example(folder, "hubspot_deal_history", "deal_id,property,value,timestamp,user_id", *lines)
    return folder


def test_a_history_of_properties_closes_a_deal(hubspot: Path) -> None:
    row = pipeline_on(hubspot, date(2024, 3, 5))
    assert (row["expansion_open_count"], row["expansion_won_365d_count"]) == (0, 1)


def test_a_close_is_not_seen_before_it_was_known(hubspot: Path) -> None:
    row = pipeline_on(hubspot, date(2024, 3, 1))
    assert (row["expansion_open_count"], row["expansion_won_365d_count"]) == (1, 0)


def test_a_history_of_properties_tells_amount_and_pushes(hubspot: Path) -> None:
    before, after = (pipeline_on(hubspot, date(2024, month, 1)) for month in (2, 3))
    assert (before["expansion_open_minor"], after["expansion_open_minor"]) == (100_000, 150_000)
    assert (before["deal_pushes_count"], after["deal_pushes_count"]) == (0, 1)


@pytest.mark.parametrize("day", [EARLY, DAY, LATE])
def test_both_frames_agree_on_how_each_deal_stands(cases: History, day: date) -> None:
    snapshot = cases.as_of(day)
    told = snapshot.collect(build_deals_told(snapshot, contract_clock_at(snapshot))).to_pylist()
    found = {row["opportunity_id"]: row for row in told}
    del found["slipped-key"]  # an absurd amount is in its latest version, another one before it
    stand = how_they_stand(snapshot, list(found))
    columns = ("outcome", "amount_minor", "close_day")
    assert {name: tuple(row[c] for c in columns) for name, row in found.items()} == stand


def how_they_stand(snapshot: Snapshot, names: list[str]) -> dict[str, tuple[Any, ...]]:
    """Outcome, amount and close date of deals as the deals' own facts tell them."""
    facts = read_deal_facts(snapshot)
    codes = np.flatnonzero(np.isin(facts.ids.to_pylist(), names))
    rows = rows_of(facts, codes, np.full(len(codes), day_number(snapshot.day)))
    outcome = OUTCOMES.take(np.nan_to_num(facts.at("outcome", rows)).astype(int)).to_pylist()
    numbers = [
        [None if np.isnan(value) else value for value in facts.at(field, rows)]
        for field in ("amount", "close_on")
    ]
    told = zip(outcome, *numbers, strict=True)
    return dict(zip(facts.ids.take(rows.deal).to_pylist(), told, strict=True))
