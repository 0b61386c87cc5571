"""Every odd deal at once: a company that has them all is still learned from, scored and judged."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.deals.facts import read_deal_facts
from features.deals.landmarks import deal_frame
from lifecycle.snapshot import Snapshot
from models.deals.direct import DirectModel
from models.deals.win import DealModel
from service.refresh.deal_outcomes import fates_in_quarter
from tests.builders import Row, account, build_lake, fact
from tests.leakage.worlds import digest
from tests.training.deals.company import TODAY, build_selling, open_selling
from tests.training.deals.conftest import open_deals

OPENED = datetime(2021, 3, 1, 9, tzinfo=UTC)
CLOSED = datetime(2021, 6, 7, 9, tzinfo=UTC)
NAMES = ("homeless", "free", "priceless", "absurd", "past", "far", "mystery", "disordered",
         "reopened", "handed", "dollars", *(f"stage{n}" for n in range(30)))  # fmt: skip


def told(name: str, known: datetime = OPENED, **other: Any) -> Row:
    row = {"opportunity_id": name, "account_id": "a-odd", "owner_id": "o1", "created_at": OPENED,
           "stage": "Lead", "outcome": "open", "currency": "GBP", "amount_minor": 100_000,
           "close_on": date(2022, 2, 1), "kind": "new_business"}  # fmt: skip
    return fact(known, **{**row, **other})


def moved(name: str, days: int, field: str, before: str, after: str, **other: Any) -> Row:
    at = OPENED + timedelta(days=days)
    row = {"change_id": f"{name}-{days}", "opportunity_id": name, "changed_at": at,
           "field": field, "text_before": before, "text_after": after}  # fmt: skip
    return fact(at, **{**row, **other})


def odd_facts() -> dict[str, list[Row]]:
    late = {"known": OPENED + timedelta(days=40)}
    return {
        "accounts": [account("a-odd", OPENED), account("a-without-deals", OPENED)],
        "opportunities": [
            told("homeless", account_id=None),
            told("free", amount_minor=0),
            told("priceless", amount_minor=None),
            told("absurd", amount_minor=10**15),
            told("past", close_on=date(1900, 1, 1)),
            told("far", close_on=date(2999, 1, 1)),
            told("mystery", stage="Phase 17"),
            told("dollars", currency="USD"),
            told("disordered"),
            told("reopened"),
            told("handed"),
            told("handed", CLOSED, outcome="won", closed_at=CLOSED, owner_id="o4"),
            *(told(f"stage{n}", stage=f"Step {n}") for n in range(30)),
        ],
        "opportunity_changes": [
            moved("disordered", 30, "stage", "Demo", "Offer"),
            moved("disordered", 10, "stage", "Lead", "Demo", **late),
            moved("reopened", 20, "outcome", "open", "lost"),
            moved("reopened", 50, "outcome", "lost", "open"),
        ],
    }


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("odd")
    build_selling(folder)
    build_lake(folder, batch="b2", **odd_facts())
    return open_selling(folder).as_of(TODAY)


def test_odd_deals_are_learned_from_and_scored(odd: Snapshot) -> None:
    model = DealModel(DirectModel("logistic")).fit(open_deals(odd).learned())
    frame: pa.Table = deal_frame(odd)
    names = frame["opportunity_id"].to_pylist()
    assert set(NAMES) - set(names) == {"handed"}  # which was won
    chance = np.asarray(model.predict(frame))
    assert np.isfinite(chance).all()
    assert ((chance >= 0) & (chance <= 1)).all()


def test_what_came_of_odd_deals_is_defined(odd: Snapshot) -> None:
    facts = read_deal_facts(odd)
    fates = fates_in_quarter(facts, date(2021, 4, 1), date(2021, 7, 1))
    assert {name for name in NAMES if fates[name].won} == {"handed"}
    assert fates["handed"].closed_on == CLOSED.date()
    assert fates["reopened"].closed_on is None


def test_an_account_without_deals_changes_nothing(odd: Snapshot, tmp_path: Path) -> None:
    facts = odd_facts()
    facts["accounts"].pop()
    build_selling(tmp_path)
    build_lake(tmp_path, batch="b2", **facts)
    without = deal_frame(open_selling(tmp_path).as_of(TODAY))
    assert digest(without) == digest(deal_frame(odd))
