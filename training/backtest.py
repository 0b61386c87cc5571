"""Forecast every past quarter from each of its weeks, with only what was known then.

In two passes. The raw legs of an origin look at nothing but what was known there, so they are made
quarter by quarter in any order, side by side in several processes, and kept on disk: a run that was
killed takes up where it stopped. What past forecasts teach is then added in order of time, each
origin learning only from quarters that had ended before it, with actuals as known there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import FiscalCalendar, Quarter
from models.forecast.conclude import Concluded, conclude
from models.forecast.engines import Engine
from models.forecast.judged import Judged, Said, judge
from models.forecast.raw import RawForecast

Actuals = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Backtest:
    """Past forecasts in order of origin, and what happened.

    Parameters
    ----------
    forecasts
        As they would have been served.
    actuals
        By period, target and node, as known on the day of the backtest, minor units.
    """

    forecasts: tuple[Concluded, ...]
    actuals: Mapping[str, Actuals]

    def actual(self, forecast: Concluded) -> Mapping[str, float]:
        """Return what came of a forecast by node; empty while its quarter runs."""
        raw = forecast.raw
        return self.actuals.get(str(raw.quarter), {}).get(raw.target, {})


@dataclass
class Record:
    """The track record of all targets as it stands at one origin after another.

    Origins have to come in order of time.
    """

    engines: Sequence[Engine]
    calendar: FiscalCalendar
    said: dict[str, list[Said]] = field(default_factory=dict)
    _told: dict[str, Actuals] = field(default_factory=dict, repr=False)
    _told_on: date = field(default=date.min, repr=False)
    _known: dict[tuple[str, str], Mapping[str, float]] = field(default_factory=dict, repr=False)
    _judged: dict[tuple[str, str, date], Judged] = field(default_factory=dict, repr=False)

    def add(self, target: str, said: Said) -> None:
        """Remember what was said, to be judged once its quarter has ended."""
        self.said.setdefault(target, []).append(said)

    def judged(self, target: str, origin: date) -> list[Judged]:
        """Return the forecasts of quarters that had ended by an origin, scored as known there."""
        found = []
        for said in self.said.get(target, []):
            actual = self._actuals(said.period, origin).get(target)
            if actual:
                self._forget_if_changed(target, said.period, actual)
                key = (target, said.period, said.origin)
                if key not in self._judged:
                    self._judged[key] = judge(said, actual)
                found.append(self._judged[key])
        return found

    def _forget_if_changed(self, target: str, period: str, actual: Mapping[str, float]) -> None:
        """After a late fact, let what was said of that quarter be judged again."""
        before = self._known.get((target, period))
        if before is not actual and before != actual:
            self._judged = {
                key: one for key, one in self._judged.items() if key[:2] != (target, period)
            }
        self._known[target, period] = actual

    def _actuals(self, period: str, origin: date) -> Actuals:
        quarter = Quarter.parse(period, self.calendar)
        if quarter.end > origin:
            return {}
        if origin != self._told_on:
            self._told_on, self._told = origin, {}
        if period in self._told:  # every forecast of the quarter asks
            return self._told[period]
        self._told[period] = read_actuals(self.engines, quarter, origin)
        return self._told[period]


def run_backtest(
    engines: Sequence[Engine],
    origins: Sequence[tuple[Quarter, date]],
    *,
    as_of: date,
    raws: Callable[[Quarter, Sequence[date]], list[RawForecast]] | None = None,
    progress: Ticker | None = None,
) -> Backtest:
    """Walk forward through origins, one forecast each of every target.

    Parameters
    ----------
    engines
        One per family of targets.
    origins
        Of `backtest_origins`, in order of time.
    as_of
        The day the backtest is made for: actuals are those known before it.
    raws
        Where the raw legs of a quarter's origins come from; without, the engines make them.
    progress
        Counts origins.

    Raises
    ------
    NotEnoughHistoryError
        No origin has enough history.
    """
    ticker = progress or SilentTicker()
    record = Record(engines, origins[0][0].calendar if origins else FiscalCalendar())
    made: list[Concluded] = []
    for quarter, days in group_by_quarter(origins):
        for raw in raws(quarter, days) if raws else make_raw(engines, quarter, days, ticker):
            concluded = conclude(raw, record.judged(raw.target, raw.origin))
            record.add(raw.target, concluded.said())
            made.append(concluded)
    if not made:
        raise NotEnoughHistoryError(
            f"no week of {len(origins)} before {as_of} can be forecast",
            "26 weeks of facts and one ended quarter",
            "ingest older facts, or wait",
        )
    periods = dict.fromkeys(quarter for quarter, _ in origins)
    actuals = {str(quarter): read_actuals(engines, quarter, as_of) for quarter in periods}
    return Backtest(tuple(made), actuals)


def make_raw(
    engines: Sequence[Engine], quarter: Quarter, days: Iterable[date], ticker: Ticker
) -> list[RawForecast]:
    """Make the raw legs of one quarter from each of its weeks; a silent engine is passed over."""
    made = []
    for day in days:
        for engine in engines:
            try:
                made += engine.raw(day, quarter)
            except NotEnoughHistoryError:
                continue
        ticker.advance()
    return made


def read_actuals(
    engines: Sequence[Engine], quarter: Quarter, known_on: date
) -> dict[str, dict[str, float]]:
    """Return by target and node what a quarter brought, as all engines know it."""
    found: dict[str, dict[str, float]] = {}
    for engine in engines:
        try:
            found |= engine.actuals(quarter, known_on)
        except NotEnoughHistoryError:
            continue
    return found


def backtest_origins(
    *, quarters: int, calendar: FiscalCalendar, as_of: date
) -> list[tuple[Quarter, date]]:
    """Return the (quarter, week start) pairs of the last ended quarters, oldest first."""
    running = Quarter.containing(as_of, calendar)
    past = [running.shift(-back) for back in range(quarters, 0, -1)]
    return [(quarter, day) for quarter in past for day in quarter.week_starts()]


def group_by_quarter(
    origins: Iterable[tuple[Quarter, date]],
) -> list[tuple[Quarter, list[date]]]:
    """Return quarters in order, each with its origins."""
    grouped: dict[Quarter, list[date]] = {}
    for quarter, day in origins:
        grouped.setdefault(quarter, []).append(day)
    return list(grouped.items())
