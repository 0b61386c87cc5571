"""What happened after a score: each issued score, once its horizon has passed, beside the fact.

A row is written once and never changed. Where a day was refreshed twice, the score that was
published first counts: it is the one that people saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, select

from ledger.engine import Ledger
from ledger.rows import write_rows
from ledger.tables import at_risk, publications, run_models, runs, score_outcomes, scores


@dataclass(frozen=True)
class MaturedScore:
    """An issued score whose horizon has passed and whose outcome was not written yet.

    Attributes
    ----------
    value
        Probability that was issued.
    treatment
        What the at-risk list said that day: ``none``, ``treated`` or ``held_out``.
    value_if_kept_minor, expected_loss_minor
        As listed that day, in minor units of ``currency``; ``None`` if it was not listed.
    """

    run_id: int
    account_id: str
    model: str
    horizon_days: int
    route: str
    as_of: date
    value: float
    treatment: str | None
    value_if_kept_minor: float | None
    expected_loss_minor: float | None
    currency: str | None


@dataclass(frozen=True)
class ScoreOutcome:
    """What happened within the horizon of one issued score.

    Attributes
    ----------
    happened, happened_on, cause
        Whether it left in [as_of, as_of + horizon), the day it was decided, and why.
    arm
        ``held_out``, ``contact`` (drawn, not held out) or ``none`` (not drawn by then).
    treated
        Whether rescue work was begun for it, before the score or within its horizon.
    known_on
        The day whose knowledge decided it.
    """

    run_id: int
    account_id: str
    model: str
    horizon_days: int
    route: str
    as_of: date
    value: float
    happened: bool
    happened_on: date | None
    cause: str | None
    arm: str
    treated: bool
    value_if_kept_minor: float | None
    expected_loss_minor: float | None
    currency: str | None
    known_on: date
    recorded_at: datetime


_NAMES = [field.name for field in fields(ScoreOutcome)]


def read_matured(ledger: Ledger, model: str, *, known_on: date) -> list[MaturedScore]:
    """Return scores whose horizon had passed by a day, and that have no outcome yet.

    Parameters
    ----------
    known_on
        A score matures when as_of + horizon is this day or before.
    """
    found: dict[tuple[str, int, date], MaturedScore] = {}
    with ledger.reading() as connection:
        for run in _published(connection, model):
            if run.as_of + timedelta(days=run.horizon_days) > known_on:
                continue
            # run by run: the index then leads to the few rows that are not judged yet
            for row in connection.execute(_unjudged(model, run.run_id, run.horizon_days)):
                one = MaturedScore(*row)
                found.setdefault((one.account_id, one.horizon_days, one.as_of), one)
    return list(found.values())


def write_outcomes(ledger: Ledger, rows: Iterable[ScoreOutcome]) -> int:
    """Append outcomes in chunks; return how many.

    Raises
    ------
    ConflictError
        The outcome of an account's score of that day was written before.
    RowsError
        A number is not finite.
    """
    return write_rows(ledger, score_outcomes, (vars(row) for row in rows))


def read_outcomes(ledger: Ledger, model: str, *, account_id: str) -> list[ScoreOutcome]:
    """Return what happened after each of an account's scores, newest first."""
    query = select(*[score_outcomes.c[name] for name in _NAMES])
    query = query.where(score_outcomes.c.model == model)
    query = query.where(score_outcomes.c.account_id == account_id)
    query = query.order_by(score_outcomes.c.as_of.desc(), score_outcomes.c.horizon_days)
    with ledger.reading() as connection:
        return [ScoreOutcome(*row) for row in connection.execute(query)]


def _published(connection: Connection, model: str) -> Sequence[Any]:
    """Return run_id, horizon_days and as_of of a model's published runs, first published first."""
    query = (
        select(run_models.c.run_id, run_models.c.horizon_days, runs.c.as_of, publications.c.id)
        .distinct()
        .join(publications, publications.c.run_id == run_models.c.run_id)
        .join(runs, runs.c.id == run_models.c.run_id)
        .where(run_models.c.model == model)
        .order_by(publications.c.id)
    )
    return connection.execute(query).all()


def _unjudged(model: str, run_id: int, horizon_days: int) -> Select[Any]:
    """Select the columns of `MaturedScore` of one run, those judged already left out."""
    judged = score_outcomes
    known = and_(
        judged.c.model == scores.c.model,
        judged.c.horizon_days == scores.c.horizon_days,
        judged.c.account_id == scores.c.account_id,
        judged.c.as_of == runs.c.as_of,
    )
    listed = and_(at_risk.c.run_id == scores.c.run_id, at_risk.c.account_id == scores.c.account_id)
    joined = (
        scores.join(runs, runs.c.id == scores.c.run_id)
        .outerjoin(judged, known)
        .outerjoin(at_risk, listed)
    )
    issued = ("run_id", "account_id", "model", "horizon_days", "route")
    worth = ("treatment", "value_if_kept_minor", "expected_loss_minor", "currency")
    return (
        select(
            *[scores.c[name] for name in issued],
            runs.c.as_of,
            scores.c.value,
            *[at_risk.c[name] for name in worth],
        )
        .select_from(joined)
        .where(scores.c.run_id == run_id, scores.c.model == model)
        .where(scores.c.horizon_days == horizon_days, judged.c.id.is_(None))
    )
