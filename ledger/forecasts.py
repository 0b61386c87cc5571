"""Forecasts: the distribution of a period as it was issued, leg by leg, kept for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

from sqlalchemy import RowMapping, func, select

from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.rows import write_rows
from ledger.runs import Run, published_runs, run_of
from ledger.tables import forecasts, publications, runs


@dataclass(frozen=True)
class ForecastRow:
    """One leg's forecast of one node of one period.

    Attributes
    ----------
    period
        Fiscal quarter, for example ``2012Q1``.
    origin
        The day it was made as of; ``week`` counts from the period's first day (negative: before).
    node
        ``total`` or ``segment=<name>``.
    leg
        The method; ``combined`` is the weighted mean of the others.
    p10_minor, p50_minor, p90_minor, mean_minor
        Quantiles and mean of the period's revenue, minor units of ``currency``.
    served
        Whether this leg is the product's answer for the node.
    parts
        Addends of the served mean in minor units; ``None`` for other legs.
    actual_to_date_minor
        Revenue of the period already known at the origin.
    method
        What made it: weights, settings, versions.
    """

    period: str
    origin: date
    week: int
    node: str
    leg: str
    p10_minor: float
    p50_minor: float
    p90_minor: float
    mean_minor: float
    served: bool
    parts: dict[str, float] | None
    actual_to_date_minor: float | None
    currency: str
    method: dict[str, Any]


@dataclass(frozen=True)
class StoredForecast:
    """The newest issued forecast of a period: its run and all its rows."""

    run: Run
    rows: list[ForecastRow]


_NAMES = [field.name for field in fields(ForecastRow)]


def write_forecasts(ledger: Ledger, run_id: int, rows: Iterable[ForecastRow]) -> int:
    """Append forecasts to an open run of kind ``forecast`` in chunks; return how many rows.

    Raises
    ------
    ConflictError
        A (period, node, leg) occurs twice, or the run is closed.
    RowsError
        A number is not finite.
    """
    return write_rows(ledger, forecasts, _forecast_rows(run_id, rows))


def read_forecast(ledger: Ledger, period: str) -> StoredForecast | None:
    """Return the newest published forecast of a period; ``None`` if there never was one.

    A period that has ended is not in the newest run any more: its last forecast is returned.
    """
    newest = (
        select(func.max(publications.c.id))
        .join(forecasts, forecasts.c.run_id == publications.c.run_id)
        .where(forecasts.c.period == period)
        .scalar_subquery()
    )
    with ledger.reading() as connection:
        found = connection.execute(published_runs().where(publications.c.id == newest))
        row = found.mappings().first()
        if row is None:
            return None
        query = (
            select(*[forecasts.c[name] for name in _NAMES])
            .where(forecasts.c.run_id == row["run_id"], forecasts.c.period == period)
            .order_by(forecasts.c.node, forecasts.c.leg)
        )
        rows = [_row(found) for found in connection.execute(query).mappings()]
    return StoredForecast(run_of(row), rows)


def read_issued(ledger: Ledger, period: str) -> list[RowMapping]:
    """Return what was served for a period's total by each published run, newest first.

    Columns: origin, week, leg, p10_minor, p50_minor, p90_minor, mean_minor, scored_at.
    """
    names = ("origin", "week", "leg", "p10_minor", "p50_minor", "p90_minor", "mean_minor")
    query = (
        select(*[forecasts.c[name] for name in names], runs.c.started_at.label("scored_at"))
        .join(publications, publications.c.run_id == forecasts.c.run_id)
        .join(runs, runs.c.id == forecasts.c.run_id)
        .where(forecasts.c.period == period, forecasts.c.node == "total", forecasts.c.served)
        .order_by(publications.c.id.desc())
        .limit(200)
    )
    with ledger.reading() as connection:
        return list(connection.execute(query).mappings())


def read_periods(ledger: Ledger) -> list[str]:
    """Return the periods that were ever forecast in a published run, newest first."""
    query = (
        select(forecasts.c.period)
        .join(publications, publications.c.run_id == forecasts.c.run_id)
        .distinct()
        .order_by(forecasts.c.period.desc())
    )
    with ledger.reading() as connection:
        return list(connection.scalars(query))


def _forecast_rows(run_id: int, rows: Iterable[ForecastRow]) -> Iterator[dict[str, Any]]:
    for row in rows:
        owner = f"{row.period} {row.node} {row.leg}"
        parts = None if row.parts is None else dump_document(row.parts, f"the parts of {owner}")
        method = dump_document(row.method, f"the method of {owner}")
        yield {**asdict(row), "run_id": run_id, "parts": parts, "method": method}


def _row(row: RowMapping) -> ForecastRow:
    given = dict(row)
    given["parts"] = parse_document(given["parts"])
    given["method"] = parse_document(given["method"])
    return ForecastRow(**given)
