"""What owners committed at week 3 and what came of it."""

from __future__ import annotations

import json

import pytest

from training.deals.owner_bias import build_owner_quarters, describe_owner_bias
from training.deals.past import DealPast


def test_only_ended_quarters_count(past: DealPast) -> None:
    running = past.plan.origins[-1].shift(1)
    assert build_owner_quarters(past, [running]).num_rows == 0


def test_wins_are_of_the_quarter_and_never_more_often_late_than_won(past: DealPast) -> None:
    rows = build_owner_quarters(past, past.plan.origins).to_pylist()
    assert {one["owner_id"] for one in rows} == {f"o{n}" for n in range(5)}
    assert all(one["late_count"] <= one["won_count"] for one in rows)
    assert all(one["commit_won_count"] <= one["commit_count"] for one in rows)


def test_a_bias_comes_with_its_number_of_deals_and_its_interval(past: DealPast) -> None:
    told = describe_owner_bias(build_owner_quarters(past, past.plan.origins))
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    for one in told:
        assert one["ratio_low"] <= one["ratio"] <= one["ratio_high"]
        assert one["label"] is None or one["deals_count"] >= 8


def test_committed_money_is_summed_over_the_quarters(past: DealPast) -> None:
    rows = build_owner_quarters(past, past.plan.origins)
    total = sum(one["commit_minor"] for one in rows.to_pylist() if one["owner_id"] == "o1")
    [mine] = [one for one in describe_owner_bias(rows) if one["owner_id"] == "o1"]
    assert mine["commit_minor"] == pytest.approx(total)
