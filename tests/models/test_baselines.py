"""The rules that have to be beaten."""

import numpy as np
import pyarrow as pa
import pytest

from lifecycle.errors import FeatureMismatchError, NotEnoughHistoryError
from models.base import Examples
from models.baselines import BaseRate, RunRate

FRAME = pa.table({"account_id": ["a", "b"], "spend_365d_minor": [36500.0, 0.0]})
DAYS = np.array(["2020-01-01"] * 2, dtype="datetime64[D]")
EXAMPLES = Examples(FRAME, np.array([1.0, 0.0]), DAYS, 90)


def test_the_run_rate_goes_on():
    assert RunRate(365).fit(EXAMPLES).predict(FRAME).tolist() == [9000.0, 0.0]


def test_the_run_rate_moves_between_horizons():
    assert RunRate(365).fit(EXAMPLES).predict(FRAME, horizon_days=365)[0] == 36500.0


def test_the_run_rate_needs_its_window():
    with pytest.raises(FeatureMismatchError, match="spend_90d_minor"):
        RunRate(90).fit(EXAMPLES)


def test_the_base_rate_is_shrunk_towards_one_half():
    all_lapsed = Examples(FRAME, np.ones(2), DAYS, 90)
    assert BaseRate().fit(all_lapsed).predict(FRAME)[0] == pytest.approx(12 / 22)


def test_the_base_rate_needs_an_example():
    none = Examples(FRAME.slice(0, 0), np.zeros(0), DAYS[:0], 90)
    with pytest.raises(NotEnoughHistoryError):
        BaseRate().fit(none)
