"""A fitted model and a frame → a table of scores, ranked, banded and explained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.answers import answer, choose_bands
from models.base import FloatArray, ScoreModel
from models.classes import MODEL_CLASSES
from models.columns import Frame, read_texts, to_columns
from models.loading import load_model

__all__ = ["MODEL_CLASSES", "SCORE_SCHEMA", "choose_bands", "load_model", "score"]

SCORE_SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("value", pa.float64()),
        ("rank", pa.int64()),
        ("band", pa.string()),
        ("reasons", pa.string()),
        ("detail", pa.string()),
    ]
)


def score(model: ScoreModel, frame: Frame, *, horizon_days: int) -> pa.Table:
    """Score every account of a frame.

    Parameters
    ----------
    model
        A fitted model.
    frame
        An account frame.
    horizon_days
        Look-ahead (days); the model refuses a horizon it cannot speak for.

    Returns
    -------
    pyarrow.Table
        In the order of the frame: ``account_id``; ``value`` (probability, or minor units);
        ``rank`` (1 = highest value, ties by account); ``band`` (see ``choose_bands``);
        ``reasons`` (JSON list, see ``models.reasons``); ``detail`` (JSON object: what else the
        model says of the account, empty for most).

    Raises
    ------
    FeatureMismatchError
        The frame lacks columns of the fit.
    ModelError
        A prediction is not finite.
    """
    columns = to_columns(frame)
    found = answer(model, columns, horizon_days=horizon_days)
    route = "non_contractual" if found.why is None else found.why.route
    names = read_texts(columns, "account_id")
    arrays = [
        pa.array(names, pa.string()),
        pa.array(found.values, pa.float64()),
        pa.array(_rank(found.values, names), pa.int64()),
        pa.array(choose_bands(found.values, model.unit, route=route), pa.string()),
        pa.array([_dump(one) for one in found.reasons], pa.string()),
        pa.array([_dump(one) for one in found.detail], pa.string()),
    ]
    return pa.Table.from_arrays(arrays, schema=SCORE_SCHEMA)


def _rank(values: FloatArray, names: Sequence[str | None]) -> NDArray[np.int64]:
    keyed = pa.table({"value": -values, "account_id": pa.array(names, pa.string())})
    order = pc.sort_indices(keyed, [("value", "ascending"), ("account_id", "ascending")])
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order.to_numpy()] = np.arange(1, len(values) + 1)
    return ranks


def _dump(reasons: Any) -> str:
    return json.dumps(reasons, sort_keys=True, allow_nan=False, separators=(",", ":"))
