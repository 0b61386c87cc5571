import numpy as np
import pytest

from lifecycle.errors import DataError, ModelError, NotEnoughHistoryError
from models.clv.purchase_process import build_counts, check_enough, maximise


def test_compressed_histories_keep_every_customer():
    counts = build_counts([0, 2, 0, 2], [0, 5, 0, 5], [9, 9, 9, 9]).compress()
    assert counts.weight.tolist() == [2.0, 2.0]
    assert counts.size == 4.0


@pytest.mark.parametrize(
    ("x", "last", "age"),
    [([1], [10], [9]), ([0], [1], [9]), ([1], [0], [9]), ([-1], [0], [9]), ([np.nan], [0], [9])],
)
def test_an_impossible_history_is_a_data_error(x, last, age):
    with pytest.raises(DataError, match="impossible histories"):
        build_counts(x, last, age)


def test_histories_of_unequal_length_are_a_data_error():
    with pytest.raises(DataError):
        build_counts([0, 1], [0], [9])


def test_too_few_repeat_buyers_are_refused_with_their_number():
    with pytest.raises(NotEnoughHistoryError, match="40 customers, 0"):
        check_enough(build_counts(np.zeros(40), np.zeros(40), np.full(40, 9.0)))


def test_the_search_keeps_the_best_of_its_starts():
    theta, least = maximise(lambda t: (float((t - 3) @ (t - 3)), 2 * (t - 3)), [[1.0], [9.0]])
    assert theta[0] == pytest.approx(3.0, abs=1e-5)
    assert least == pytest.approx(0.0, abs=1e-9)


def test_a_likelihood_that_is_never_finite_is_a_model_error():
    with pytest.raises(ModelError):
        maximise(lambda t: (float("nan"), t), [[1.0]])
