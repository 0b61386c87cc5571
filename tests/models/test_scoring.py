"""A score has a value, a rank, a band and reasons, in the order of the frame."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lifecycle.errors import BundleError, ModelError
from models.base import Examples
from models.baselines import RunRate
from models.bundle import save_bundle
from models.scoring import SCORE_SCHEMA, choose_bands, load_model, score

SPEND = [400.0, 0.0, 9000.0, 400.0]
VALUES = arrays.arrays(np.float64, st.integers(0, 30), elements=st.floats(0, 1))


def _frame(spend: list[float] = SPEND) -> pa.Table:
    names = [f"a{place}" for place in range(len(spend))]
    return pa.table({"account_id": names, "segment": ["s"] * len(spend), "spend_365d_minor": spend})


def _model() -> RunRate:
    days = np.full(len(SPEND), np.datetime64("2011-01-01"))
    return RunRate().fit(Examples(_frame(), np.zeros(len(SPEND)), days, 365))


def test_scores_keep_the_order_of_the_frame() -> None:
    table = score(_model(), _frame(), horizon_days=365)
    assert table.schema == SCORE_SCHEMA
    assert table.column("account_id").to_pylist() == ["a0", "a1", "a2", "a3"]
    assert table.column("value").to_pylist() == SPEND


def test_the_highest_value_ranks_first_and_ties_go_by_account() -> None:
    assert score(_model(), _frame(), horizon_days=365).column("rank").to_pylist() == [2, 4, 1, 3]


def test_a_model_with_no_more_to_say_has_an_empty_detail() -> None:
    assert score(_model(), _frame(), horizon_days=365)["detail"].to_pylist() == ["{}"] * 4


def test_reasons_are_json_lists() -> None:
    told = [
        json.loads(one)
        for one in score(_model(), _frame(), horizon_days=365)["reasons"].to_pylist()
    ]
    assert told[2][0]["group"] == "money"
    assert told[2][0]["direction"] == "raises"


def test_an_empty_frame_gives_an_empty_table() -> None:
    empty = _frame().slice(0, 0)
    assert score(_model(), empty, horizon_days=365).num_rows == 0


def test_a_score_that_is_not_finite_is_refused() -> None:
    with np.errstate(over="ignore"), pytest.raises(ModelError, match="not finite"):
        score(_model(), _frame([1.0, 1.5e308]), horizon_days=730)


def test_a_released_model_is_loaded_by_its_digest(tmp_path: Path) -> None:
    digest = save_bundle(tmp_path, "RunRate", _model().to_parts(), {})
    again = load_model(tmp_path, digest)
    frame = _frame()
    assert score(again, frame, horizon_days=90).equals(score(_model(), frame, horizon_days=90))


def test_a_class_that_is_not_listed_is_never_looked_up(tmp_path: Path) -> None:
    digest = save_bundle(tmp_path, "os.system", _model().to_parts(), {})
    with pytest.raises(BundleError, match=r"class 'os\.system'"):
        load_model(tmp_path, digest)


@given(VALUES)
def test_bands_follow_the_values(values: np.ndarray) -> None:
    strength = {"low": 0, "medium": 1, "high": 2}
    for unit in ("probability", "minor"):
        bands = [strength[name] for name in choose_bands(values, unit)]
        order = np.argsort(-values, kind="stable")
        assert (np.diff([bands[i] for i in order]) <= 0).all()


def test_a_probability_is_banded_by_thirds() -> None:
    edges = np.array([2 / 3, 2 / 3 - 1e-9, 1 / 3, 1 / 3 - 1e-9])
    assert choose_bands(edges, "probability") == ["high", "medium", "medium", "low"]


def test_nothing_of_value_is_low() -> None:
    assert choose_bands(np.zeros(3), "minor") == ["low"] * 3
