"""Recurring revenue of a quarter as of any origin: revenue, ending ARR and renewals, every leg."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import Self

import numpy as np
import pyarrow.compute as pc

from features.days import day_number
from features.deals.days import Floats, day_of
from lifecycle.errors import UsageError
from lifecycle.periods import FiscalCalendar, Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.grid import normal_grid
from models.forecast.raw import (
    ENDING_ARR,
    RENEWALS,
    REVENUE,
    SIMULATION,
    Leg,
    RawForecast,
    leg_of_draws,
)
from models.forecast.recurring.book import Book
from models.forecast.recurring.draws import RecurringDraws, Wins
from models.forecast.recurring.facts import RecurringFacts, read_recurring_facts
from models.forecast.recurring.flow import expected_flow
from models.forecast.recurring.hazards import learn_rates
from models.forecast.recurring.inputs import RecurringInputs
from models.forecast.recurring.layout import Asked, lay_out, nodes_of
from models.forecast.recurring.opening import open_book
from models.forecast.recurring.rivals import rival_legs, see
from models.forecast.recurring.simulate import simulate_recurring
from models.forecast.totals import TotalsForecaster

VERSION = "recurring-1"
FURTHEST_QUARTERS = 4
DRAWS = 10_000
KEPT_BOOKS = 4


@dataclass
class RecurringEngine:
    """Forecasts recurring revenue from the facts of one snapshot, strictly as of each origin.

    Parameters
    ----------
    facts
        Of the latest day that will be asked about.
    calendar
        When quarters begin.
    currency
        Code of the company's currency among the facts' words; -1 = that of most lines of the day.
    shocks
        Whether common shocks are felt; without them every line is on its own.
    draws
        Of the simulation.
    """

    facts: RecurringFacts
    calendar: FiscalCalendar
    currency: int
    shocks: bool = True
    draws: int = DRAWS
    targets: tuple[str, ...] = (REVENUE, ENDING_ARR, RENEWALS)
    _books: dict[int, Book] = field(default_factory=dict, repr=False)
    _series: TotalsForecaster = field(default_factory=TotalsForecaster, repr=False)

    @classmethod
    def read(
        cls,
        snapshot: Snapshot,
        *,
        calendar: FiscalCalendar,
        currency: str | None = None,
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
            The company's; without it, that of most lines. Lines in another are left out.
        shocks
            Whether common shocks are felt.
        draws
            Of the simulation.

        Raises
        ------
        LakeError
            The lake's files cannot be read.
        """
        facts = read_recurring_facts(snapshot)
        words = facts.words["currency"]
        code = -1
        if currency is not None and len(words):
            code = int(pc.index(words, currency).as_py())
        return cls(facts, calendar, code, shocks, draws)

    def raw(self, origin: date, quarter: Quarter, *, wins: Wins | None = None) -> list[RawForecast]:
        """Return the legs of all targets as of an origin; empty where no contract lives.

        Of a quarter that is over the simulation is what it brought, without any spread.

        Parameters
        ----------
        origin
            The as-of day.
        quarter
            What is forecast.
        wins
            Simulated deal wins by draw, in the place of what past quarters usually brought.

        Raises
        ------
        UsageError
            The quarter lies more than four quarters ahead.
        """
        if quarter.end <= origin:
            return self._over(origin, quarter)
        self._check(origin, quarter)
        book = self._book(day_number(origin))
        if not (book.levels(book.day) > 0).any():
            return []
        inputs = self.inputs(origin, quarter)
        seed = seed_of(REVENUE, quarter, origin)
        drawn = simulate_recurring(inputs, draws=self.draws, seed=seed, wins=wins)
        nodes = nodes_of(book, self.facts)
        legs = rival_legs(book, nodes, quarter, forecaster=self._series)
        to_date = see(book, nodes, quarter, day=book.day).to_date
        notes = _notes(book, inputs, drawn)
        return [
            RawForecast(
                target=target,
                quarter=quarter,
                origin=origin,
                nodes=nodes.names,
                legs={SIMULATION: leg_of_draws(drawn.of(target)), **legs[target]},
                to_date_minor=to_date[target] * (origin >= quarter.start),
                floor_minor=to_date[target] * (origin >= quarter.start and target != ENDING_ARR),
                parts=drawn.addends(target),
                model_version=VERSION,
                notes=notes,
            )
            for target in self.targets
        ]

    def inputs(self, origin: date, quarter: Quarter) -> RecurringInputs:
        """Return everything that a simulation of a quarter needs, as known at an origin.

        Raises
        ------
        UsageError
            The quarter was over by the origin, or lies more than four quarters ahead.
        """
        self._check(origin, quarter)
        book = self._book(day_number(origin))
        return lay_out(
            self.facts, book, learn_rates(book), flow=expected_flow(book, quarter),
            asked=Asked(quarter, self.shocks),
        )  # fmt: skip

    def _over(self, origin: date, quarter: Quarter) -> list[RawForecast]:
        found = []
        for target, by_node in self.actuals(quarter, origin).items():
            total = np.array(list(by_node.values()))
            leg = Leg(total, normal_grid(total, np.zeros(len(total))))
            found.append(
                RawForecast(
                    target, quarter, origin, tuple(by_node), {SIMULATION: leg}, total, total,
                    {"agreed": total}, VERSION, {"over": True},
                )
            )  # fmt: skip
        return found

    def actuals(self, quarter: Quarter, known_on: date) -> dict[str, dict[str, float]]:
        """Return what a quarter brought by target and node, as known before a day (minor units).

        Empty until the quarter has ended, and where no contract was ever told.
        """
        if quarter.end > known_on:
            return {}
        book = self._book(day_number(known_on))
        if not len(book):
            return {}
        nodes = nodes_of(book, self.facts)
        final = see(book, nodes, quarter, day=day_number(quarter.end)).final
        return {
            target: dict(zip(nodes.names, values.tolist(), strict=True))
            for target, values in final.items()
        }

    def retention(self, origin: date, quarter: Quarter) -> dict[str, Floats]:
        """Return draws of NRR and GRR of the customers of the quarter's start, each (draws,).

        Raises
        ------
        UsageError
            The quarter was over by the origin, or lies more than four quarters ahead.
        """
        inputs = self.inputs(origin, quarter)
        seed = seed_of(REVENUE, quarter, origin)
        drawn = simulate_recurring(inputs, draws=self.draws, seed=seed)
        return {"nrr": drawn.nrr, "grr": drawn.grr}

    def _book(self, day: int) -> Book:
        if day > self.facts.today:
            found = f"origin {day_of(day)}"
            raise UsageError(found, f"{day_of(self.facts.today)} or earlier", "read facts again")
        if day not in self._books:
            while len(self._books) >= KEPT_BOOKS:
                self._books.pop(next(iter(self._books)))
            self._books[day] = open_book(self.facts, day, currency=self.currency)
        return self._books[day]

    def _check(self, origin: date, quarter: Quarter) -> None:
        found = f"quarter {quarter} seen from {origin}"
        if origin >= quarter.end:
            raise UsageError(found, "a quarter that is not over", "read what it brought")
        furthest = Quarter.containing(origin, quarter.calendar).shift(FURTHEST_QUARTERS)
        if quarter.start > furthest.start:
            raise UsageError(found, f"a quarter no later than {furthest}", "choose a later day")


def seed_of(target: str, quarter: Quarter, origin: date) -> int:
    """Return the seed of a simulation: the same for the same question, never a global one."""
    text = f"{target} {quarter} {origin.isoformat()}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _notes(book: Book, inputs: RecurringInputs, drawn: RecurringDraws) -> dict[str, object]:
    """Return facts to show beside the numbers, JSON values."""
    _, account = np.unique(inputs.account_id, return_inverse=True)
    paid = np.bincount(account, weights=inputs.level)
    largest = int(paid.argmax())
    ours = account == largest
    notes: dict[str, object] = {
        "churn_shock": round(inputs.shock, 4),
        "churn_shock_sd": round(inputs.shock_sd, 4),
        "largest_account": str(inputs.account_id[ours][0]),
        "largest_account_share": round(float(paid[largest] / paid.sum()), 4),
        "arr_without_largest_minor": float(
            drawn.ending[0].mean() - 12.0 * inputs.ending()[ours].sum()
        ),
        "foreign_lines_count": book.foreign_count,
    }
    if not np.isnan(drawn.nrr).any():
        for name, values in (("nrr", drawn.nrr), ("grr", drawn.grr)):
            low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
            notes[name] = [round(float(one), 5) for one in (low, middle, high)]
    return notes
