from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.forecast.gap.field import as_served, logit, shift_to_raise
from models.forecast.gap.levers import create_lever, find_levers, measure_yield
from models.forecast.grid import grid_of, share_below
from tests.models.forecast.gap.toy_quarter import deals, ground


def test_one_point_more_is_one_point_on_the_mean_of_the_chances() -> None:
    chances = np.array([0.02, 0.3, 0.9])
    raised = 1 / (1 + np.exp(-(logit(chances) + shift_to_raise(chances, 0.01))))
    assert raised.mean() - chances.mean() == pytest.approx(0.01, abs=1e-6)


def test_a_stage_with_few_deals_has_no_win_rate_lever() -> None:
    kinds = {one.kind for one in find_levers(ground(deals=deals(8)))}
    assert "win_rate" not in kinds


def test_slipped_deals_are_recovered_and_not_pulled_in_again() -> None:
    found = find_levers(ground())
    recovered, pulled = (
        {unit for one in found if one.kind == kind for unit in one.units}
        for kind in ("recover", "pull_in")
    )
    assert recovered
    assert pulled
    assert not recovered & pulled


def test_deals_that_would_bring_most_come_first() -> None:
    first = next(one for one in find_levers(ground()) if one.name == "pull_in:1-4")
    assert first.units[0] == "D21"
    assert first.owners == ("R1",)


def test_a_recovered_deal_has_the_chance_of_due_deals_of_its_stage() -> None:
    lever = next(one for one in find_levers(ground()) if one.kind == "recover")
    after = logit(np.array([0.05])) + lever.change.unit_log_odds[lever.units[0]]
    assert 1 / (1 + np.exp(-after)) == pytest.approx(0.4)


def test_accounts_with_the_most_at_stake_are_kept_first() -> None:
    saves = [one for one in find_levers(ground()) if one.kind == "save"]
    assert [one.effort for one in saves] == [5, 5, 2]
    assert saves[0].units[0] == "A11"
    assert saves[0].change.saved == frozenset(saves[0].units)


@pytest.mark.parametrize(("weeks", "ease"), [(7, "high"), (4, "medium"), (0, "low")])
def test_less_time_makes_a_lever_harder_to_pull(weeks: float, ease: str) -> None:
    assert find_levers(ground(weeks_left=weeks))[0].feasibility == ease


def test_the_yield_of_new_pipeline_is_measured_by_creating_some() -> None:
    found = measure_yield(ground(share=0.2))
    assert found is not None
    assert found.share == pytest.approx(0.2)
    assert measure_yield(ground(creates=False)) is None


def test_creating_is_no_lever_without_a_gap_or_a_yield() -> None:
    found = measure_yield(ground())
    assert found is not None
    assert create_lever(found, 0.0) is None
    assert create_lever(replace(found, share=0.049), 100.0) is None


def test_draws_moved_onto_served_quantiles_have_those_quantiles() -> None:
    draws = np.random.default_rng(3).gamma(4.0, 10.0, 20_000)
    wanted = grid_of(draws * 2 + 5)
    moved = as_served(draws, wanted)
    assert grid_of(moved) == pytest.approx(wanted, rel=1e-3)
    assert (np.diff(moved[np.argsort(draws)]) >= 0).all()


def test_their_tails_are_those_of_the_chance_to_hit() -> None:
    draws = np.random.default_rng(3).normal(0, 1, 50_000)
    grid = grid_of(draws)
    assert (as_served(draws, grid) < -2.5).mean() == pytest.approx(
        float(share_below(grid, -2.5)), abs=0.003
    )
