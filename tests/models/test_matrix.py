"""The matrix has the columns of the fit, in the order of the fit."""

import numpy as np
import pyarrow as pa
import pytest

from lifecycle.errors import FeatureMismatchError
from models.matrix import Layout

FRAME = pa.table(
    {
        "account_id": ["a", "b", "c"],
        "segment": ["uk", None, "eu"],
        "recency_days": [1.0, None, 3.0],
        "spend_90d": [5.0, 6.0, 7.0],
    }
)


def test_columns_follow_the_fit_not_the_frame():
    layout = Layout.learn(FRAME)
    turned = FRAME.select(["spend_90d", "recency_days", "segment", "account_id"])
    np.testing.assert_array_equal(layout.matrix(turned), layout.matrix(FRAME))


def test_an_unseen_or_missing_word_is_minus_one():
    layout = Layout.learn(FRAME)
    other = FRAME.set_column(1, "segment", pa.array(["mars", None, "uk"]))
    assert layout.matrix(other)[:, 0].tolist() == [-1.0, -1.0, 1.0]


def test_a_null_number_is_nan():
    assert np.isnan(Layout.learn(FRAME).matrix(FRAME)[1, 1])


def test_a_missing_column_is_named():
    with pytest.raises(FeatureMismatchError, match="lacks spend_90d"):
        Layout.learn(FRAME).matrix(FRAME.drop_columns(["spend_90d"]))


def test_text_instead_of_numbers_is_refused():
    text = FRAME.set_column(3, "spend_90d", pa.array(["5", "6", "7"]))
    with pytest.raises(FeatureMismatchError, match="spend_90d"):
        Layout.learn(FRAME).matrix(text)


def test_a_newer_frame_serves_an_older_model():
    newer = FRAME.append_column("new_days", pa.array([1.0, 2.0, 3.0]))
    assert Layout.learn(FRAME).matrix(newer).shape == (3, 3)


def test_a_layout_travels_as_json():
    layout = Layout.learn(FRAME)
    assert Layout.from_json(layout.to_json()) == layout
