"""Plain rules for a quarter's bookings: what a forecast has to beat to be worth its name.

All of them look at wins and the open book as they were known at the origin, and, where they learn
from past quarters, at the same day of those quarters as it was known on that day. Each rule says
a mean; its width is a quarter of what it adds to the bookings so far, until its own record
stretches it. Nodes that are small learn with one usual quarter of the whole company's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from features.days import day_number
from features.deals.bookings import OpenBook, Wins
from features.deals.stages import StageMap
from lifecycle.periods import Quarter
from models.forecast.bookings.rival_sums import RivalSums
from models.forecast.grid import FloatArray, normal_grid
from models.forecast.nodes import TOTAL, dimension_of
from models.forecast.raw import Leg
from models.forecast.totals import TotalsForecaster

PAST_QUARTERS = 8
"""Quarters that conversion and pacing learn from."""

LEVEL_QUARTERS = 4
"""Quarters whose mean is the usual quarter: a year, so that no season is left out."""

SERIES_QUARTERS = 24
"""Quarters that the time series see at most: older ones tell little of today."""

SERIES_DIMENSIONS = (TOTAL, "segment", "region")
WIDTH_SHARE = 0.25
SMALLEST_PIPELINE_SHARE = 0.05
MISSING_DAYS = 7
"""Days that may be missing at the start of the first quarter on record."""


def past_days(origin: date, quarter: Quarter, *, quarters: int = PAST_QUARTERS) -> list[date]:
    """Return the origin and the same day of past quarters: the days to read the open book for.

    Parameters
    ----------
    origin
        The as-of day.
    quarter
        What is forecast.
    quarters
        How many past quarters, the running one not among them.
    """
    running = Quarter.containing(origin, quarter.calendar)
    past = [running.shift(-back) for back in range(1, quarters + 1)]
    return [origin, *(_same_day(origin, quarter, one) for one in past)]


class BookingsRivals:
    """What the plain rules say as of any origin before the day on which facts were read.

    Parameters
    ----------
    wins, book
        Bookings and open deals. The book has to be read for the origins and their `past_days`;
        a quarter for whose day it was not read teaches nothing of conversion.
    stages
        Stage probabilities; where the sales system has none they are learned.
    first_day
        First day on record: quarters that began before it teach nothing.
    """

    def __init__(self, wins: Wins, book: OpenBook, *, stages: StageMap, first_day: date) -> None:
        self._sums = RivalSums(wins, book, stages=stages)
        self._first_day = first_day
        self._totals = TotalsForecaster()

    def legs(self, origin: date, quarter: Quarter, *, nodes: Sequence[str]) -> dict[str, Leg]:
        """Return what each rule says of a quarter, minor units; silent rules are left out.

        Parameters
        ----------
        origin
            What was known before this day counts.
        quarter
            What is forecast. Of one that has ended every rule says what it brought.
        nodes
            The nodes to answer for, ``total`` first. A value that has no node counts as
            unassigned.
        """
        look = _Look(self._sums, origin, quarter, tuple(nodes), self._first_day)
        rules: dict[str, Callable[[], FloatArray | None]] = {
            "last_quarter": look.last_quarter,
            "seasonal_naive": look.seasonal_naive,
            "conversion": look.conversion,
            "pacing": look.pacing,
            "crm_weighted": look.crm_weighted,
            "commit": look.commit,
        }
        means = {name: rule() for name, rule in rules.items()}
        means |= look.time_series(self._totals)
        return {
            name: look.leg(mean)
            for name, mean in means.items()
            if mean is not None and np.isfinite(mean[0])
        }


@dataclass(frozen=True)
class _Week:
    """One past quarter on the same day as the origin's, by node, minor units."""

    to_date: FloatArray
    final: FloatArray
    open: FloatArray | None


@dataclass(frozen=True)
class _Look:
    """One origin, quarter and tree; every rule returns means by node."""

    sums: RivalSums
    origin: date
    quarter: Quarter
    nodes: tuple[str, ...]
    first_day: date

    @cached_property
    def day(self) -> int:
        return day_number(self.origin)

    @cached_property
    def to_date(self) -> FloatArray:
        return self.sums.booked(self.quarter, self.day, nodes=self.nodes)

    @cached_property
    def ended(self) -> list[Quarter]:
        """Quarters on record that had ended by the origin, the latest first."""
        running = Quarter.containing(self.origin, self.quarter.calendar)
        past = [running.shift(-back) for back in range(1, SERIES_QUARTERS + 1)]
        return [one for one in past if self._is_on_record(one)]

    @cached_property
    def finals(self) -> FloatArray:
        """What those quarters brought as known at the origin, shape (quarters, nodes)."""
        found = [self.sums.booked(one, self.day, nodes=self.nodes) for one in self.ended]
        return np.array(found).reshape(len(found), len(self.nodes))

    @cached_property
    def weeks(self) -> list[_Week]:
        return [self._week(place) for place in range(min(len(self.ended), PAST_QUARTERS))]

    @cached_property
    def share_in(self) -> FloatArray:
        """Share of a quarter's bookings that is usually in by this day."""
        in_by = np.sum([week.to_date for week in self.weeks], axis=0)
        brought = np.sum([week.final for week in self.weeks], axis=0)
        return np.clip(_ratio(in_by, brought, len(self.weeks)), 0.0, 1.0)

    @cached_property
    def open_rows(self) -> slice:
        return self.sums.rows(self.day)

    def leg(self, mean: FloatArray) -> Leg:
        if self.origin >= self.quarter.end:
            mean = np.where(np.isnan(mean), mean, self.to_date)
        return Leg(mean, normal_grid(mean, WIDTH_SHARE * np.abs(mean - self.to_date)))

    def last_quarter(self) -> FloatArray | None:
        if not self.ended:
            return None
        return self._at_least_to_date(self.finals[0])

    def seasonal_naive(self) -> FloatArray | None:
        year_ago = self.quarter.shift(-4)
        if year_ago not in self.ended:
            return None
        return self._at_least_to_date(self.finals[self.ended.index(year_ago)])

    def conversion(self) -> FloatArray | None:
        seen = [(week, week.open) for week in self.weeks if week.open is not None]
        pipeline = np.sum([book for _, book in seen], axis=0)
        if not seen or pipeline[0] <= 0:
            return None
        rest = np.sum([week.final - week.to_date for week, _ in seen], axis=0)
        now = self.sums.open(self.open_rows, nodes=self.nodes)
        return self.to_date + now * _ratio(rest, pipeline, len(seen))

    def pacing(self) -> FloatArray | None:
        """Return bookings over the share usually in, as far as that share can be trusted.

        Bookings over share is weighed by the share, the usual quarter by the rest: early in the
        quarter little divided by little says nothing.
        """
        if not self.weeks:
            return None
        share, usual = self.share_in, self.finals[:LEVEL_QUARTERS].mean(axis=0)
        paced = self.to_date + (1 - share) * usual
        return np.asarray(self.to_date + (1 - share) * paced)

    def crm_weighted(self) -> FloatArray:
        share = self.sums.stage_shares(self.open_rows, self.day)
        due = self.sums.due(self.open_rows, self.quarter)
        return self.to_date + self.sums.open(self.open_rows, nodes=self.nodes, weight=share * due)

    def commit(self) -> FloatArray | None:
        committed = self.sums.committed(self.open_rows)
        if committed is None:
            return None
        due = committed & self.sums.due(self.open_rows, self.quarter)
        return self.to_date + self.sums.open(self.open_rows, nodes=self.nodes, weight=due)

    def time_series(self, totals: TotalsForecaster) -> dict[str, FloatArray | None]:
        if not self.ended or self.origin >= self.quarter.end:
            return {}
        told = [dimension_of(node) in SERIES_DIMENSIONS for node in self.nodes]
        rows, latest = np.flatnonzero(told), self.ended[0]
        steps = next(n for n in range(1, 99) if latest.shift(n) == self.quarter)
        found: dict[str, FloatArray | None] = {}
        for name, ahead in totals.extend(self.finals[::-1, rows].T, steps=steps).items():
            rest = ahead[:, -1] * (1 - self.share_in[rows])
            mean = np.full(len(self.nodes), np.nan)
            mean[rows] = self.to_date[rows] + rest
            found[name] = mean
        return found

    def _at_least_to_date(self, static: FloatArray) -> FloatArray:
        return np.asarray(np.maximum(static, self.to_date))

    def _week(self, place: int) -> _Week:
        past = self.ended[place]
        day = day_number(_same_day(self.origin, self.quarter, past))
        rows = self.sums.rows(day)
        is_read = rows.stop > rows.start
        return _Week(
            self.sums.booked(past, day, nodes=self.nodes),
            self.finals[place],
            self.sums.open(rows, nodes=self.nodes) if is_read else None,
        )

    def _is_on_record(self, quarter: Quarter) -> bool:
        return self.first_day <= quarter.start + timedelta(days=MISSING_DAYS)


def _same_day(origin: date, quarter: Quarter, past: Quarter) -> date:
    """Return the day of a past quarter as far from its start as the origin from the quarter's."""
    return min(past.start + (origin - quarter.start), past.end)


def _ratio(part: FloatArray, whole: FloatArray, quarters: int) -> FloatArray:
    """Return part over whole by node, each with one quarter at the total's ratio.

    A quarter of its own, but at least of the size that lets an owner with hardly any pipeline
    convert like the others.
    """
    total = part[0] / whole[0] if whole[0] > 0 else 0.0
    own = np.maximum(whole, SMALLEST_PIPELINE_SHARE * whole[0]) / max(quarters, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shrunk = (part + total * own) / (whole + own)
    found = np.where(whole > 0, shrunk, total)
    found[0] = total
    return np.asarray(found)
