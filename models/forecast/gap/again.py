"""From an engine, or from inputs that were kept, to a quarter that can be simulated again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from features.days import day_number
from lifecycle.errors import UsageError
from lifecycle.periods import Quarter
from models.forecast.bookings.engine import BookingsEngine
from models.forecast.bookings.engine import seed_of as bookings_seed
from models.forecast.bookings.inputs import BookingsInputs
from models.forecast.conclude import Concluded
from models.forecast.engines import Engine
from models.forecast.gap.field import Ground
from models.forecast.gap.of_bookings import (
    DRAWS,
    BookingsAgain,
    bookings_ground,
    bookings_items,
)
from models.forecast.gap.of_recurring import (
    RecurringAgain,
    recurring_ground,
    recurring_items,
)
from models.forecast.items import ForecastItems
from models.forecast.raw import BOOKINGS, ENDING_ARR, RENEWALS, REVENUE
from models.forecast.recurring.engine import RecurringEngine
from models.forecast.recurring.engine import seed_of as recurring_seed
from models.forecast.recurring.inputs import RecurringInputs

OF_CONTRACTS = frozenset({REVENUE, ENDING_ARR, RENEWALS})


@dataclass(frozen=True)
class Kept:
    """One forecast's simulation inputs.

    Parameters
    ----------
    again
        The quarter, ready to be simulated again.
    won_minor
        By deal id, what deals won in the quarter brought, minor units; empty for contracts.
    """

    again: BookingsAgain | RecurringAgain
    won_minor: Mapping[str, float]

    @property
    def content(self) -> bytes:
        """The inputs as bytes: what `open_kept` reads."""
        return self.again.inputs.to_arrow()

    def ground(self) -> Ground:
        """Return what can be worked on."""
        if isinstance(self.again, BookingsAgain):
            return bookings_ground(self.again)
        return recurring_ground(self.again)

    def items(self, concluded: Concluded) -> ForecastItems:
        """Return the units of a forecast as it is served."""
        served = float(concluded.legs[concluded.served].mean_minor[0])
        if isinstance(self.again, BookingsAgain):
            return bookings_items(
                self.again.inputs,
                concluded.raw,
                served_minor=served,
                won_minor=self.won_minor,
            )
        return recurring_items(self.again.inputs, concluded.raw, served_minor=served)


def keep_inputs(engine: Engine, target: str, origin: date, quarter: Quarter) -> Kept | None:
    """Return the inputs of an engine's simulation; ``None`` where it simulates nothing.

    Orders are not simulated again, nor is a quarter that is over.

    Raises
    ------
    UsageError
        The quarter lies too far ahead for the engine.
    """
    if quarter.end <= origin:
        return None
    if isinstance(engine, BookingsEngine) and target == BOOKINGS:
        inputs = engine.inputs(origin, quarter)
        return Kept(
            BookingsAgain(inputs, bookings_seed(quarter, origin)), _won(engine, origin, quarter)
        )
    if isinstance(engine, RecurringEngine) and target in OF_CONTRACTS:
        seed = recurring_seed(REVENUE, quarter, origin)
        return Kept(RecurringAgain(engine.inputs(origin, quarter), target, seed), {})
    return None


def open_kept(
    content: bytes, target: str, quarter: Quarter, *, origin: date, draws: int = DRAWS
) -> Kept:
    """Read kept inputs of a forecast, with the luck of its origin.

    Parameters
    ----------
    content
        What `Kept.content` was.
    target, quarter, origin
        The forecast.
    draws
        How many.

    Raises
    ------
    UsageError
        The target is not simulated.
    DataError
        The bytes are those of something else.
    """
    if target == BOOKINGS:
        seed = bookings_seed(quarter, origin)
        return Kept(BookingsAgain(BookingsInputs.from_arrow(content), seed, draws), {})
    if target in OF_CONTRACTS:
        inputs = RecurringInputs.from_arrow(content)
        seed = recurring_seed(REVENUE, quarter, origin)
        return Kept(RecurringAgain(inputs, target, seed, draws), {})
    raise UsageError(
        f"a simulation of {target[:40]!r}",
        f"one of {', '.join([BOOKINGS, *sorted(OF_CONTRACTS)])}",
        "choose another target",
    )


def _won(engine: BookingsEngine, origin: date, quarter: Quarter) -> dict[str, float]:
    """Return what each deal won in the quarter brought, as known at the origin, minor units."""
    wins = engine.record.wins.take(engine.record.wins.known(day_number(origin)))
    start, end = day_number(quarter.start), day_number(quarter.end)
    wins = wins.take((wins.closed >= start) & (wins.closed < end) & (wins.amount_minor > 0))
    names = engine.record.facts.ids.take(wins.deal).to_pylist()
    found: dict[str, float] = {}
    for name, amount in zip(names, wins.amount_minor.tolist(), strict=True):
        found[name] = found.get(name, 0.0) + amount
    return found
