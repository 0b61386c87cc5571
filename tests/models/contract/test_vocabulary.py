"""A company's own fields: common values stay, rare ones pool, and nobody's identity is learned."""

import numpy as np
import pyarrow as pa
import pytest

from models.vocabulary import NONE, OTHER, Vocabulary

ROWS = 400


def learn(name, cells, label=None):
    ids = [f"a{i:04d}" for i in range(len(cells))]
    frame = pa.table({"account_id": ids, name: cells})
    label = np.arange(len(cells)) % 2 + 0.0 if label is None else label
    return Vocabulary.learn(frame, label), frame, label


def fate(name, cells):
    return learn(name, cells)[0].report[0]["fate"]


def test_common_values_stay_and_rare_ones_become_one():
    cells = ["gold"] * 200 + ["silver"] * 195 + ["bronze"] * 5
    made, frame, _ = learn("text:tier", cells)
    assert set(made.transform(frame).values("text:tier").tolist()) == {"gold", "silver", OTHER}


def test_a_value_the_fit_never_saw_is_like_a_rare_one():
    made, frame, _ = learn("text:tier", ["gold"] * 200 + ["silver"] * 200)
    new = frame.slice(0, 2).set_column(1, "text:tier", pa.array(["lead", None]))
    assert made.transform(new).values("text:tier").tolist() == [OTHER, NONE]


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("number:constant", [3.0] * ROWS),
        ("text:constant", ["x"] * ROWS),
        ("text:token", [f"t{i}" for i in range(ROWS)]),
        ("number:customer_number", [float(i * 7 + 100_000) for i in range(ROWS)]),
        ("number:sequence", [float(i + 500) for i in range(ROWS)]),
        ("text:owner_email", ["ann@example.com", "bob@example.com"] * (ROWS // 2)),
        ("text:reach", ["+44 20 7946 0001", "+44 20 7946 0002"] * (ROWS // 2)),
        ("text:empty", pa.array([None] * ROWS, pa.string())),
    ],
)
def test_what_says_nothing_or_names_somebody_is_dropped(name, cells):
    assert fate(name, cells) == "dropped"


@pytest.mark.parametrize("seed", range(3))
def test_a_measure_is_kept_although_every_account_has_its_own(seed):
    rng = np.random.default_rng(seed)
    assert fate("number:spread", rng.normal(size=ROWS)) == "kept"
    assert fate("number:employees", np.round(np.exp(rng.normal(6, 1.5, ROWS)))) == "kept"


def cities(count=40, rows=4000, seed=1):
    """Many values that say nothing: the label is pure chance."""
    rng = np.random.default_rng(seed)
    cells = [f"city {i}" for i in rng.integers(0, count, rows)]
    return learn("text:city", cells, (rng.random(rows) < 0.1).astype(float))


def test_many_values_become_one_number():
    made, frame, _ = cities()
    assert made.report[0]["fate"] == "encoded"
    assert made.transform(frame).values("text:city").dtype == np.float64


def test_an_encoded_value_of_training_never_knows_its_own_account():
    made, frame, label = cities()
    seen = made.transform(frame).values("text:city")
    fair = made.transform_training(frame, label).values("text:city")
    assert np.corrcoef(seen, label)[0, 1] > 0.05
    assert np.corrcoef(fair, label)[0, 1] < 0.03


def test_folds_go_by_account_not_by_row():
    made, frame, label = cities()
    turned = np.arange(frame.num_rows)[::-1]
    there = made.transform_training(frame.take(turned), label[turned]).values("text:city")
    here = made.transform_training(frame, label).values("text:city")
    assert there[turned] == pytest.approx(here, abs=1e-12)


def test_a_reloaded_vocabulary_does_the_same():
    made, frame, _ = cities()
    again = Vocabulary.from_json(made.to_json())
    there, here = again.transform(frame), made.transform(frame)
    assert all((there.values(n) == here.values(n)).all() for n in here.column_names)
    assert again.report == made.report


def test_features_that_are_texts_are_never_dropped():
    made, frame, _ = learn("segment", ["one"] * ROWS)
    assert made.transform(frame).values("segment").tolist() == ["one"] * ROWS


@pytest.mark.parametrize("name", ["number:size", "text:tier"])
def test_an_own_field_that_vanished_counts_as_unknown(name):
    cells = np.arange(ROWS) * 0.37 if name == "number:size" else ["gold", "tin"] * (ROWS // 2)
    made, frame, _ = learn(name, cells)
    found = made.transform(frame.select(["account_id"])).values(name).tolist()
    assert all(one == NONE or np.isnan(one) for one in found)
