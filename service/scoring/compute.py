"""Rows of features and a champion → answers, each with its faults if it has no score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import numpy as np

from ledger.documents import dump_document
from lifecycle.errors import ModelError
from models.answers import answer, choose_bands, predict_values
from models.base import FloatArray, Route
from models.columns import Columns
from models.serving.checks import Fault, Faults
from models.serving.rows import digest_rows
from service.scoring.keeper import Champion

CANNOT_SAY = Fault("features", "cannot-say", "values for which the model has a finite answer")


@dataclass(frozen=True)
class About:
    """What scores of one answer have in common (`service.scoring.shapes.Scored`)."""

    unit: str
    currency: str | None
    route: str
    horizon_days: int
    model_version: str
    as_of: date | None
    data_as_of: datetime | None
    scored_at: datetime
    stale: bool
    issued: bool


class Row(NamedTuple):
    """One row's answer: a score, or faults. ``reasons`` is JSON text, empty if not asked for."""

    value: float | None = None
    band: str = ""
    rank: int | None = None
    about: About | None = None
    digest: str | None = None
    reasons: str = ""
    faults: Sequence[Fault] = ()


@dataclass(frozen=True)
class Saying:
    """Who speaks, and how.

    Attributes
    ----------
    edges
        Of money: from which amount on the last run's values were ``high`` and ``medium``.
    reasons
        Whether to tell them; they cost many times the score.
    """

    champion: Champion
    about: About
    edges: Mapping[str, float]
    reasons: bool


def compute_rows(saying: Saying, frame: Columns, faults: Faults) -> list[Row]:
    """Score the rows that have no fault; return all, in their order."""
    if not faults:
        return _compute(saying, frame) if frame.num_rows else []
    rows = [Row(faults=faults.get(at, ())) for at in range(frame.num_rows)]
    good = [at for at in range(frame.num_rows) if at not in faults]
    if good:
        part = frame.take(np.array(good, dtype=np.intp))
        for at, row in zip(good, _compute(saying, part), strict=True):
            rows[at] = row
    return rows


def _compute(saying: Saying, frame: Columns) -> list[Row]:
    model, horizon = saying.champion.model, saying.champion.release.horizon_days
    told = [""] * frame.num_rows
    try:
        if saying.reasons:
            found = answer(model, frame, horizon_days=horizon, peers=False)
            values = found.values
            told = [dump_document(one, "the reasons") for one in found.reasons]
        else:
            values = predict_values(model, frame, horizon_days=horizon)
    except ModelError:
        if frame.num_rows == 1:
            return [Row(faults=[CANNOT_SAY])]
        # one row without an answer must not take the others' away
        single = [frame.take(np.array([at])) for at in range(frame.num_rows)]
        return [_compute(saying, one)[0] for one in single]
    if model.unit == "minor":
        values = np.round(values)
    bands, digests = find_bands(saying, values), digest_rows(frame)
    return [
        Row(value, band, None, saying.about, digest, reasons)
        for value, band, digest, reasons in zip(values.tolist(), bands, digests, told, strict=True)
    ]


def find_bands(saying: Saying, values: FloatArray) -> list[str]:
    """Return the band of each value: of money, that of the last run's values of the same size."""
    if saying.champion.model.unit == "probability":
        route: Route = saying.champion.release.route  # type: ignore[assignment]
        return choose_bands(values, "probability", route=route)
    edges = saying.edges
    high, medium = edges.get("high", np.inf), edges.get("medium", edges.get("high", np.inf))
    names = np.where(values >= high, "high", np.where(values >= medium, "medium", "low"))
    return [str(name) for name in names]
