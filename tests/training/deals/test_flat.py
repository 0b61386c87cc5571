"""Deal tables without history: what they train, how they are judged, what tells too much."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from features.deals.facts import read_deal_facts
from lifecycle.errors import UsageError
from lifecycle.history import open_history
from lifecycle.snapshot import Snapshot
from tests.builders import Row, build_lake, fact, noon
from training.deals.audit import audit_unknown
from training.deals.command import is_flat, train_deal_win
from training.deals.flat import FlatDeals, FlatSplit, read_flat, split_flat, split_random
from training.deals.flat_alarm import find_told_length
from training.deals.known import read_known
from training.train import TrainOutputs, TrainResult

ARRIVED, TODAY = date(2021, 6, 1), date(2021, 6, 2)
DEALS = 500


def build_flat(folder: Path, *, dated: bool = False, signal: float = 1.5) -> Snapshot:
    """Closed deals with one honest field, one that nobody can date and one that is known late."""
    deals: list[Row] = []
    fields: list[Row] = []
    for number in range(DEALS):
        draw, who = random.Random(number), f"d{number:03}"
        size = draw.gauss(0.0, 1.0)
        won = draw.random() < 1 / (1 + 2.718 ** (-signal * size))
        born = date(2020, 1, 1) + timedelta(days=number)
        days = {
            "created_at": noon(born),
            "closed_at": noon(born + timedelta(days=10 + number % 20)),
        }
        deals.append(
            fact(
                ARRIVED,
                opportunity_id=who,
                outcome="won" if won else "lost",
                **(days if dated else {}),
            )
        )
        told = {
            "size": (size, "created"),
            "stage days": (won + draw.gauss(0, 0.3), "unknown"),
            "noise": (draw.random(), "unknown"),
            "fate": (float(won), "closed"),
        }
        fields += [
            fact(
                ARRIVED, entity="opportunity", entity_id=who, name=name, number=value, known=ARRIVED
            )
            | {"known": when}
            for name, (value, when) in told.items()
        ]
    build_lake(folder, batch="b1", opportunities=deals, attributes=fields)
    return open_history(folder / "lake", zone=ZoneInfo("UTC")).as_of(TODAY)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_flat(tmp_path_factory.mktemp("flat"))


@pytest.fixture(scope="module")
def trained(known: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train_deal_win(known, out=TrainOutputs(tmp_path_factory.mktemp("bundles")))


def test_only_fields_known_at_creation_teach(known: Snapshot) -> None:
    deals, _ = read_flat(known)
    assert deals.columns == {"number:size": "created"}


def test_a_table_without_history_trains_the_end_alone(trained: TrainResult) -> None:
    card = trained.card
    assert (card["candidate"], card["flat"]) == ("deal_flat", True)
    assert set(card["unanswered"]) == {"win_in_quarter", "win_by_day", "slip", "amount"}
    assert card["pooled_auc"] > 0.75


def test_folds_at_random_are_marked_as_not_time_honest(trained: TrainResult) -> None:
    assert trained.card["time_honest"] is False
    assert "not time-honest" in trained.card["gate"]["note"]


def test_the_audit_ranks_a_column_that_knows_the_end_first(trained: TrainResult) -> None:
    first, second = trained.card["audit"]
    assert (first["field"], first["suspect"]) == ("number:stage days", True)
    assert second["field"] == "number:noise"
    assert abs(second["auc_lost"]) < first["auc_lost"] / 4


def test_what_is_known_only_at_the_close_is_not_even_audited(known: Snapshot) -> None:
    every, when = read_flat(known, audit=True)
    assert when["number:fate"] == "closed"
    assert "number:fate" not in [one.field for one in audit_unknown(every.examples, when)]


def test_a_split_by_time_needs_dates(known: Snapshot) -> None:
    deals, _ = read_flat(known)
    with pytest.raises(UsageError):
        split_flat(deals, FlatSplit("time"))


def test_with_dates_deals_are_judged_by_deals_closed_before_they_were_opened(
    tmp_path: Path,
) -> None:
    deals: FlatDeals = read_flat(build_flat(tmp_path, dated=True))[0]
    parts, honest = split_flat(deals, FlatSplit())
    assert honest
    for part in parts:
        assert deals.closed[part.learned].max() < deals.opened[part.judged].min()
    assert split_flat(deals, FlatSplit("random"))[1] is False


def test_folds_hold_every_deal_once_and_the_same_share_of_won() -> None:
    label = np.repeat([0.0, 1.0], [300, 100])
    parts = split_random(label)
    assert sorted(np.concatenate([part.judged for part in parts]).tolist()) == list(range(400))
    assert {float(label[part.judged].mean()) for part in parts} == {0.25}


def test_without_signal_the_base_rate_serves(tmp_path: Path) -> None:
    none = build_flat(tmp_path, signal=0.0)
    card = train_deal_win(none, out=TrainOutputs(tmp_path / "bundles")).card
    assert card["candidate"] == "base_rate"
    assert "no usable signal" in card["gate"]["text"]


def test_deals_closed_when_first_heard_of_make_a_table_flat(
    known: Snapshot, selling: Snapshot
) -> None:
    assert is_flat(read_deal_facts(known))
    assert not is_flat(read_deal_facts(selling))
    assert len(read_known(read_deal_facts(known), TODAY).turns.state) == DEALS


def test_a_field_that_tells_how_long_a_deal_was_open_rings(tmp_path: Path) -> None:
    honest, _ = read_flat(build_flat(tmp_path, dated=True))
    assert find_told_length(honest) == []
    lasted = honest.closed - honest.opened
    frame = honest.examples.frame.append_column("number:age", pa.array(lasted * 24.0 + 1.0))
    leaking = replace(honest, examples=replace(honest.examples, frame=frame))
    assert [(one.rule, one.field) for one in find_told_length(leaking)] == [
        ("told_length", "number:age")
    ]
