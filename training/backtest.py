"""Forecast every past quarter from each of its weeks, with only what was known then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

import numpy as np

from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import FiscalCalendar, Quarter
from models import accuracy
from models.forecast.quarter import FEWEST_DAYS, forecast_sales
from models.forecast.sales import KnownFacts, read_sales
from models.forecast.vintages import RIVALS, SEASONAL_NAIVE, Vintage

NOMINAL = 0.8


class Facts(Protocol):
    """What the backtest needs of a history."""

    def as_of(self, day: date) -> KnownFacts:
        """Return what was known before a day."""


def run_backtest(
    history: Facts,
    *,
    quarters: int,
    calendar: FiscalCalendar,
    as_of: date,
    progress: Ticker | None = None,
) -> list[Vintage]:
    """Walk forward through the last ended quarters, one forecast a week of each.

    Every forecast sees ``history.as_of(origin)`` and the vintages of quarters that had ended by
    then. Actuals are filled in at the end with what is known before ``as_of``.

    Parameters
    ----------
    history
        All facts; asked only for what was known before an origin.
    quarters
        How many ended quarters to go back; origins with under 26 weeks of history are passed over.
    calendar
        The company's fiscal calendar.
    as_of
        The day the backtest is made for.
    progress
        Counts origins; see `backtest_origins` for their number.

    Raises
    ------
    NotEnoughHistoryError
        No origin has enough history.
    """
    ticker = progress or SilentTicker()
    made: list[Vintage] = []
    for quarter, origin in backtest_origins(quarters=quarters, calendar=calendar, as_of=as_of):
        made += _vintages_at(history, quarter, origin, made)
        ticker.advance()
    if not made:
        raise NotEnoughHistoryError(
            f"no week of the {quarters} quarters before {as_of} has {FEWEST_DAYS} days before it",
            f"orders for {FEWEST_DAYS} days and one ended quarter",
            "ingest older orders, or wait",
        )
    return _with_actuals(made, history, calendar=calendar, as_of=as_of)


def backtest_origins(
    *, quarters: int, calendar: FiscalCalendar, as_of: date
) -> list[tuple[Quarter, date]]:
    """Return the (quarter, week start) pairs of the last ended quarters, oldest first."""
    running = Quarter.containing(as_of, calendar)
    past = [running.shift(-back) for back in range(quarters, 0, -1)]
    return [(quarter, day) for quarter in past for day in quarter.week_starts()]


@dataclass(frozen=True)
class AccuracyRow:
    """How right one leg was at one node, at one week of the quarter or over all (week None).

    Parameters
    ----------
    node, leg, week
        What was forecast, by whom, when.
    wape
        Sum of absolute errors over sum of actuals (1 = 100 %).
    bias
        Sum of forecasts over sum of actuals, minus 1; above 0 is over-forecasting.
    interval_score
        Mean score of P10 to P90 (Gneiting and Raftery 2007), as a share of the mean actual.
    width
        Mean P90 - P10 as a share of the mean actual.
    covered
        Share of actuals inside P10 to P90: shown, not claimed.
    vintages_count
        Forecasts scored.
    quarters_count
        Quarters behind them: the effective n, as a quarter's weeks share one outcome.
    interval_score_ratio
        Own interval score over seasonal naive's on the same vintages; None where it is undefined.
    quarters_won
        By rival, quarters in which the leg's mean absolute error was smaller, over the vintages
        at which both spoke.
    quarters_compared
        By rival, quarters in which both spoke.
    wape_ratios
        By rival, own WAPE over the rival's on those same vintages; below 1 is better. Compare two
        legs by this, not by `wape`: legs speak in different quarters.
    """

    node: str
    leg: str
    week: int | None
    wape: float
    bias: float
    interval_score: float
    width: float
    covered: float
    vintages_count: int
    quarters_count: int
    interval_score_ratio: float | None
    quarters_won: dict[str, int]
    quarters_compared: dict[str, int]
    wape_ratios: dict[str, float]


def summarise(vintages: Sequence[Vintage], *, comparable: bool = True) -> list[AccuracyRow]:
    """Return accuracy by node, leg and week, then over all weeks; unscored vintages are left out.

    Parameters
    ----------
    vintages
        What `run_backtest` returned.
    comparable
        Look only at origins at which seasonal naive spoke, where there are any: a company's first
        year is harder, and a rule that is silent there would look better than one that is not.
        Legs that began later still have fewer vintages: between two legs read ``wape_ratios``.
    """
    known = [v for v in vintages if v.actual_minor is not None]
    held = common(known, (SEASONAL_NAIVE,)) if comparable else []
    known = held or known
    rows = []
    for node in _in_order(v.node for v in known):
        at_node = [v for v in known if v.node == node]
        for leg in _in_order(v.leg for v in at_node):
            weeks = sorted({v.week for v in at_node if v.leg == leg})
            for week in (*weeks, None):
                rows.append(_accuracy(at_node, leg, week))
    return rows


def common(vintages: Sequence[Vintage], legs: Sequence[str]) -> list[Vintage]:
    """Keep the vintages of origins and nodes at which every one of ``legs`` spoke."""
    spoke: dict[tuple[str, date, str], set[str]] = {}
    for v in vintages:
        spoke.setdefault((v.period, v.origin, v.node), set()).add(v.leg)
    return [v for v in vintages if spoke[v.period, v.origin, v.node].issuperset(legs)]


def _vintages_at(
    history: Facts, quarter: Quarter, origin: date, made: Sequence[Vintage]
) -> list[Vintage]:
    snapshot = history.as_of(origin)
    try:
        sales = read_sales(snapshot)
        forecast = forecast_sales(sales, snapshot, quarter, past=made)
    except NotEnoughHistoryError:
        return []
    return forecast.vintages(origin)


def _with_actuals(
    made: Sequence[Vintage], history: Facts, *, calendar: FiscalCalendar, as_of: date
) -> list[Vintage]:
    sales = read_sales(history.as_of(as_of))
    periods = {v.period for v in made}
    actual = {
        period: dict(zip(sales.nodes, sales.actual(Quarter.parse(period, calendar)), strict=True))
        for period in periods
    }
    # A node that has since vanished (a corrected segment) has no actual: it stays unscored.
    return [
        replace(v, actual_minor=float(actual[v.period][v.node]))
        if v.node in actual[v.period]
        else v
        for v in made
    ]


def _accuracy(at_node: Sequence[Vintage], leg: str, week: int | None) -> AccuracyRow:
    rows = [v for v in at_node if week is None or v.week == week]
    own = [v for v in rows if v.leg == leg]
    actual, mean = _column(own, "actual_minor"), _column(own, "mean_minor")
    low, high = _column(own, "p10_minor"), _column(own, "p90_minor")
    size = float(np.abs(actual).mean())
    score = accuracy.interval_score(actual, low, high, level=NOMINAL)
    duels = _duels(rows, leg)
    return AccuracyRow(
        node=own[0].node,
        leg=leg,
        week=week,
        wape=_share(float(np.abs(mean - actual).mean()), size),
        bias=_share(float((mean - actual).mean()), size),
        interval_score=_share(score, size),
        width=_share(float((high - low).mean()), size),
        covered=float(((low <= actual) & (actual <= high)).mean()),
        vintages_count=len(own),
        quarters_count=len({v.period for v in own}),
        interval_score_ratio=_score_ratio(rows, leg),
        quarters_won={rival: duel.won for rival, duel in duels.items()},
        quarters_compared={rival: duel.quarters for rival, duel in duels.items()},
        wape_ratios={rival: duel.ratio for rival, duel in duels.items()},
    )


def _score_ratio(rows: Sequence[Vintage], leg: str) -> float | None:
    both = common(rows, (leg, SEASONAL_NAIVE))
    scores = []
    for name in (leg, SEASONAL_NAIVE):
        own = [v for v in both if v.leg == name]
        if not own:
            return None
        scores.append(
            accuracy.interval_score(
                _column(own, "actual_minor"),
                _column(own, "p10_minor"),
                _column(own, "p90_minor"),
                level=NOMINAL,
            )
        )
    return scores[0] / scores[1] if scores[1] > 0 else None


@dataclass(frozen=True)
class _Duel:
    won: int
    quarters: int
    ratio: float


def _duels(rows: Sequence[Vintage], leg: str) -> dict[str, _Duel]:
    duels = {}
    for rival in (name for name in RIVALS if name != leg):
        both = common(rows, (leg, rival))
        periods = _in_order(v.period for v in both)
        if periods:
            ours, theirs = (
                [_errors(both, name, period) for period in periods] for name in (leg, rival)
            )
            won = sum(a.mean() < b.mean() for a, b in zip(ours, theirs, strict=True))
            against = float(np.concatenate(theirs).sum())
            ratio = _share(float(np.concatenate(ours).sum()), against) if against > 0 else 1.0
            duels[rival] = _Duel(int(won), len(periods), ratio)
    return duels


def _errors(rows: Sequence[Vintage], leg: str, period: str) -> np.ndarray:
    own = [v for v in rows if v.leg == leg and v.period == period]
    return np.asarray(np.abs(_column(own, "mean_minor") - _column(own, "actual_minor")))


def _column(rows: Sequence[Vintage], name: str) -> np.ndarray:
    return np.array([getattr(v, name) for v in rows], dtype=np.float64)


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _in_order(names: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(names))
