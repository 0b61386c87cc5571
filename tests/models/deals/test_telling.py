"""Which way each column of a deal speaks, and what is no reason at all."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features.deal_columns import DEAL_COLUMNS
from models.base import Explanation
from models.deals.telling import DEALS, explain_columns, put_plainly
from models.reasons import tell_reasons


def test_only_columns_of_the_frame_speak_for_or_against_a_deal() -> None:
    assert set(DEALS.engaged) <= {column.name for column in DEAL_COLUMNS}


@pytest.mark.parametrize(
    ("column", "more_helps"),
    [("replies_28d_count", True), ("two_way_peer_ratio", True), ("reply_hours", False),
     ("edit_days", False)],
)  # fmt: skip
def test_more_of_a_column_helps_or_hurts(column: str, more_helps: bool) -> None:
    assert DEALS.engaged[column] == (-1 if more_helps else 1)


def explain(frame: pa.Table, column: str) -> Explanation:
    """What a model says that moves the first deal by one column."""
    parts = np.zeros((frame.num_rows, 1))
    parts[0] = 1.0
    return explain_columns(0.0, (column,), parts)


def test_an_own_field_that_the_model_leaves_out_is_never_shown() -> None:
    numbers = np.arange(8.0)
    frame = pa.table({"number:crm id": numbers, "text:plan": ["pro", *["basic"] * 7]})
    reasons = tell_reasons(explain(frame, "text:plan"), frame, unit="probability")
    assert [one["column"] for one in reasons[0]] == ["text:plan"]
    alone = frame.select(["number:crm id"])
    assert tell_reasons(explain(alone, "text:gone"), alone, unit="probability")[0] == []


@pytest.mark.parametrize("ratio", [705.0, 710.0, 1e308])
def test_a_change_of_the_amount_beyond_all_numbers_is_told_without_one(ratio: float) -> None:
    _, label, value, usual = put_plainly(("amount_change_log", "log", ratio, -ratio))
    assert label == "change of the amount since the first one told, in percent"
    assert np.isnan(value)
    assert usual == -100.0
    frame = pa.table({"amount_change_log": [ratio, *[0.0] * 7]})
    reasons = tell_reasons(explain(frame, "amount_change_log"), frame, unit="probability")
    assert [one["value"] for one in reasons[0]] == [None]
