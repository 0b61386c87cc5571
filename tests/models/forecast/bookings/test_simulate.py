"""Drawing a quarter from kept inputs, and drawing it again with something changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lifecycle.errors import DataError, UsageError
from models.forecast.bookings.inputs import BookingsInputs
from models.forecast.bookings.simulate import PARTS, simulate_bookings
from models.forecast.whatif import Change

NODES = ("total", "segment=big", "segment=small")


def make(**other: object) -> BookingsInputs:
    """Forty deals at even odds, ten more to come."""
    count, rng = 40, np.random.default_rng(5)
    plain = {
        "origin_day": 100, "start_day": 90, "end_day": 181, "nodes": NODES,
        "deal_id": np.array([f"d{n}" for n in range(count)], dtype=object),
        "stage": np.array(["demo", "offer"] * (count // 2), dtype=object),
        "owner": np.array(["ann"] * count, dtype=object),
        "places": 1 + np.arange(count).reshape(-1, 1) % 2, "log_odds": np.zeros(count),
        "next_chance": np.full(count, 0.1), "amount_minor": rng.uniform(50, 150, count) * 1_000,
        "haircut": np.full(count, 0.9), "due": np.ones(count, bool),
        "slipped": np.zeros(count, bool), "noise_sd": 0.3,
        "pool_amount": np.array([40_000.0, 60_000.0]), "pool_day": np.array([20, 60]),
        "pool_places": np.array([[1], [2]]), "pool_expected": 10.0, "pool_sd": 0.15,
        "created_yield": 0.2, "to_date_minor": np.array([500_000.0, 200_000.0, 300_000.0]),
        "win": 0.0, "win_sd": 0.2, "amount_sd": 0.05, "pool_power": 0.5,
    }  # fmt: skip
    return BookingsInputs(**{**plain, **other})  # type: ignore[arg-type]


def mean(inputs: BookingsInputs, **change: object) -> float:
    drawn = simulate_bookings(inputs, draws=4_000, seed=1, change=Change(**change))  # type: ignore[arg-type]
    return float(drawn.draws[0].mean())


def test_the_mean_is_what_was_put_in() -> None:
    inputs, drawn = make(win_sd=0.0), simulate_bookings(make(win_sd=0.0), draws=20_000, seed=1)
    expected = 0.5 * 0.9 * inputs.amount_minor.sum()
    assert drawn.parts["open_deals"][0] == pytest.approx(expected, rel=0.01)
    assert drawn.parts["to_be_created"][0] == pytest.approx(500_000, rel=0.02)


def test_noise_of_amounts_does_not_move_the_mean() -> None:
    means = [mean(make(noise_sd=sd, amount_sd=sd)) for sd in (0.0, 0.5)]
    assert means[1] == pytest.approx(means[0], rel=0.02)


def test_segments_add_up_to_the_total_in_every_draw() -> None:
    draws = simulate_bookings(make(), draws=500, seed=1).draws
    np.testing.assert_allclose(draws[1:].sum(axis=0), draws[0], rtol=1e-12)


def test_the_parts_add_up() -> None:
    drawn = simulate_bookings(make(), draws=500, seed=1)
    total = np.sum([drawn.parts[name] for name in PARTS], axis=0)
    np.testing.assert_allclose(total, drawn.draws.mean(axis=1), rtol=1e-12)


def test_common_shocks_widen_and_do_not_move() -> None:
    calm, rough = (simulate_bookings(make(win_sd=sd), draws=8_000, seed=1) for sd in (0.0, 0.5))
    assert rough.draws[0].std() > 1.2 * calm.draws[0].std()
    assert rough.draws[0].mean() == pytest.approx(calm.draws[0].mean(), rel=0.03)


def test_a_deal_made_sure_changes_only_the_draws_that_lost_it() -> None:
    inputs = make()
    base, sure = (
        simulate_bookings(inputs, draws=1_000, seed=1, change=one).draws[0]
        for one in (Change(), Change(outcomes={"d3": "won"}))
    )
    assert 0.3 < np.mean(sure > base + 1) < 0.7
    assert (sure >= base - 1e-6).all()


@pytest.mark.parametrize("outcome", ["lost", "moved"])
def test_a_deal_out_of_the_quarter_brings_nothing(outcome: str) -> None:
    inputs = make()
    brought = mean(inputs) - mean(inputs, outcomes={"d3": outcome})
    assert brought == pytest.approx(0.5 * 0.9 * inputs.amount_minor[3], rel=0.1)


def test_better_odds_in_a_stage_lift_only_that_stage() -> None:
    inputs = make()
    base, better = (
        simulate_bookings(inputs, draws=4_000, seed=1, change=one).draws.mean(axis=1)
        for one in (Change(), Change(stage_log_odds={"demo": 1.0}))
    )
    assert better[1] > base[1] * 1.1
    assert better[2] == pytest.approx(base[2], rel=1e-12)


def test_more_pipeline_brings_its_usual_yield() -> None:
    inputs = make()
    brought = mean(inputs, extra_pipeline_minor=1_000_000.0) - mean(inputs)
    assert brought == pytest.approx(200_000, rel=0.05)


def test_hiring_counts_from_its_week_on() -> None:
    inputs = make()
    brought = mean(inputs, creation_factor=2.0, creation_from_week=5) - mean(inputs)
    assert brought == pytest.approx(300_000, rel=0.05)


def test_a_shock_can_be_set() -> None:
    inputs = make()
    assert mean(inputs, shocks={"win": -1.0}) < mean(inputs) < mean(inputs, shocks={"win": 1.0})
    doubled = mean(inputs, shocks={"amount": float(np.log(2))}) - 500_000
    assert doubled == pytest.approx(2 * (mean(inputs) - 500_000), rel=0.02)


def test_a_deal_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match="nobody"):
        mean(make(), outcomes={"nobody": "won"})


def test_kept_inputs_draw_the_same_quarter() -> None:
    inputs = make()
    again = BookingsInputs.from_arrow(inputs.to_arrow())
    first, second = (simulate_bookings(one, draws=300, seed=9).draws for one in (inputs, again))
    assert first.tolist() == second.tolist()


def test_bytes_that_are_no_inputs_are_refused() -> None:
    with pytest.raises(DataError):
        BookingsInputs.from_arrow(b"nothing")


def test_without_any_deal_the_quarter_is_what_is_in() -> None:
    none, empty = np.zeros(0), np.zeros((0, 1), np.int64)
    texts = np.zeros(0, dtype=object)
    inputs = replace(
        make(), deal_id=texts, stage=texts, owner=texts, places=empty, log_odds=none,
        next_chance=none, amount_minor=none, haircut=none, due=none.astype(bool),
        slipped=none.astype(bool), pool_amount=none, pool_day=none.astype(int), pool_places=empty,
    )  # fmt: skip
    assert set(simulate_bookings(inputs, draws=100, seed=1).draws[0].tolist()) == {500_000.0}
