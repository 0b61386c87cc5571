"""Scores: one model's answer for one account on one day, with its reasons, kept for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, func, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.rows import write_rows
from ledger.tables import current_runs, publications, releases, run_models, runs, scores

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
    features
        The feature row behind the score, if kept.
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
    features: dict[str, Any] | None = None


@dataclass(frozen=True)
class StoredScore:
    """One score as it was issued; ``reasons`` stays the JSON text that was kept.

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
    model_version: str
    as_of: date
    data_as_of: datetime
    scored_at: datetime
    run_id: int
    current: bool


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
) -> list[StoredScore]:
    """Return the current scores of some accounts by one model; absent accounts are left out.

    Parameters
    ----------
    horizon_days
        ``None`` takes the shortest horizon (days) of the current run.
    """
    query = _CURRENT_SHORTEST if horizon_days is None else _CURRENT_AT
    given = {"model": model, "ids": list(account_ids), "horizon_days": horizon_days}
    with ledger.reading() as connection:
        return [StoredScore(*row) for row in connection.execute(query, given)]


def read_account(ledger: Ledger, account_id: str) -> list[StoredScore]:
    """Return an account's scores over all published runs, newest run first.

    The newest 400 are returned; an account never scored gives an empty list.
    """
    query = (
        _issued()
        .where(scores.c.account_id == account_id)
        .order_by(publications.c.id.desc(), scores.c.model, scores.c.horizon_days)
        .limit(HISTORY_COUNT)
    )
    with ledger.reading() as connection:
        return [StoredScore(*row) for row in connection.execute(query)]


def read_features(
    ledger: Ledger, model: str, *, account_id: str, horizon_days: int
) -> dict[str, Any] | None:
    """Return the feature row behind an account's current score; ``None`` if none was kept."""
    query = (
        select(scores.c.features)
        .join(current_runs, current_runs.c.run_id == scores.c.run_id)
        .where(scores.c.account_id == account_id, scores.c.model == model)
        .where(scores.c.horizon_days == horizon_days)
    )
    with ledger.reading() as connection:
        found: dict[str, Any] | None = parse_document(connection.scalar(query))
    return found


def read_scored_models(ledger: Ledger, run_id: int) -> list[RowMapping]:
    """Return what a run scored: model, horizon_days, version and candidate, by model."""
    query = (
        select(
            run_models.c.model,
            run_models.c.horizon_days,
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
            **asdict(row),
            "run_id": run_id,
            "value": float(row.value),
            "rank": int(row.rank),
            "reasons": dump_document(row.reasons, f"the reasons of {owner}"),
            "features": None
            if row.features is None
            else dump_document(row.features, f"the features of {owner}"),
        }


def _note_models(connection: Connection, chunk: list[Mapping[str, Any]]) -> None:
    names = ("run_id", "model", "horizon_days", "release_id")
    seen = {tuple(row[name] for name in names) for row in chunk}
    rows = [dict(zip(names, values, strict=True)) for values in sorted(seen)]
    connection.execute(sqlite_insert(run_models).on_conflict_do_nothing(), rows)


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
        releases.c.version,
        runs.c.as_of,
        runs.c.data_as_of,
        runs.c.started_at,
        scores.c.run_id,
        (current_runs.c.kind.is_not(None)).label("current"),
    ).select_from(joined)


def _current() -> Select[Any]:
    return _issued().where(
        current_runs.c.kind == "scores",
        scores.c.model == bindparam("model"),
        scores.c.account_id.in_(bindparam("ids", expanding=True)),
    )


_SHORTEST = (
    select(func.min(run_models.c.horizon_days))
    .where(run_models.c.run_id == scores.c.run_id, run_models.c.model == scores.c.model)
    .scalar_subquery()
)
# built once: the compiled statement is then found in the engine's cache at each request
_CURRENT_AT = _current().where(scores.c.horizon_days == bindparam("horizon_days"))
_CURRENT_SHORTEST = _current().where(scores.c.horizon_days == _SHORTEST)
