"""Scores: one model's answer for one account on one day, with its reasons, kept for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, Select, bindparam, func, select

from ledger.documents import dump_document
from ledger.engine import Ledger
from ledger.rows import insert_missing, write_rows
from ledger.tables import (
    at_risk,
    current_runs,
    publications,
    releases,
    run_models,
    runs,
    scores,
)
from ledger.visible import Book, is_in

HISTORY_COUNT = 400


@dataclass(frozen=True)
class ScoreRow:
    """One score to keep.

    Attributes
    ----------
    value
        Probability 0-1 (``unit`` "probability") or expected money in minor units ("minor").
    currency
        ISO 4217 for money, ``None`` for a probability.
    rank
        1 is the highest value among the accounts of the run.
    band
        ``high``, ``medium`` or ``low``.
    reasons
        Mappings with group, label, contribution, value, peer_median, actionable, direction.
    detail
        What the model says beyond the score: risk curve, causes, interval; if it says more.
    """

    account_id: str
    model: str
    horizon_days: int
    release_id: int
    route: str
    value: float
    unit: str
    currency: str | None
    rank: int
    band: str
    reasons: list[dict[str, Any]]
    detail: dict[str, Any] | None = None


@dataclass(frozen=True)
class StoredScore:
    """One score as it was issued; ``reasons`` and ``detail`` stay the JSON text that was kept.

    Attributes
    ----------
    as_of, data_as_of, scored_at
        The day it stands on; when its newest fact was known; when it was computed (UTC).
    current
        Whether it belongs to the run that readers see now.
    """

    account_id: str
    model: str
    horizon_days: int
    route: str
    value: float
    unit: str
    currency: str | None
    rank: int
    band: str
    reasons: str
    detail: str | None
    model_version: str
    as_of: date
    data_as_of: datetime
    scored_at: datetime
    run_id: int
    current: bool


class CurrentScore(NamedTuple):
    """One score of the run that readers see now, in kinds that every driver returns as they are.

    ``reasons`` is the JSON text that was kept; `read_run` and `read_scored_models` tell of the run.
    """

    account_id: str
    horizon_days: int
    route: str
    value: float
    unit: str
    currency: str | None
    rank: int
    band: str
    reasons: str
    release_id: int
    run_id: int


def write_scores(ledger: Ledger, run_id: int, rows: Iterable[ScoreRow]) -> int:
    """Append scores to an open run in chunks; return how many.

    Raises
    ------
    ConflictError
        An account occurs twice for a model and horizon, or the run is closed.
    RowsError
        A number is not finite.
    """
    return write_rows(ledger, scores, _score_rows(run_id, rows), beside=_note_models)


def read_scores(
    ledger: Ledger, model: str, *, account_ids: Sequence[str], horizon_days: int | None = None
) -> list[CurrentScore]:
    """Return the current scores of some accounts by one model, by one statement.

    Accounts without one are left out; the order is the store's.

    Parameters
    ----------
    horizon_days
        ``None`` takes the shortest horizon (days) at which each account was scored: the routes
        may speak over different ones.
    """
    query = _current(len(account_ids), horizon_days is not None)
    values = {"model": model, "horizon_days": horizon_days, "kind": "scores"}
    values.update({f"id_{index}": name for index, name in enumerate(account_ids)})
    rows = [CurrentScore(*row) for row in ledger.fetch(query, values)]
    return rows if horizon_days is not None else _shortest(rows)


def read_account(
    ledger: Ledger, account_id: str, *, run_id: int | None = None
) -> list[StoredScore]:
    """Return an account's scores over all published runs, or of one of them, newest run first.

    The newest 400 are returned; an account never scored gives an empty list.
    """
    query = (
        _issued()
        .where(scores.c.account_id == account_id)
        .order_by(publications.c.id.desc(), scores.c.model, scores.c.horizon_days)
        .limit(HISTORY_COUNT)
    )
    if run_id is not None:
        query = query.where(scores.c.run_id == run_id)
    with ledger.reading() as connection:
        return [StoredScore(*row) for row in connection.execute(query)]


def list_scored(
    ledger: Ledger, run_id: int, model: str, *, limit: int, book: Book | None = None
) -> list[str]:
    """Return at most so many accounts of a book that a run scored by a model, by their id."""
    query = select(scores.c.account_id).distinct().order_by(scores.c.account_id).limit(limit)
    query = query.where(scores.c.run_id == run_id, scores.c.model == model)
    if book is not None:
        mine = select(at_risk.c.account_id).where(at_risk.c.run_id == run_id, *is_in(book, at_risk))
        query = query.where(scores.c.account_id.in_(mine))
    with ledger.reading() as connection:
        return list(connection.scalars(query))


def read_band_edges(
    ledger: Ledger, run_id: int, model: str, *, route: str, horizon_days: int
) -> dict[str, float]:
    """Return the least value of each band among a run's scores of one release; none without."""
    query = (
        select(scores.c.band, func.min(scores.c.value))
        .where(scores.c.run_id == run_id, scores.c.model == model)
        .where(scores.c.route == route, scores.c.horizon_days == horizon_days)
        .group_by(scores.c.band)
    )
    with ledger.reading() as connection:
        return {str(band): float(least) for band, least in connection.execute(query)}


def read_currency(ledger: Ledger, run_id: int) -> str | None:
    """Return the currency of a run's amounts (a company has one); ``None`` without amounts."""
    known = scores.c.currency.is_not(None)
    query = select(scores.c.currency).where(scores.c.run_id == run_id, known).limit(1)
    with ledger.reading() as connection:
        found: str | None = connection.scalar(query)
    return found


def read_scored_models(ledger: Ledger, run_id: int) -> list[RowMapping]:
    """Return what a run scored: model, horizon_days, release_id, version, candidate, by model."""
    query = (
        select(
            run_models.c.model,
            run_models.c.horizon_days,
            run_models.c.release_id,
            releases.c.version,
            releases.c.candidate,
        )
        .join(releases, releases.c.id == run_models.c.release_id)
        .where(run_models.c.run_id == run_id)
        .order_by(run_models.c.model, run_models.c.horizon_days, releases.c.id)
    )
    with ledger.reading() as connection:
        return list(connection.execute(query).mappings())


def _score_rows(run_id: int, rows: Iterable[ScoreRow]) -> Iterator[dict[str, Any]]:
    for row in rows:
        owner = f"account {row.account_id} ({row.model})"
        yield {
            **vars(row),  # as it is: a deep copy of every feature costs more than the writing
            "run_id": run_id,
            "value": float(row.value),
            "rank": int(row.rank),
            "reasons": dump_document(row.reasons, f"the reasons of {owner}"),
            "detail": _dump(row.detail, f"the detail of {owner}"),
        }


def _dump(value: dict[str, Any] | None, owner: str) -> str | None:
    return dump_document(value, owner) if value else None


def _note_models(connection: Connection, chunk: list[Mapping[str, Any]]) -> None:
    names = ("run_id", "model", "horizon_days", "release_id")
    seen = {tuple(row[name] for name in names) for row in chunk}
    rows = [dict(zip(names, values, strict=True)) for values in sorted(seen)]
    insert_missing(connection, run_models, rows)


def _issued() -> Select[Any]:
    """Select the columns of `StoredScore`, in its order, over published runs."""
    joined = (
        scores.join(publications, publications.c.run_id == scores.c.run_id)
        .join(runs, runs.c.id == scores.c.run_id)
        .join(releases, releases.c.id == scores.c.release_id)
        .outerjoin(current_runs, current_runs.c.run_id == scores.c.run_id)
    )
    return select(
        scores.c.account_id,
        scores.c.model,
        scores.c.horizon_days,
        scores.c.route,
        scores.c.value,
        scores.c.unit,
        scores.c.currency,
        scores.c.rank,
        scores.c.band,
        scores.c.reasons,
        scores.c.detail,
        releases.c.version,
        runs.c.as_of,
        runs.c.data_as_of,
        runs.c.started_at,
        scores.c.run_id,
        (current_runs.c.kind.is_not(None)).label("current"),
    ).select_from(joined)


def _shortest(rows: list[CurrentScore]) -> list[CurrentScore]:
    """Keep each account's score over its shortest horizon.

    Here and not in the statement: the store would look for the shortest among the whole run.
    """
    kept: dict[str, CurrentScore] = {}
    for row in rows:
        other = kept.get(row.account_id)
        if other is None or row.horizon_days < other.horizon_days:
            kept[row.account_id] = row
    return list(kept.values())


@lru_cache(maxsize=512)
def _current(ids_count: int, with_horizon: bool) -> Select[Any]:
    """Build the statement for so many ids once, so that its compiled text is found again."""
    query = (
        select(*[scores.c[name] for name in CurrentScore._fields])
        .join(current_runs, current_runs.c.run_id == scores.c.run_id)
        .where(
            current_runs.c.kind == bindparam("kind"),
            scores.c.model == bindparam("model"),
            scores.c.account_id.in_([bindparam(f"id_{index}") for index in range(ids_count)]),
        )
    )
    return (
        query.where(scores.c.horizon_days == bindparam("horizon_days")) if with_horizon else query
    )
