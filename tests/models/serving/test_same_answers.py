"""What is proven is what is served: rows of JSON get the scores that a table gets."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import logit

from models.answers import answer, predict_values
from models.base import Explanation
from models.classes import load_class
from models.columns import Columns, to_columns
from models.scoring import score
from models.serving.rows import digest_rows, kinds_of, pack_rows, unpack_rows
from tests.models.serving.released import NAMES, release_cases

ROWS = 60


def unit_of(frame: pa.Table) -> str:
    return "opportunity_id" if "opportunity_id" in frame.column_names else "account_id"


def through_json(frame: pa.Table) -> Columns:
    """The frame as refresh keeps it and the web process reads it back."""
    unit = unit_of(frame)
    kept = json.loads(json.dumps([values for _, _, values in pack_rows(frame, unit)]))
    return unpack_rows(kinds_of(to_columns(frame), unit), kept)


def keyed(frame: pa.Table) -> pa.Table:
    """As refresh scores deals: to the scorer a deal is its unit."""
    if unit_of(frame) == "account_id":
        return frame
    place = frame.column_names.index("account_id")
    return frame.set_column(place, "account_id", frame["opportunity_id"])


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_json_get_the_scores_of_the_table(name: str) -> None:
    model, frame, horizon = release_cases()[name]
    served = type(model).from_parts(model.to_parts())
    issued = score(model, keyed(frame.slice(0, ROWS)), horizon_days=horizon)["value"].to_numpy()
    rows = through_json(frame.slice(0, ROWS))
    np.testing.assert_array_equal(predict_values(served, rows, horizon_days=horizon), issued)


@pytest.mark.parametrize("name", NAMES)
def test_one_row_alone_gets_the_score_it_had_in_the_crowd(name: str) -> None:
    model, frame, horizon = release_cases()[name]
    every = predict_values(model, to_columns(frame), horizon_days=horizon)
    alone = [
        predict_values(model, through_json(frame.slice(at, 1)), horizon_days=horizon)[0]
        for at in range(0, 40, 8)
    ]
    np.testing.assert_allclose(alone, every[0:40:8], rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_contributions_add_up_to_the_raw_score(name: str) -> None:
    model, frame, horizon = release_cases()[name]
    found = answer(model, through_json(frame), horizon_days=horizon, peers=False)
    assert found.why is not None
    check_sum(found.why, model.predict(frame))


def check_sum(why: Explanation, predicted: np.ndarray) -> None:
    """The raw score is base and contributions, to a millionth."""
    raw = {"logit": logit, "log": np.log, "identity": np.asarray}[why.link](predicted)
    total = why.base + why.contributions.sum(axis=1)
    np.testing.assert_allclose(total, raw, atol=1e-6 * max(1.0, float(np.abs(raw).max())))


@pytest.mark.parametrize("name", ["blend", "contract_blend", "deal_win"])
def test_a_contribution_that_is_left_out_is_caught(name: str) -> None:
    """The planted fault of the sum."""
    model, frame, horizon = release_cases()[name]
    why = answer(model, through_json(frame), horizon_days=horizon, peers=False).why
    assert why is not None
    largest = int(np.abs(why.contributions).max(axis=0).argmax())
    less = np.delete(why.contributions, largest, axis=1)
    with pytest.raises(AssertionError):
        check_sum(replace(why, contributions=less), model.predict(frame))


def test_a_row_keeps_every_bit_through_json() -> None:
    odd = [0.1 + 0.2, 5e-324, -0.0, 1e308, float("nan"), float("inf"), 2.0**53 + 2]
    frame = pa.table({"account_id": list("abcdefg"), "x": odd, "t": [*"uvwxyz", None]})
    back = through_json(frame)
    assert back.values("x").tobytes() == to_columns(frame).values("x").tobytes()
    assert back.values("t").tolist() == [*"uvwxyz", None]


def test_the_digest_of_a_row_is_that_of_the_row_read_back() -> None:
    _, frame, _ = release_cases()["blend"]
    kept = [digest for _, digest, _ in pack_rows(frame, "account_id")]
    assert digest_rows(through_json(frame)) == kept
    assert len(set(kept)) == frame.num_rows


def test_the_planted_fault_is_caught() -> None:
    """A serving that counted a missing number as zero would be seen."""
    model, frame, horizon = release_cases()["blend"]
    rows = through_json(frame)
    filled = {name: _zeroed(rows.values(name)) for name in rows.column_names}
    broken = predict_values(model, Columns(filled, rows.num_rows), horizon_days=horizon)
    assert (broken != predict_values(model, rows, horizon_days=horizon)).any()


def _zeroed(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == object else np.nan_to_num(values)


def test_every_class_of_a_release_is_among_them() -> None:
    assert load_class("ContractRisk").__name__ in {
        type(model).__name__ for model, _, _ in release_cases().values()
    }
