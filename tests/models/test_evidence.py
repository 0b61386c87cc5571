from __future__ import annotations

import numpy as np

from models.evidence import score_evidence


def _case(strength: float, seed: int = 1, n: int = 2_000):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=n)
    odds = -2.5 + strength * signal
    return (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float), signal


def test_a_real_signal_stands_far_from_nothing():
    happened, signal = _case(0.6)
    base = np.full(2_000, happened.mean())
    found = score_evidence(happened, base, signal, day=np.zeros(2_000), unit=np.arange(2_000))
    assert found > 4


def test_no_signal_stays_within_what_chance_does():
    found = []
    for seed in range(200):
        happened, signal = _case(0.0, seed, 400)
        base, units = np.full(400, happened.mean()), np.arange(400)
        found.append(score_evidence(happened, base, signal, day=np.zeros(400), unit=units))
    assert 0.85 < np.std(found) < 1.15
    assert abs(np.mean(found)) < 0.2


def test_rows_that_repeat_an_account_are_no_further_evidence():
    happened, signal = _case(0.4)
    base, units = np.full(2_000, happened.mean()), np.arange(2_000)
    once = score_evidence(happened, base, signal, day=np.zeros(2_000), unit=units)
    days = np.repeat([0, 1, 2], 2_000)
    thrice = score_evidence(*(np.tile(one, 3) for one in (happened, base, signal)),
                            day=days, unit=np.tile(units, 3))  # fmt: skip
    assert thrice == np.float64(once).round(12) or abs(thrice - once) < 1e-9


def test_a_level_that_is_off_on_a_day_is_no_evidence():
    rng = np.random.default_rng(5)
    day = np.repeat([0, 1], 1_000)
    happened = (rng.random(2_000) < np.where(day == 0, 0.05, 0.3)).astype(float)
    found = score_evidence(
        happened, np.full(2_000, 0.15), day.astype(float), day=day, unit=np.arange(2_000)
    )
    assert found == 0.0
