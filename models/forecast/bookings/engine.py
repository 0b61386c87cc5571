"""Bookings of a quarter as of any origin: the simulation, and the plain rules beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import Self

import numpy as np

from features.days import day_number
from features.deals.bookings import Wins
from features.deals.days import day_of
from lifecycle.periods import FiscalCalendar, Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.bookings.inputs import BookingsInputs
from models.forecast.bookings.layout import check_ahead, lay_out, nodes_of, sum_wins
from models.forecast.bookings.notes import tell
from models.forecast.bookings.record import DealRecord, Marked, same_day
from models.forecast.bookings.rivals import BookingsRivals, past_days
from models.forecast.bookings.simulate import CLOSED, OPEN_DEALS, TO_BE_CREATED, simulate_bookings
from models.forecast.grid import normal_grid
from models.forecast.raw import BOOKINGS, SIMULATION, Leg, RawForecast, leg_of_draws

VERSION = "bookings-1"
DRAWS = 10_000


@dataclass
class BookingsEngine:
    """Forecasts bookings from the facts of one snapshot, strictly as of each origin.

    Parameters
    ----------
    record
        Facts of deals as known on the latest day that will be asked about.
    shocks
        Whether common shocks are felt; without them every deal is on its own.
    draws
        Of the simulation.
    """

    record: DealRecord
    shocks: bool = True
    draws: int = DRAWS
    targets: tuple[str, ...] = (BOOKINGS,)
    _marked: Marked | None = field(default=None, repr=False)
    _rivals: BookingsRivals | None = field(default=None, repr=False)

    @classmethod
    def read(
        cls,
        snapshot: Snapshot,
        *,
        calendar: FiscalCalendar,
        currency: str,
        shocks: bool = True,
        draws: int = DRAWS,
    ) -> Self:
        """Read the facts once.

        Parameters
        ----------
        snapshot
            What is known on the latest day that will be asked about.
        calendar
            When quarters begin.
        currency
            The company's; deals that name none are in it, those in another bring no money.
        shocks
            Whether common shocks are felt.
        draws
            Of the simulation.

        Raises
        ------
        LakeError
            The lake's files cannot be read.
        """
        record = DealRecord.read(snapshot, calendar=calendar, currency=currency)
        return cls(record, shocks, draws)

    def raw(self, origin: date, quarter: Quarter) -> list[RawForecast]:
        """Return the legs as of an origin; empty where no deal was on record for a quarter yet.

        Of a quarter that is over the simulation is what was won, without any spread.

        Raises
        ------
        UsageError
            The quarter lies more than two quarters ahead.
        """
        day = day_number(origin)
        if self.record.first_day >= day or not self._speaks(origin):
            return []
        if quarter.end <= origin:
            return [self._over(origin, quarter)]
        inputs = self.inputs(origin, quarter)
        drawn = simulate_bookings(inputs, draws=self.draws, seed=seed_of(quarter, origin))
        legs = {SIMULATION: leg_of_draws(drawn.draws)}
        if self._rivals is not None:
            legs |= self._rivals.legs(origin, quarter, nodes=inputs.nodes)
        marked = self._open(origin, quarter)
        return [
            RawForecast(
                BOOKINGS, quarter, origin, inputs.nodes, legs,
                inputs.to_date_minor, inputs.to_date_minor, drawn.parts, VERSION,
                tell(inputs, drawn, self.record, marked),
            )
        ]  # fmt: skip

    def actuals(self, quarter: Quarter, known_on: date) -> dict[str, dict[str, float]]:
        """Return what a quarter brought by node, as known before a day, minor units.

        Empty until the quarter has ended.
        """
        if quarter.end > known_on:
            return {}
        won = self._won(quarter, known_on)
        names, places = nodes_of([won.dimensions])
        found = sum_wins(won, places[0], len(names))
        return {BOOKINGS: dict(zip(names, found.tolist(), strict=True))}

    def inputs(self, origin: date, quarter: Quarter) -> BookingsInputs:
        """Return everything that a simulation of a quarter needs, as known at an origin.

        Raises
        ------
        UsageError
            The quarter is over, or lies more than two quarters ahead.
        """
        check_ahead(origin, quarter)
        marked = self._open(origin, quarter)
        return lay_out(self.record, marked, origin=origin, quarter=quarter, shocks=self.shocks)

    def _speaks(self, origin: date) -> bool:
        """Say whether a whole quarter on record had ended by the origin."""
        first = Quarter.containing(day_of(self.record.learn_from), self.record.calendar)
        return first.end <= origin

    def _won(self, quarter: Quarter, known_on: date) -> Wins:
        known = self.record.wins.take(self.record.wins.known(day_number(known_on)))
        start, end = day_number(quarter.start), day_number(quarter.end)
        return known.take((known.closed >= start) & (known.closed < end))

    def _over(self, origin: date, quarter: Quarter) -> RawForecast:
        won = self._won(quarter, origin)
        names, places = nodes_of([won.dimensions])
        total = sum_wins(won, places[0], len(names))
        leg = Leg(total, normal_grid(total, np.zeros(len(total))))
        nothing = np.zeros(len(total))
        parts = {CLOSED: total, OPEN_DEALS: nothing, TO_BE_CREATED: nothing}
        return RawForecast(
            BOOKINGS, quarter, origin, names, {SIMULATION: leg}, total, total, parts, VERSION,
            {"over": True},
        )  # fmt: skip

    def _open(self, origin: date, quarter: Quarter) -> Marked:
        """Return the book, read anew where it was not read for the days that are needed."""
        needed = {day_number(one) for one in past_days(origin, quarter)}
        running = Quarter.containing(origin, quarter.calendar)
        needed |= {day_number(running.start)}
        needed |= {same_day(origin, quarter, running.shift(-back)) for back in range(1, 9)}
        needed = {day for day in needed if self.record.first_day <= day <= self.record.facts.today}
        if self._marked is None or not needed <= self._marked.days:
            before = self._marked.days if self._marked else frozenset()
            self._marked = self.record.open_on(before | needed)
            self._rivals = BookingsRivals(
                self.record.wins, self._marked.book, stages=self.record.facts.stages,
                first_day=day_of(self.record.first_day),
            )  # fmt: skip
        return self._marked


def seed_of(quarter: Quarter, origin: date) -> int:
    """Return the seed of a forecast's luck: the same for the same target, quarter and origin."""
    text = f"{BOOKINGS} {quarter} {origin.isoformat()}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
