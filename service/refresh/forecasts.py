"""Forecast the running and the next quarter as of an instant into the ledger.

``forecast_quarter`` is the call that the backtest proves; here it gets, as its past, the vintages
of a backtest that stood on this day or before: a later one knows corrections that came after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from ledger.backtests import read_backtests
from ledger.engine import Ledger
from ledger.forecasts import ForecastRow, write_forecasts
from ledger.runs import begin_run, publish_run, read_current_run
from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import FiscalCalendar, Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.quarter import forecast_quarter
from models.forecast.vintages import QuarterForecast, Vintage
from service.refresh.place import Place, read_data_as_of

QUARTERS_AHEAD = 2


def read_past(ledger: Ledger, snapshot: Snapshot, calendar: FiscalCalendar) -> list[Vintage]:
    """Return the scored vintages that were known as of a snapshot's day; may be empty."""
    run = read_current_run(ledger, "backtest")
    if run is None or run.as_of > snapshot.day:
        return []
    names = [field.name for field in fields(Vintage)]
    return [
        Vintage(**{name: getattr(row, name) for name in names})
        for row in read_backtests(ledger)
        if row.actual_minor is not None and Quarter.parse(row.period, calendar).end <= snapshot.day
    ]


def build_forecasts(
    snapshot: Snapshot,
    ledger: Ledger,
    *,
    place: Place,
    quarters: Sequence[Quarter] | None = None,
    ticker: Ticker | None = None,
) -> list[QuarterForecast]:
    """Forecast the quarter the snapshot stands in and the next one, or the given quarters.

    Raises
    ------
    NotEnoughHistoryError
        Too few days of revenue are known.
    """
    shown = ticker or SilentTicker()
    current = Quarter.containing(snapshot.day, place.calendar)
    wanted = quarters or [current.shift(ahead) for ahead in range(QUARTERS_AHEAD)]
    past = read_past(ledger, snapshot, place.calendar)
    built = []
    for quarter in wanted:
        built.append(forecast_quarter(snapshot, quarter, past=past))
        shown.advance()
    return built


def refresh_forecasts(
    snapshot: Snapshot, ledger: Ledger, *, place: Place, ticker: Ticker | None = None
) -> dict[str, Any]:
    """Forecast as `build_forecasts` does, write the run, and make it visible.

    Returns
    -------
    dict
        run_id and, per period, the served leg and P10, P50, P90 of the total (minor units).
    """
    built = build_forecasts(snapshot, ledger, place=place, ticker=ticker)
    run_id = begin_run(
        ledger,
        "forecast",
        as_of=snapshot.day,
        data_as_of=read_data_as_of(snapshot),
        note={"version": snapshot.version},
    )
    for forecast in built:
        write_forecasts(ledger, run_id, forecast_rows(forecast, snapshot, place.currency))
    publish_run(ledger, run_id)
    return {"run_id": run_id, "forecasts": [describe_forecast(one) for one in built]}


def refresh_forecasts_if_any(
    snapshot: Snapshot,
    ledger: Ledger,
    *,
    place: Place,
    needed: bool,
    ticker: Ticker | None = None,
) -> dict[str, Any]:
    """Forecast as `refresh_forecasts` does, or say why not: a company may live by contracts alone.

    Parameters
    ----------
    needed
        Raise all the same: there are no contracts that the orders would stand beside.

    Raises
    ------
    NotEnoughHistoryError
        It is needed, and too few days of revenue are known.
    """
    try:
        return refresh_forecasts(snapshot, ledger, place=place, ticker=ticker)
    except NotEnoughHistoryError as error:
        if needed:
            raise
        return {"run_id": None, "forecasts": [], "why": str(error)}


def describe_forecast(forecast: QuarterForecast) -> dict[str, Any]:
    """Return what was served for the total, in minor units."""
    leg = forecast.served["total"]
    shown = forecast.leg("total", leg)
    return {
        "period": str(forecast.quarter),
        "week": forecast.week,
        "leg": leg,
        "p10_minor": round(shown.p10_minor),
        "p50_minor": round(shown.p50_minor),
        "p90_minor": round(shown.p90_minor),
        "to_date_minor": round(forecast.actual_to_date_minor),
        "verdict": forecast.verdict,
    }


def forecast_rows(
    forecast: QuarterForecast, snapshot: Snapshot, currency: str
) -> Iterator[ForecastRow]:
    """Yield one ledger row per node and leg, in whole minor units that still add up."""
    whole = whole_parts(forecast.parts)
    for leg in forecast.legs:
        served = forecast.served.get(leg.node) == leg.leg
        parts = whole.get(leg.node, {}) if served else None
        yield ForecastRow(
            period=str(forecast.quarter),
            origin=snapshot.day,
            week=forecast.week,
            node=leg.node,
            leg=leg.leg,
            p10_minor=float(round(leg.p10_minor)),
            p50_minor=float(round(leg.p50_minor)),
            p90_minor=float(round(leg.p90_minor)),
            mean_minor=sum(parts.values()) if parts else float(round(leg.mean_minor)),
            served=served,
            parts=parts,
            actual_to_date_minor=_to_date(forecast, leg.node),
            currency=currency,
            method={
                "verdict": forecast.verdict if served else "",
                "weights": dict(forecast.weights.get(leg.node, {}))
                if leg.leg == "combined"
                else {},
            },
        )


def whole_parts(parts: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Round the parts of every node so that the total stays the sum of the segments.

    Examples
    --------
    >>> whole_parts({"total": {"a": 1.0}, "segment=x": {"a": 0.6}, "segment=y": {"a": 0.4}})
    {'total': {'a': 1.0}, 'segment=x': {'a': 1.0}, 'segment=y': {'a': 0.0}}
    """
    whole = {
        node: {name: float(round(value)) for name, value in one.items()}
        for node, one in parts.items()
    }
    segments = [one for node, one in whole.items() if node != "total"]
    if segments and "total" in whole:
        whole["total"] = {
            name: sum(one.get(name, 0.0) for one in segments) for name in whole["total"]
        }
    return whole


def _to_date(forecast: QuarterForecast, node: str) -> float | None:
    if node == "total":
        return forecast.actual_to_date_minor
    return forecast.parts.get(node, {}).get("to_date")
