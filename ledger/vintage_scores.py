"""What came of what was said: actuals of ended quarters, and each vintage's own scores.

The scores are computed elsewhere (the ledger knows no models) and kept here, once per vintage and
for good: a later correction of the actual does not rewrite a record. They are seen as soon as their
vintage is; the run that recorded them is only named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, Subquery, func, select

from ledger.books import TOTAL, check_target
from ledger.documents import parse_document
from ledger.engine import Ledger
from ledger.forecast_tables import period_actuals, vintage_scores, vintages
from ledger.rows import write_rows
from ledger.tables import publications


@dataclass(frozen=True)
class ActualRow:
    """What an ended quarter was at a node, minor units, as known before a day."""

    target: str
    period: str
    node: str
    actual_minor: float
    known_on: date


@dataclass(frozen=True, slots=True)
class Unscored:
    """A vintage that was not judged yet.

    Attributes
    ----------
    id
        What its scores are written under.
    range_minor
        P10, P50 and P90, minor units.
    quantiles
        All 21; ``None`` where only the range was kept.
    """

    id: int
    origin: date
    node: str
    leg: str
    mean_minor: float
    range_minor: tuple[float, float, float]
    quantiles: tuple[int, ...] | None
    to_date_minor: float | None


def write_actuals(ledger: Ledger, run_id: int, rows: Iterable[ActualRow]) -> int:
    """Append actuals to an open run in chunks; return how many.

    Raises
    ------
    ConflictError
        A quarter's node occurs twice in the run, or the run is closed.
    RowsError
        A number is not finite.
    UsageError
        A target is unknown.
    """
    return write_rows(ledger, period_actuals, _actual_rows(run_id, rows))


def read_actuals(ledger: Ledger, target: str, *, node: str | None = TOTAL) -> list[ActualRow]:
    """Return what published runs know of a target's quarters, the newest knowledge of each.

    Parameters
    ----------
    node
        ``None`` means each of them.
    """
    newest = newest_actuals(target)
    query = select(newest).order_by(newest.c.period, newest.c.node)
    if node is not None:
        query = query.where(newest.c.node == node)
    with ledger.reading() as connection:
        return [ActualRow(target, *row) for row in connection.execute(query)]


def newest_actuals(target: str) -> Subquery:
    """Select period, node, actual_minor and known_on, one row per quarter and node.

    Raises
    ------
    UsageError
        The target is unknown.
    """
    check_target(target)
    here = period_actuals.c
    key, names = (here.period, here.node), (here.actual_minor, here.known_on)
    order = (here.known_on.desc(), publications.c.id.desc())
    place = func.row_number().over(partition_by=key, order_by=order)
    every = (
        select(*key, *names, place.label("place"))
        .join(publications, publications.c.run_id == here.run_id)
        .where(here.target == target)
        .subquery()
    )
    kept = [every.c[name] for name in ("period", "node", "actual_minor", "known_on")]
    return select(*kept).where(every.c.place == 1).subquery("actuals")


def read_unscored_periods(ledger: Ledger) -> list[tuple[str, str]]:
    """Return (target, period) of which published vintages wait for their scores or their actual.

    A run that died between the two has scored them, and its actual is seen by nobody. Quarters that
    have not ended are among them: who asks knows the calendar.
    """
    here = (vintages.c.target, vintages.c.period)
    waiting = _unscored(select(*here)).join(
        publications, publications.c.run_id == vintages.c.run_id
    )
    said = select(*here).join(publications, publications.c.run_id == vintages.c.run_id)
    known = select(period_actuals.c.target, period_actuals.c.period).join(
        publications, publications.c.run_id == period_actuals.c.run_id
    )
    with ledger.reading() as connection:
        wait = {tuple(row) for row in connection.execute(waiting.distinct())}
        told = {tuple(row) for row in connection.execute(said.distinct())}
        told -= {tuple(row) for row in connection.execute(known.distinct())}
    return sorted((target, period) for target, period in wait | told)


def read_unscored(
    ledger: Ledger, target: str, period: str, *, run_id: int | None = None
) -> list[Unscored]:
    """Return the vintages of a quarter that were not judged yet, by origin, node and leg.

    Parameters
    ----------
    run_id
        Only those of this run, which may still be open; without it, those of published runs.
    """
    check_target(target)
    here = vintages.c
    names = ("id", "origin", "node", "leg", "mean_minor", "to_date_minor", "quantiles")
    ends = (here.p10_minor, here.p50_minor, here.p90_minor)
    query = _unscored(select(*[here[name] for name in names], *ends))
    query = query.where(here.target == target, here.period == period)
    if run_id is None:
        query = query.join(publications, publications.c.run_id == here.run_id)
    else:
        query = query.where(here.run_id == run_id)
    query = query.order_by(here.origin, here.node, here.leg, here.id)
    with ledger.reading() as connection:
        return [_waiting(dict(row)) for row in connection.execute(query).mappings()]


def write_vintage_scores(
    ledger: Ledger,
    run_id: int,
    scored: Iterable[tuple[int, Mapping[str, Any]]],
    *,
    known_on: date,
) -> int:
    """Append scores to an open run in chunks; return how many.

    Parameters
    ----------
    scored
        Vintage ids, and the columns of the table beside them: what
        ``models.forecast.scoring.Scores.rows`` yields.
    known_on
        The day whose knowledge gave the actual.

    Raises
    ------
    ConflictError
        A vintage was judged before, or the run is closed.
    RowsError
        A number is not finite.
    """
    beside = {"run_id": run_id, "known_on": known_on}
    rows = ({"vintage_id": one, **row, **beside} for one, row in scored)
    return write_rows(ledger, vintage_scores, rows)


def _actual_rows(run_id: int, rows: Iterable[ActualRow]) -> Iterator[dict[str, Any]]:
    for row in rows:
        check_target(row.target)
        yield {**vars(row), "run_id": run_id}


def _unscored(query: Select[Any]) -> Select[Any]:
    judged = vintage_scores.c.vintage_id == vintages.c.id
    return query.select_from(vintages.outerjoin(vintage_scores, judged)).where(
        vintage_scores.c.vintage_id.is_(None)
    )


def _waiting(row: dict[str, Any]) -> Unscored:
    ends = tuple(row.pop(name) for name in ("p10_minor", "p50_minor", "p90_minor"))
    quantiles = parse_document(row.pop("quantiles"))
    whole = None if quantiles is None else tuple(quantiles)
    return Unscored(**row, range_minor=ends, quantiles=whole)
