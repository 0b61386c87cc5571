"""Deals to come are past ones nobody knew of; amounts keep their sum on the way to the win."""

from __future__ import annotations

import numpy as np
import pytest

from features.deals.bookings import Wins
from features.deals.days import NEVER
from models.forecast.bookings.columns import Shown
from models.forecast.bookings.haircut import Haircut
from models.forecast.bookings.pool import PRIOR_SD, PastPoint, Pool, draw_pool


def wins(deal: list[int], created: list[int], closed: list[int]) -> Wins:
    count = len(deal)
    told = np.array(closed) + 1
    texts = {"segment": np.array(["smb"] * count, dtype=object)}
    flags = np.zeros(count, bool)
    return Wins(np.array(deal), np.array(created), np.array(closed), told,
                np.full(count, NEVER), np.full(count, 100.0), flags, flags, texts)  # fmt: skip


def shown(amount: list[float], stage: list[str]) -> Shown:
    count = len(amount)
    none, texts = np.zeros(count), np.array(["smb"] * count, dtype=object)
    return Shown(none.astype(int), none, none, np.array(amount), np.array(stage, dtype=object),
                 texts, texts, np.zeros((count, 1)))  # fmt: skip


def test_only_wins_that_were_neither_in_nor_open_are_to_come() -> None:
    known = wins([1, 2, 3, 4], [0, 5, 40, 90], [10, 60, 70, 120])
    point = (PastPoint(0, 91, 30), known.take(np.array([0])), np.array([2]))
    pool = draw_pool(known, [point])
    assert pool.wins.deal.tolist() == [3]
    assert (pool.created_on.tolist(), pool.expected) == ([40], 1.0)


def test_without_past_quarters_nothing_is_to_come() -> None:
    pool = draw_pool(wins([1], [0], [10]), [])
    assert (pool.expected, pool.spread, len(pool.wins)) == (0.0, PRIOR_SD, 0)


def test_restless_counts_widen_what_is_to_come() -> None:
    calm, restless = (
        Pool(wins([], [], []), np.zeros(0, int), np.array(counts))
        for counts in ([100, 101, 99, 100], [50, 150, 60, 140])
    )
    assert calm.spread < PRIOR_SD < restless.spread


def test_amounts_keep_their_sum_on_the_way_to_the_win() -> None:
    amount = [100.0, 200.0, 400.0] * 200
    final = np.array([80.0, 260.0, 300.0] * 200)
    learned = Haircut.learn(shown(amount, ["a"] * 600), final, wins=wins([1], [0], [10]))
    value, ratio = learned.expect(shown(amount, ["a"] * 600), np.zeros(600, bool))
    assert float((value * ratio).sum()) == pytest.approx(float(final.sum()), rel=1e-6)


def test_nothing_learned_takes_amounts_as_they_stand() -> None:
    learned = Haircut.learn(shown([], []), np.zeros(0), wins=wins([], [], []))
    value, ratio = learned.expect(shown([5.0, np.nan], ["a", "b"]), np.array([False, False]))
    assert value.tolist() == [5.0, 0.0]
    assert ratio.tolist() == [1.0, 1.0]
