"""Contract lives drawn from a known beta-discrete-Weibull, watched through a window of time."""

from __future__ import annotations

import numpy as np

from models.clv.contract.spells import Spells, build_spells


def draw_spells(seed: int, count: int, truth: tuple[float, float, float]) -> Spells:
    """Lives begun up to 30 periods before the window of 40 periods, or inside it."""
    a, b, c = truth
    rng = np.random.default_rng(seed)
    chance = rng.beta(a, b, count)
    # a customer's own S(t) = (1 - chance) ** t ** c, inverted
    length = np.ceil((np.log(rng.random(count)) / np.log1p(-chance)) ** (1 / c))
    start = rng.integers(0, 40, count) - rng.integers(0, 30, count)
    entry, end = np.maximum(0.0, -start), start + length
    ended = end <= 40
    left = np.maximum(np.where(ended, length - 1, 40 - start), entry)
    seen = end > 0
    return build_spells(entry[seen], left[seen], ended[seen])


def cohort(survivors: list[int]) -> Spells:
    """A cohort of which ``survivors[t]`` were left after t periods, as published in tables."""
    alive = np.array(survivors, dtype=np.float64)
    lost = -np.diff(alive)
    last = float(len(lost))
    return Spells(
        entry=np.zeros(len(lost) + 1),
        exit=np.append(np.arange(last), last),
        ended=np.append(np.ones(len(lost), dtype=np.bool_), False),
        weight=np.append(lost, alive[-1]),
    )
