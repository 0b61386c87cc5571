"""Examples keep labels, days and outcomes in step with their rows."""

import numpy as np
import pyarrow as pa
import pytest

from lifecycle.errors import ModelError
from models.base import Examples, check_fitted

FRAME = pa.table({"account_id": ["a", "b", "c"]})
DAYS = np.array(["2024-01-01"] * 3, dtype="datetime64[D]")
AFTER = pa.table({"decided_days": [10.0, None, 30.0]})


def test_chosen_rows_keep_their_outcomes():
    chosen = Examples(FRAME, np.zeros(3), DAYS, 90, AFTER).take(np.array([True, False, True]))
    assert chosen.outcomes.column("decided_days").to_pylist() == [10.0, 30.0]


def test_examples_without_outcomes_stay_without():
    assert Examples(FRAME, np.zeros(3), DAYS, 90).take(np.array([2])).outcomes is None


def test_an_outcome_for_every_row_or_none_at_all():
    with pytest.raises(ModelError, match="2 outcomes"):
        Examples(FRAME, np.zeros(3), DAYS, 90, AFTER.slice(0, 2))


def test_what_was_not_fitted_gives_no_answer():
    assert check_fitted(0.0, "rule") == 0.0
    with pytest.raises(ModelError, match="rule is not fitted; expected a fitted model"):
        check_fitted(None, "rule")
