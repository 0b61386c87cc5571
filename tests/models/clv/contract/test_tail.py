"""Beyond the first year: group curves by tenure, and what is carried on of the account."""

import tracemalloc

import numpy as np
import pytest

from models.clv.contract.rows import Contracts
from models.clv.contract.spells import build_spells
from models.clv.contract.survival import Survival
from models.clv.contract.tail import ALL, Cells, SegmentTail, build_lives, fit_carry, fit_tail
from tests.models.clv.contract.book import build_examples, make_world
from tests.models.clv.contract.lives import draw_spells


@pytest.fixture(scope="module")
def examples():
    return build_examples(make_world(1))


def test_the_tail_starts_at_the_account_s_own_age():
    tail = SegmentTail({ALL: Survival(0.8, 20.0)}, Cells({}, 1.0), Cells({}, 0.1))
    hazard = tail.hazard(np.array(["x", "x"], dtype=object), np.array([0.0, 24.4]), months=12)
    alive = Survival(0.8, 20.0).survival(np.array([24.0, 36.0]))
    assert np.exp(-hazard[1].sum()) == pytest.approx(alive[1] / alive[0])
    assert hazard[1].sum() < hazard[0].sum()


def test_a_group_with_enough_ends_has_its_own_curve():
    quick, slow = draw_spells(1, 400, (2.0, 20.0, 1.0)), draw_spells(2, 60, (0.5, 60.0, 1.0))
    lives = build_spells(
        *(np.concatenate([getattr(quick, n), getattr(slow, n)]) for n in ("entry", "exit", "ended"))
    )
    groups = np.repeat(np.array(["quick", "slow"], dtype=object), [len(quick.exit), len(slow.exit)])
    tail = SegmentTail.fit(lives, groups)
    assert set(tail.curves) == {"all", "quick"}
    assert tail.scale.of(np.array(["slow"], dtype=object))[0] < 0.5


def test_too_few_ends_give_one_flat_rate_drawn_to_a_prior():
    lives = build_spells(np.zeros(20), np.full(20, 12.0), [True] * 3 + [False] * 17)
    hazard = fit_tail(lives, np.full(20, "x", dtype=object)).hazard(
        np.array(["x"], dtype=object), np.array([3.0]), months=24
    )
    assert hazard[0] == pytest.approx(8 / (260 + 5 / 0.015), rel=0.05)


def test_a_life_is_watched_once_from_its_first_row(examples):
    lives, _ = build_lives(examples)
    accounts = set(examples.frame["account_id"].to_pylist())
    assert len(lives.exit) == len(accounts)
    decided = examples.outcomes["decided_days"].to_numpy()
    left = np.array(examples.frame["account_id"].to_pylist())[np.isfinite(decided)]
    assert lives.ends == len(set(left.tolist()))


def test_what_lasts_is_carried_on_and_noise_is_not(examples):
    rows = Contracts.read(examples.frame)
    tail = np.full((len(rows.mrr), 24), 0.015)
    usage = examples.frame["usage"].to_numpy()
    noise = np.random.default_rng(0).standard_normal(len(usage))
    told, made_up = (
        fit_carry(examples, 0.18 * np.exp(-0.7 * sign), tail) for sign in (usage, noise)
    )
    assert told.share > 0.5
    assert abs(made_up.share) < 0.3


def test_the_level_of_the_second_year_is_learned(examples):
    rows = Contracts.read(examples.frame)
    low = np.full((len(rows.mrr), 24), 0.008)
    assert fit_carry(examples, low[:, :12].sum(axis=1), low).shift > 0.2


def test_an_age_that_nobody_has_costs_no_more_than_the_oldest():
    tail = SegmentTail({ALL: Survival(0.8, 20.0)}, Cells({}, 1.0), Cells({}, 0.1))
    ages = np.array([1_200.0, 1_201.0, 1e7, 1e16, 1e300, np.finfo(float).max])
    tracemalloc.start()
    hazard = tail.hazard(np.full(len(ages), "x", dtype=object), ages, months=60)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1_000_000
    assert (hazard == hazard[0]).all()


def test_the_limit_of_age_changes_no_bit_below_it():
    curve = Survival(0.8, 20.0, 0.9)
    tail = SegmentTail({ALL: curve}, Cells({}, 1.0), Cells({}, 0.1))
    ages = np.array([0.0, 7.3, 480.0, 1_199.9])
    hazard = tail.hazard(np.full(len(ages), "x", dtype=object), ages, months=24)
    steps = -np.diff(curve.log_survival(np.arange(1_225, dtype=np.float64)))
    for row, age in zip(hazard, ages, strict=True):
        assert row.tolist() == np.maximum(steps[int(age) : int(age) + 24], 1e-6).tolist()
