from __future__ import annotations

import numpy as np
import pytest

from lifecycle.errors import UsageError
from models.forecast.gap.of_recurring import (
    Leaves,
    RecurringAgain,
    recurring_ground,
    recurring_items,
)
from models.forecast.whatif import Change
from tests.models.forecast.gap.kept_inputs import raw_of, recurring

TARGETS = ("revenue", "ending_arr", "renewals")


def again(target: str) -> RecurringAgain:
    return RecurringAgain(recurring(), target, seed=5)


@pytest.mark.parametrize("target", TARGETS)
def test_the_units_sum_to_the_simulations_mean(target: str) -> None:
    draws = again(target).draws()
    raw = raw_of(target, draws, np.zeros(5))
    found = recurring_items(recurring(), raw, served_minor=0.0)
    assert found.expected_minor.sum() == pytest.approx(draws[0].mean(), rel=0.01)


@pytest.mark.parametrize("target", TARGETS)
def test_keeping_the_accounts_with_the_most_at_stake_brings_what_was_expected_to_be_lost(
    target: str,
) -> None:
    simulator = again(target)
    accounts = recurring_ground(simulator).accounts
    assert accounts is not None
    order = np.argsort(-accounts.chance * accounts.loss_minor)[:5]
    saved = frozenset(accounts.account[row] for row in order)
    gain = (simulator.draws(Change(saved=saved)) - simulator.draws())[0]
    expected = float((accounts.chance * accounts.loss_minor)[order].sum())
    assert gain.mean() == pytest.approx(expected, rel=0.15)


def test_accounts_under_notice_cannot_be_kept_any_more() -> None:
    accounts = recurring_ground(again("ending_arr")).accounts
    assert accounts is not None
    assert "A07" not in accounts.account
    assert len(accounts.account) == 29


def test_accounts_know_their_owner() -> None:
    accounts = recurring_ground(again("ending_arr")).accounts
    assert accounts is not None
    assert dict(zip(accounts.account, accounts.owner, strict=True))["A01"] == "R2"


def test_leaving_after_the_quarter_is_no_loss_of_it() -> None:
    late = recurring(exit_first=np.full(40, recurring().end_day), exit_last=np.full(40, 99_999))
    assert Leaves(late).chance.max() == 0


def test_a_stronger_shock_makes_more_leave() -> None:
    calm, wild = (Leaves(recurring(), shock).chance for shock in (0.0, 1.0))
    assert (np.delete(wild, 7) > np.delete(calm, 7)).all()
    assert wild[7] == calm[7]


@pytest.mark.parametrize(
    "change",
    [
        Change(outcomes={"D1": "won"}),
        Change(extra_pipeline_minor=5.0),
        Change(shocks={"win": 0.1}),
    ],
)
def test_what_these_targets_do_not_simulate_is_refused(change: Change) -> None:
    with pytest.raises(UsageError, match="ask for the bookings"):
        again("revenue").draws(change)
