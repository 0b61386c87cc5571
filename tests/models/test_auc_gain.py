"""What one score ranks better than another, and how sure that is."""

from __future__ import annotations

import numpy as np
import pytest

from lifecycle.errors import DataError
from models import accuracy
from models.auc_gain import auc_gain
from models.base import FloatArray


def draw(seed: int, rows: int = 400) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return outcomes, a score with two signals, and one with only the first of them."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, rows))
    happened = (rng.random(rows) < 1 / (1 + np.exp(-first - 0.5 * second))).astype(np.float64)
    return happened, first + 0.5 * second, np.round(first, 1)


def test_the_gain_is_the_difference_of_both_areas_ties_among_them() -> None:
    happened, score, rival = draw(1)
    wanted = accuracy.auc(happened, score) - accuracy.auc(happened, rival)
    assert auc_gain(happened, score, rival=rival)[0] == pytest.approx(wanted, abs=1e-12)


def test_the_error_is_the_spread_of_the_gain_over_redrawn_rows() -> None:
    found = [auc_gain(one, score, rival=rival) for one, score, rival in map(draw, range(1_000))]
    gains, errors = np.array(found).T
    assert errors.mean() == pytest.approx(gains.std(), rel=0.1)


def test_the_error_is_smaller_than_if_both_were_judged_on_rows_of_their_own() -> None:
    happened, score, rival = draw(2)
    nothing = np.zeros(len(happened))
    apart = [auc_gain(happened, one, rival=nothing)[1] for one in (score, rival)]
    assert auc_gain(happened, score, rival=rival)[1] < 0.6 * np.hypot(*apart)


def test_the_same_order_gains_nothing_without_error() -> None:
    happened, score, _ = draw(3)
    assert auc_gain(happened, score, rival=3 * score + 1) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("happened", "score", "rival"),
    [
        ([0, 1, 0, 1], [1, 2, 3], [1, 2, 3, 4]),
        ([0, 1, 0, 2], [1, 2, 3, 4], [1, 2, 3, 4]),
        ([0, 0, 0, 1], [1, 2, 3, 4], [1, 2, 3, 4]),
        ([0, 1, 0, 1], [1, 2, 3, np.nan], [1, 2, 3, 4]),
    ],
)
def test_what_cannot_be_compared_is_refused(
    happened: list[int], score: list[float], rival: list[float]
) -> None:
    with pytest.raises(DataError):
        auc_gain(happened, score, rival=rival)
