"""A logistic that was written and read again is the same logistic."""

import json

import numpy as np

from models.logistic import Logistic


def test_texts_in_far_columns_keep_their_weights():
    rng = np.random.default_rng(1)
    matrix = rng.integers(0, 2, (300, 12)).astype(float)
    label = (rng.random(300) < 0.2 + 0.5 * matrix[:, 10]).astype(float)
    made, _ = Logistic.fit(matrix, label, place=np.zeros(300), text={2: 2, 10: 2})
    kept = json.loads(json.dumps(made.to_json(), sort_keys=True))
    assert (Logistic.from_json(kept).raw(matrix) == made.raw(matrix)).all()
