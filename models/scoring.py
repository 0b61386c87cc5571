"""A fitted model and a frame → one score per account, ranked, banded and explained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lifecycle.errors import ModelError
from models.base import DetailedModel, FloatArray, Route, ScoreModel, Unit
from models.bundle import load_bundle
from models.classes import MODEL_CLASSES, load_class
from models.reasons import tell_reasons

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
RISK_BANDS: Mapping[Route, tuple[float, float]] = {
    "non_contractual": (2 / 3, 1 / 3),
    "contractual": (0.30, 0.10),
    "deals": (0.50, 0.20),
}
"""By route, where a probability is high and medium: of those who hold a contract few ever leave.

Of deals it is the chance to win.
"""
VALUE_HIGH_SHARE, VALUE_MEDIUM_SHARE = 0.50, 0.90


def load_model(folder: Path, digest: str) -> ScoreModel:
    """Load a released model from its bundle.

    Parameters
    ----------
    folder
        Where bundles live.
    digest
        As the ledger holds it.

    Raises
    ------
    BundleError
        The bundle is missing, altered, or of a class this version does not know.
    """
    meta, parts = load_bundle(folder, digest)
    made: ScoreModel = load_class(str(meta["model_class"])).from_parts(parts)
    return made


def score(model: ScoreModel, frame: pa.Table, *, horizon_days: int) -> pa.Table:
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
    values = np.asarray(model.predict(frame, horizon_days=horizon_days), dtype=np.float64)
    if not np.isfinite(values).all():
        raise ModelError(
            f"{model.name}: {(~np.isfinite(values)).sum()} scores are not finite",
            "finite scores",
            "train again",
        )
    reasons, detail, route = _explain(model, frame)
    columns = [
        frame.column("account_id").combine_chunks().cast(pa.string()),
        pa.array(values, pa.float64()),
        pa.array(_rank(values, frame), pa.int64()),
        pa.array(choose_bands(values, model.unit, route=route), pa.string()),
        pa.array([_dump(one) for one in reasons], pa.string()),
        pa.array([_dump(one) for one in detail], pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=SCORE_SCHEMA)


def _explain(
    model: ScoreModel, frame: pa.Table
) -> tuple[list[list[dict[str, Any]]], list[dict[str, Any]], Route]:
    """Return reasons, detail and route; an explanation is the dearest part, so it is made once."""
    if frame.num_rows == 0:
        return [], [], "non_contractual"
    why = model.explain(frame)
    detail: list[dict[str, Any]] = [{}] * frame.num_rows
    if isinstance(model, DetailedModel):
        detail = model.detail(frame, why)
    return tell_reasons(why, frame, unit=model.unit), detail, why.route


def choose_bands(values: FloatArray, unit: Unit, *, route: Route = "non_contractual") -> list[str]:
    """Sort scores into ``high``, ``medium`` and ``low``.

    A probability is high from 2/3 and medium from 1/3 on (0.30 and 0.10 for accounts that hold a
    contract), so that a band means the same next month. Values are banded by their share of the
    total: the largest accounts that together make up the first half are high, those up to nine
    tenths medium, the rest low.

    Examples
    --------
    >>> choose_bands(np.array([0.9, 0.5, 0.1]), "probability")
    ['high', 'medium', 'low']
    >>> choose_bands(np.array([5.0, 60.0, 35.0]), "minor")
    ['low', 'high', 'medium']
    """
    if unit == "probability":
        high, medium = (values >= edge for edge in RISK_BANDS[route])
    else:
        order = np.argsort(-values, kind="stable")
        worth = np.maximum(values[order], 0.0)
        before = np.empty(len(values))
        before[order] = np.cumsum(worth) - worth  # what stands above, so that the first is high
        total = float(worth.sum())
        high = (before < VALUE_HIGH_SHARE * total) & (values > 0)
        medium = (before < VALUE_MEDIUM_SHARE * total) & (values > 0)
    names = np.where(high, "high", np.where(medium, "medium", "low"))
    return [str(name) for name in names]


def _rank(values: FloatArray, frame: pa.Table) -> NDArray[np.int64]:
    keyed = pa.table({"value": -values, "account_id": frame.column("account_id")})
    order = pc.sort_indices(keyed, [("value", "ascending"), ("account_id", "ascending")])
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order.to_numpy()] = np.arange(1, len(values) + 1)
    return ranks


def _dump(reasons: Any) -> str:
    return json.dumps(reasons, sort_keys=True, allow_nan=False, separators=(",", ":"))
