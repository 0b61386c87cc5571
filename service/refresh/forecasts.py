"""Forecast the running and the next quarter as of an instant into the ledger, target by target.

The engines and ``conclude`` are those that the backtest proves; what past forecasts teach comes
from the ledger: the newest backtest, and whatever was issued since.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.books import Book, ChanceRow, VintageRow, write_books
from ledger.engine import Ledger
from ledger.runs import begin_run, publish_run
from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import NotEnoughHistoryError, TruecastError, UsageError
from lifecycle.periods import Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.conclude import Concluded, conclude
from models.forecast.engines import Engine, open_engines
from models.forecast.gap.answer import Shown, quarter_chances
from models.forecast.targets import Target, read_targets
from models.forecast.telling import tell_forecast, tell_rows, tell_total
from service.refresh.gaps import build_gaps, write_beside
from service.refresh.judged_forecasts import judge_forecasts
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
        A quarter lies too far ahead for all of them.
    """
    engines = open_refresh_engines(snapshot, place)
    wanted = quarters or next_quarters(snapshot, place)
    return _build(snapshot, ledger, engines, quarters=wanted, ticker=ticker)


def next_quarters(snapshot: Snapshot, place: Place) -> list[Quarter]:
    """Return the quarter in which the snapshot stands, and the next."""
    current = Quarter.containing(snapshot.day, place.calendar)
    return [current.shift(ahead) for ahead in range(QUARTERS_AHEAD)]


def open_refresh_engines(snapshot: Snapshot, place: Place) -> list[Engine]:
    """Open the engines on one snapshot, to be asked as of its day."""
    return open_engines(
        snapshot, facts=lambda _: snapshot, calendar=place.calendar, currency=place.currency
    )


def refresh_forecasts(
    snapshot: Snapshot, ledger: Ledger, *, place: Place, ticker: Ticker | None = None
) -> dict[str, Any]:
    """Forecast as `build_forecasts` does, write the run with its gaps, and make it visible.

    Earlier forecasts whose quarter has ended since are judged in the same run.

    Returns
    -------
    dict
        run_id, judged (vintages) and, per target and period, the served leg and P10, P50, P90 of
        the total (minor units).
    """
    engines = open_refresh_engines(snapshot, place)
    wanted = next_quarters(snapshot, place)
    built = _build(snapshot, ledger, engines, quarters=wanted, ticker=ticker)
    beside = build_gaps(built, engines, snapshot, ledger=ledger, currency=place.currency)
    run_id = begin_run(
        ledger,
        "forecast",
        as_of=snapshot.day,
        data_as_of=read_data_as_of(snapshot),
        note={"version": snapshot.version},
    )
    targets = read_targets(snapshot)
    books = (build_book(one, snapshot, place.currency, targets) for one in built)
    write_books(ledger, run_id, books)
    write_beside(ledger, run_id, beside)
    judged = judge_forecasts(ledger, run_id, engines, snapshot, calendar=place.calendar)
    publish_run(ledger, run_id)
    return {"run_id": run_id, "judged": judged, "forecasts": [tell_total(one) for one in built]}


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


def build_book(
    concluded: Concluded, snapshot: Snapshot, currency: str, targets: Sequence[Target] = ()
) -> Book:
    """Return what the ledger keeps of a forecast, chances to reach its targets among it."""
    rows = [VintageRow.of_grid(**row) for row in tell_rows(concluded)]
    told = tell_forecast(concluded)
    served = concluded.legs[concluded.served].grid_minor
    chances = quarter_chances(Shown(concluded.raw, served, currency), targets)
    return Book(
        **told,
        data_hash=snapshot.version,
        currency=currency,
        rows=rows,
        chances=[ChanceRow(**one) for one in chances],
    )


def nothing_to_forecast(snapshot: Snapshot) -> NotEnoughHistoryError:
    """Return the error of a lake without anything that brings money."""
    return NotEnoughHistoryError(
        f"no order, deal or contract known before {snapshot.day}",
        "26 weeks of orders, deals or contracts",
        "ingest them, or choose a later day",
    )


def _build(
    snapshot: Snapshot,
    ledger: Ledger,
    engines: Sequence[Engine],
    *,
    quarters: Sequence[Quarter],
    ticker: Ticker | None,
) -> list[Concluded]:
    shown = ticker or SilentTicker()
    past = PastForecasts(ledger, engines, snapshot)
    built: list[Concluded] = []
    reasons: list[TruecastError] = []
    for quarter in quarters:
        for engine in engines:
            try:
                raws = engine.raw(snapshot.day, quarter)
            except (NotEnoughHistoryError, UsageError) as error:
                reasons.append(error)  # another target may reach farther
                continue
            built += [conclude(raw, past.judged(raw.target, quarter)) for raw in raws]
        shown.advance()
    if not built:
        raise reasons[0] if reasons else nothing_to_forecast(snapshot)
    return built
