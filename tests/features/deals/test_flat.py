"""A deal table without history: only what was known at creation teaches, the rest is audited."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from features.deals.flat import flat_audit_frame, flat_deal_frame, flat_open_frame
from lifecycle.history import open_history
from lifecycle.snapshot import Snapshot
from tests.builders import build_lake, fact

DAY = date(2024, 1, 5)


def deal(opportunity_id: str, outcome: str, **other: Any) -> dict[str, Any]:
    return fact(DAY, opportunity_id=opportunity_id, outcome=outcome, **other)


def told(entity_id: str, name: str, value: float | str, known: str | None = "created") -> Any:
    column = "text" if isinstance(value, str) else "number"
    # the builders take `known` for the day of knowing, so the column is added after
    row = fact(DAY, entity="opportunity", entity_id=entity_id, name=name, **{column: value})
    return {**row, "known": known}


def snapshot_of(folder: Path, *deals: Any, attributes: list[Any]) -> Snapshot:
    lake = build_lake(folder, opportunities=deals, attributes=attributes)
    as_of = datetime(2024, 6, 1, tzinfo=UTC)
    return open_history(lake.root, zone=ZoneInfo("UTC")).as_of(as_of)


def test_closed_deals_are_sorted_with_their_outcome(tmp_path):
    fields = [told("a", "size", 1.0), told("c", "size", 3.0)]
    deals = (deal("c", "won"), deal("a", "lost"), deal("b", "won"), deal("o", "open"))
    frame, outcome = flat_deal_frame(snapshot_of(tmp_path, *deals, attributes=fields))
    assert frame["opportunity_id"].to_pylist() == ["a", "b", "c"]
    assert outcome.tolist() == [0.0, 1.0, 1.0]
    assert np.array_equal(frame["number:size"].to_numpy(), [1.0, np.nan, 3.0], equal_nan=True)


def test_only_what_was_known_at_creation_is_in_the_frame(tmp_path):
    fields = [
        told("a", "region", "North"),
        told("a", "days", 9.0, "closed"),
        told("a", "step", 2.0, "unknown"),
        told("a", "undated", 2.0, None),
    ]
    snapshot = snapshot_of(tmp_path, deal("a", "won", amount_minor=500), attributes=fields)
    frame, _ = flat_deal_frame(snapshot)
    assert frame.column_names == ["opportunity_id", "account_id", "text:region"]
    assert flat_audit_frame(snapshot)[1] == {
        "number:amount_minor": "unknown",
        "number:days": "closed",
        "number:step": "unknown",
        "number:undated": "unknown",
        "text:region": "created",
    }


def test_a_field_is_known_as_late_as_of_its_latest_deal(tmp_path):
    fields = [told("a", "size", 1.0), told("b", "size", 2.0, "closed")]
    snapshot = snapshot_of(tmp_path, deal("a", "won"), deal("b", "lost"), attributes=fields)
    assert flat_deal_frame(snapshot)[0].column_names == ["opportunity_id", "account_id"]


def test_a_name_that_tells_of_the_end_is_not_trusted(tmp_path):
    fields = [told("a", "Loss Reason", "price")]
    snapshot = snapshot_of(tmp_path, deal("a", "lost"), attributes=fields)
    assert flat_audit_frame(snapshot)[1] == {"text:Loss Reason": "closed"}


def test_the_audit_has_the_same_rows(tmp_path):
    fields = [told("a", "size", 1.0), told("b", "size", 2.0), told("b", "days", 2.0, "unknown")]
    snapshot = snapshot_of(tmp_path, deal("b", "won"), deal("a", "lost"), attributes=fields)
    frame, audit = flat_deal_frame(snapshot)[0], flat_audit_frame(snapshot)[0]
    assert audit.select(frame.column_names).equals(frame)


def test_open_deals_have_the_same_columns(tmp_path):
    fields = [told("a", "size", 1.0), told("o", "size", 4.0), told("o", "days", 1.0, "unknown")]
    snapshot = snapshot_of(tmp_path, deal("a", "won"), deal("o", "open"), attributes=fields)
    open_frame = flat_open_frame(snapshot)
    assert open_frame.column_names == flat_deal_frame(snapshot)[0].column_names
    assert open_frame["number:size"].to_pylist() == [4.0]


def test_no_deals_are_an_empty_frame(tmp_path):
    frame, outcome = flat_deal_frame(snapshot_of(tmp_path, deal("o", "open"), attributes=[]))
    assert (frame.num_rows, len(outcome)) == (0, 0)
