"""Rows of features and a champion → answers, each with its faults if it has no score."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, TypeVar

import numpy as np

from ledger.documents import dump_document
from lifecycle.errors import DataError, ModelError
from models.answers import choose_bands
from models.base import FloatArray, Route, ScoreModel
from models.columns import Columns
from models.reasons import tell_reasons
from models.serving.checks import Fault, Faults
from models.serving.rows import digest_rows
from service.scoring.keeper import Champion

T = TypeVar("T")
CANNOT = (ModelError, DataError, ArithmeticError, ValueError, IndexError)
"""What a model raises at values that it has no answer for."""
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
    """One row's answer: a score, or faults.

    ``reasons`` is JSON text, empty if not asked for; ``band`` is missing where there is nothing to
    compare with.
    """

    value: float | None = None
    band: str | None = None
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
        Of money: from which amount on the last run's values were ``high`` and ``medium``; empty
        where it has none of that model, route and horizon.
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
    # what is not finite is told of its row; a warning would tell nobody
    with np.errstate(all="ignore"):
        said = _by_halves(lambda part: _predict(model, part, horizon), frame)
        rows = [at for at, value in enumerate(said) if value is not None]
        part = frame if len(rows) == len(said) else frame.take(np.array(rows, dtype=np.intp))
        told: Sequence[str | None] = [""] * len(rows)
        if saying.reasons and rows:
            told = _by_halves(lambda some: _tell(model, some), part)
    values = [value for value in said if value is not None]
    bands, digests = find_bands(saying, np.array(values)), digest_rows(part)
    made = [Row(faults=[CANNOT_SAY])] * len(said)
    answers = zip(values, bands, digests, told, strict=True)
    for at, (value, band, digest, reasons) in zip(rows, answers, strict=True):
        if reasons is not None:
            made[at] = Row(value, band, None, saying.about, digest, reasons)
    return made


def _by_halves(find: Callable[[Columns], list[T | None]], frame: Columns) -> list[T | None]:
    """Return what is found of each row; None for those that take away the others' answers.

    Where all together fail each half is asked: a bad row costs a few questions, not one per row.
    """
    try:
        return find(frame)
    except CANNOT:
        if frame.num_rows == 1:
            return [None]
    middle = frame.num_rows // 2
    halves = np.arange(middle), np.arange(middle, frame.num_rows)
    return [one for half in halves for one in _by_halves(find, frame.take(half))]


def _predict(model: ScoreModel, frame: Columns, horizon_days: int) -> list[float | None]:
    """Return each row's value, whole if it is money; None where it is not finite."""
    values = np.asarray(model.predict(frame, horizon_days=horizon_days), dtype=np.float64)
    if model.unit == "minor":
        values = np.round(values)
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _tell(model: ScoreModel, frame: Columns) -> list[str | None]:
    """Return each row's reasons as JSON; None where they do not add up to a finite value."""
    why = model.explain(frame)
    lost = set(np.nonzero(~np.isfinite(why.contributions))[0].tolist())
    reasons = tell_reasons(why, frame, unit=model.unit, peers=False)
    return [
        None if row in lost else dump_document(one, "the reasons")
        for row, one in enumerate(reasons)
    ]


def find_bands(saying: Saying, values: FloatArray) -> list[str] | list[None]:
    """Return the band of each value: of money, that of the last run's values of the same size.

    Money has none where that run holds no such values to compare with.
    """
    if saying.champion.model.unit == "probability":
        route: Route = saying.champion.release.route  # type: ignore[assignment]
        return choose_bands(values, "probability", route=route)
    edges = saying.edges
    if not edges:
        return [None] * len(values)
    high, medium = edges.get("high", np.inf), edges.get("medium", edges.get("high", np.inf))
    names = np.where(values >= high, "high", np.where(values >= medium, "medium", "low"))
    return [str(name) for name in names]
