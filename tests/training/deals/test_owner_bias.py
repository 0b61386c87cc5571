"""What owners called a commit and what came of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pyarrow as pa
import pytest

from training.deals.owner_bias import build_owner_quarters, describe_owner_bias
from training.deals.past import DealPast


@pytest.fixture(scope="module")
def rows(past: DealPast) -> pa.Table:
    """Deals of the judged quarters."""
    return build_owner_quarters(past, past.plan.origins)


def test_only_ended_quarters_count(past: DealPast) -> None:
    running = past.plan.origins[-1].shift(1)
    assert build_owner_quarters(past, [running]).num_rows == 0


def test_each_deal_counts_once_a_quarter(rows: pa.Table) -> None:
    told = [(one["opportunity_id"], one["quarter_on"]) for one in rows.to_pylist()]
    assert len(told) == len(set(told)) > 0
    assert set(rows["owner_id"].to_pylist()) == {f"o{n}" for n in range(5)}


def test_only_what_was_won_can_be_won_late(rows: pa.Table) -> None:
    marks = rows.select(["committed", "won", "late"]).to_pylist()
    assert all(set(one.values()) <= {0.0, 1.0} for one in marks)
    assert all(one["late"] <= one["won"] for one in marks)
    assert any(one["late"] for one in marks)


def test_a_deal_handed_over_counts_for_its_last_owner(past: DealPast, rows: pa.Table) -> None:
    frame, third = past.frame, past.plan.judge_days(past.plan.origins[-1])[3]
    moved = [
        "heir" if day >= third else name
        for name, day in zip(frame["owner_id"].to_pylist(), frame["as_of"].to_pylist(), strict=True)
    ]
    place = frame.column_names.index("owner_id")
    changed = replace(past, frame=frame.set_column(place, "owner_id", pa.array(moved)))
    told = build_owner_quarters(changed, past.plan.origins[-1:])
    assert "heir" in told["owner_id"].to_pylist()
    assert (
        told.num_rows
        == rows.filter(
            pa.array([one == past.plan.origins[-1].start for one in rows["quarter_on"].to_pylist()])
        ).num_rows
    )


def test_a_bias_comes_with_its_number_of_deals_and_its_interval(rows: pa.Table) -> None:
    told = describe_owner_bias(rows)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    for one in told:
        assert one["ratio_low"] <= one["ratio"] <= one["ratio_high"]
        assert one["label"] is None or one["deals_count"] >= 8


def test_counts_and_money_are_summed_over_the_quarters(rows: pa.Table) -> None:
    mine = [one for one in rows.to_pylist() if one["owner_id"] == "o1"]
    [told] = [one for one in describe_owner_bias(rows) if one["owner_id"] == "o1"]
    assert told["commit_minor"] == pytest.approx(sum(one["commit_minor"] for one in mine))
    assert told["won_count"] == sum(one["won"] for one in mine)
    assert told["deals_count"] == sum(one["won"] or one["committed"] for one in mine)
