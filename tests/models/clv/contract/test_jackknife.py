from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from models.base import Examples, FloatArray
from models.clv.contract.jackknife import find_groups, measure_spread


def _examples(worth: FloatArray, days: int = 1) -> Examples:
    names = [f"a{n}" for n in range(len(worth))] * days
    label = np.tile(worth, days)
    return Examples(
        pa.table({"account_id": names}), label, np.zeros(len(label), "datetime64[D]"), 365
    )


def _mean(examples: Examples) -> FloatArray:
    return np.array([examples.label.mean()])


def test_the_spread_is_the_standard_error_of_a_mean():
    worth = np.random.default_rng(1).uniform(50, 150, 2_000)
    expected = worth.std() / worth.mean() / np.sqrt(len(worth))
    assert measure_spread(_examples(worth), _mean) == pytest.approx(expected, rel=0.6)


def test_past_days_of_an_account_are_no_further_accounts():
    worth = np.random.default_rng(2).uniform(50, 150, 300)
    once = measure_spread(_examples(worth), _mean)
    assert measure_spread(_examples(worth, days=12), _mean) == pytest.approx(once)


def test_few_large_accounts_are_uncertain_together():
    worth = np.full(300, 10.0)
    worth[:3] = 20_000.0
    assert measure_spread(_examples(worth), _mean) > 0.1


def test_all_rows_of_an_account_fall_into_one_group():
    group = find_groups(_examples(np.ones(40), days=3))
    assert (group.reshape(3, 40) == group[:40]).all()
