"""Forecast the running and the next quarter as of an instant into the ledger, target by target.

The engines and ``conclude`` are those that the backtest proves; what past forecasts teach comes
from the ledger: the newest backtest, and whatever was issued since.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.books import Book, VintageRow, write_books
from ledger.engine import Ledger
from ledger.runs import begin_run, publish_run
from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.conclude import Concluded, conclude
from models.forecast.engines import Engine, open_engines
from models.forecast.telling import tell_forecast, tell_rows, tell_total
from service.refresh.past_forecasts import PastForecasts
from service.refresh.place import Place, read_data_as_of

QUARTERS_AHEAD = 2


def build_forecasts(
    snapshot: Snapshot,
    ledger: Ledger,
    *,
    place: Place,
    quarters: Sequence[Quarter] | None = None,
    ticker: Ticker | None = None,
) -> list[Concluded]:
    """Forecast the quarter the snapshot stands in and the next one, or the given quarters.

    Every target that the facts speak of, each for itself.

    Raises
    ------
    NotEnoughHistoryError
        Too little is known for any of them.
    UsageError
        A quarter lies too far ahead.
    """
    shown = ticker or SilentTicker()
    current = Quarter.containing(snapshot.day, place.calendar)
    wanted = quarters or [current.shift(ahead) for ahead in range(QUARTERS_AHEAD)]
    engines = open_engines(
        snapshot, facts=lambda _: snapshot, calendar=place.calendar, currency=place.currency
    )
    past = PastForecasts(ledger, engines, snapshot)
    built: list[Concluded] = []
    reasons: list[NotEnoughHistoryError] = []
    for quarter in wanted:
        for engine in engines:
            built += _conclude(engine, quarter, snapshot, past=past, reasons=reasons)
        shown.advance()
    if not built:
        raise reasons[0] if reasons else nothing_to_forecast(snapshot)
    return built


def refresh_forecasts(
    snapshot: Snapshot, ledger: Ledger, *, place: Place, ticker: Ticker | None = None
) -> dict[str, Any]:
    """Forecast as `build_forecasts` does, write the run, and make it visible.

    Returns
    -------
    dict
        run_id and, per target and period, the served leg and P10, P50, P90 of the total (minor
        units).
    """
    built = build_forecasts(snapshot, ledger, place=place, ticker=ticker)
    run_id = begin_run(
        ledger,
        "forecast",
        as_of=snapshot.day,
        data_as_of=read_data_as_of(snapshot),
        note={"version": snapshot.version},
    )
    write_books(ledger, run_id, (build_book(one, snapshot, place.currency) for one in built))
    publish_run(ledger, run_id)
    return {"run_id": run_id, "forecasts": [tell_total(one) for one in built]}


def refresh_forecasts_if_any(
    snapshot: Snapshot,
    ledger: Ledger,
    *,
    place: Place,
    needed: bool,
    ticker: Ticker | None = None,
) -> dict[str, Any]:
    """Forecast as `refresh_forecasts` does, or say why not.

    Parameters
    ----------
    needed
        Raise all the same: there is nothing else that the forecast would stand beside.

    Raises
    ------
    NotEnoughHistoryError
        It is needed, and too little is known.
    """
    try:
        return refresh_forecasts(snapshot, ledger, place=place, ticker=ticker)
    except NotEnoughHistoryError as error:
        if needed:
            raise
        return {"run_id": None, "forecasts": [], "why": str(error)}


def build_book(concluded: Concluded, snapshot: Snapshot, currency: str) -> Book:
    """Return what the ledger keeps of a forecast."""
    rows = [VintageRow.of_grid(**row) for row in tell_rows(concluded)]
    told = tell_forecast(concluded)
    return Book(**told, data_hash=snapshot.version, currency=currency, rows=rows)


def nothing_to_forecast(snapshot: Snapshot) -> NotEnoughHistoryError:
    """Return the error of a lake without anything that brings money."""
    return NotEnoughHistoryError(
        f"no order, deal or contract known before {snapshot.day}",
        "26 weeks of orders, deals or contracts",
        "ingest them, or choose a later day",
    )


def _conclude(
    engine: Engine,
    quarter: Quarter,
    snapshot: Snapshot,
    *,
    past: PastForecasts,
    reasons: list[NotEnoughHistoryError],
) -> list[Concluded]:
    try:
        raws = engine.raw(snapshot.day, quarter)
    except NotEnoughHistoryError as error:
        reasons.append(error)
        return []
    return [conclude(raw, past.judged(raw.target, quarter)) for raw in raws]
