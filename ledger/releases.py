"""Releases: which trained model speaks, since when, and what it was worth on the past.

The newest promotion of a (model, route, horizon) names its champion; MLflow's alias mirrors it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, insert, select

from ledger.audit import Actor, AuditEntry, append_audit
from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.job_effects import is_new_effect
from ledger.tables import promotions, releases
from ledger.webhook_events import tell_promoted
from lifecycle.crashpoint import crashpoint
from lifecycle.errors import ModelNotFoundError

PLACE = ("model", "route", "horizon_days")


@dataclass(frozen=True)
class Release:
    """One model that passed the gate.

    Attributes
    ----------
    model, horizon_days
        What it predicts, and over how many days.
    route
        ``non_contractual`` or ``contractual``.
    candidate
        Name of the estimator that won.
    version
        Shown as ``model_version`` beside each score.
    digest
        SHA-256 (hex) of the data-only bundle; empty for a rule without a bundle.
    as_of
        The day it was trained as of: nothing known later was used.
    metrics, card
        Figures on past origins, and the model card, as JSON mappings.
    release_id
        Given by `write_release`; ``None`` before.
    """

    model: str
    horizon_days: int
    route: str
    candidate: str
    version: str
    digest: str
    as_of: date
    created_at: datetime
    metrics: dict[str, Any]
    card: dict[str, Any]
    mlflow_run_id: str | None = None
    release_id: int | None = None


def write_release(
    ledger: Ledger,
    release: Release,
    *,
    promote: bool = True,
    reason: str = "passed the gate",
    by: Actor | None = None,
) -> int:
    """Append a release and, unless told otherwise, make it the champion; return its id.

    In a job's second try, the id of what its first try released.

    Parameters
    ----------
    by
        Who trained it, for the audit log.

    Raises
    ------
    RowsError
        A metric or the card holds a number that is not finite.
    """
    row = {
        "model": release.model,
        "horizon_days": release.horizon_days,
        "route": release.route,
        "candidate": release.candidate,
        "version": release.version,
        "digest": release.digest,
        "as_of": release.as_of,
        "created_at": release.created_at,
        "metrics": dump_document(release.metrics, f"the metrics of {release.model}"),
        "card": dump_document(release.card, f"the card of {release.model}"),
        "mlflow_run_id": release.mlflow_run_id,
    }
    with ledger.writing() as connection:
        if not is_new_effect(connection, f"release {'/'.join(map(str, _key(release)))}"):
            return _newest(connection, release)
        written = connection.execute(insert(releases).returning(releases.c.id), row)
        release_id = int(written.scalar_one())
        crashpoint("release.written")
        if promote:
            promote_release(connection, replace(release, release_id=release_id), reason=reason)
        entry = AuditEntry(by or Actor("training"), "models.release", f"release:{release_id}")
        told = f"{'promoted' if promote else 'kept beside the champion'}: {reason}"
        append_audit(connection, replace(entry, after_hash=release.digest, reason=told))
    crashpoint("release.promoted")
    return release_id


def read_champion(
    ledger: Ledger, model: str, *, horizon_days: int, route: str | None = None
) -> Release:
    """Return the release that speaks for a model and horizon (days).

    Parameters
    ----------
    route
        ``non_contractual`` or ``contractual``; ``None`` takes whichever was promoted last.

    Raises
    ------
    ModelNotFoundError
        None was released.
    """
    query = _champions().where(releases.c.model == model, releases.c.horizon_days == horizon_days)
    if route is not None:
        query = query.where(releases.c.route == route)
    query = query.order_by(promotions.c.id.desc())
    with ledger.reading() as connection:
        row = connection.execute(query).mappings().first()
    if row is None:
        raise ModelNotFoundError(
            f"no released model {model[:40]!r} over {horizon_days} days",
            "a champion in the ledger",
            f"run `truecast train {model[:40]} --horizon-days {horizon_days}`",
        )
    return _release(row)


def read_champions(ledger: Ledger) -> list[Release]:
    """Return the champion of each (model, route, horizon), by model, horizon and route."""
    order = (releases.c.model, releases.c.horizon_days, releases.c.route)
    query = _champions().order_by(*order)
    with ledger.reading() as connection:
        return [_release(row) for row in connection.execute(query).mappings()]


def read_releases(ledger: Ledger, model: str | None = None) -> list[Release]:
    """Return all releases (of one model), newest first."""
    query = select(releases).order_by(releases.c.id.desc())
    if model is not None:
        query = query.where(releases.c.model == model)
    with ledger.reading() as connection:
        return [_release(row) for row in connection.execute(query).mappings()]


def count_promotions(ledger: Ledger) -> int:
    """Return how many promotions there were, by which a change of champions is seen.

    They are only ever added. Their highest number would not do: of two at the same time, the one
    that was numbered first may be seen last.
    """
    with ledger.reading() as connection:
        return int(connection.scalar(select(func.count()).select_from(promotions)) or 0)


def read_recent_digests(ledger: Ledger, count: int) -> set[str]:
    """Return the bundles of the last ``count`` different releases that each champion's place had.

    A place is a model, route and horizon.
    """
    place = (promotions.c.model, promotions.c.route, promotions.c.horizon_days)
    query = (
        select(*place, releases.c.digest)
        .join(releases, releases.c.id == promotions.c.release_id)
        .group_by(*place, releases.c.digest)
        .order_by(func.max(promotions.c.id).desc())
    )
    kept: dict[tuple[str, str, int], list[str]] = {}
    with ledger.reading() as connection:
        for model, route, horizon_days, digest in connection.execute(query):
            kept.setdefault((model, route, horizon_days), []).append(digest)
    return {digest for found in kept.values() for digest in found[:count]}


def find_speaker(connection: Connection, release: Release) -> Release | None:
    """Return the champion of a release's model, route and horizon; ``None`` if there is none."""
    place = [getattr(releases.c, name) == getattr(release, name) for name in PLACE]
    query = _champions().where(*place)
    row = connection.execute(query).mappings().first()
    return None if row is None else _release(row)


def promote_release(
    connection: Connection, release: Release, *, reason: str, now: datetime | None = None
) -> None:
    """Make a release the champion of its place, in the caller's transaction."""
    promotion = {
        "model": release.model,
        "route": release.route,
        "horizon_days": release.horizon_days,
        "release_id": release.release_id,
        "promoted_at": now or datetime.now(UTC),
        "reason": reason[:500],
    }
    connection.execute(insert(promotions), promotion)
    tell_promoted(connection, promotion)


def read_promoted(ledger: Ledger, release: Release) -> list[int]:
    """Return the releases that had a release's place, the newest promotion first."""
    query = (
        select(promotions.c.release_id)
        .where(promotions.c.model == release.model, promotions.c.route == release.route)
        .where(promotions.c.horizon_days == release.horizon_days)
        .order_by(promotions.c.id.desc())
    )
    with ledger.reading() as connection:
        return [int(one) for one in connection.scalars(query)]


def _key(release: Release) -> tuple[str, str, int]:
    return release.model, release.route, release.horizon_days


def _newest(connection: Connection, release: Release) -> int:
    columns = (releases.c.model, releases.c.route, releases.c.horizon_days)
    same = [column == value for column, value in zip(columns, _key(release), strict=True)]
    return int(connection.execute(select(func.max(releases.c.id)).where(*same)).scalar_one())


def _champions() -> Select[Any]:
    newest = (
        select(func.max(promotions.c.id))
        .group_by(promotions.c.model, promotions.c.route, promotions.c.horizon_days)
        .scalar_subquery()
    )
    joined = releases.join(promotions, promotions.c.release_id == releases.c.id)
    return select(releases).select_from(joined).where(promotions.c.id.in_(newest))


def _release(row: RowMapping) -> Release:
    given = dict(row)
    given["release_id"] = given.pop("id")
    given["metrics"] = parse_document(given["metrics"])
    given["card"] = parse_document(given["card"])
    return Release(**given)
