"""Everything a simulation of a quarter's bookings needs, as plain arrays: kept, it can be rerun.

Days are numbers since 1970-01-01, money is in minor units. Deals are named by id, so that a
scenario of later can speak of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.forecast.grid import FloatArray
from models.forecast.kept_inputs import pack_inputs, unpack_inputs
from models.forecast.nodes import IntArray

Texts = npt.NDArray[np.object_]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class BookingsInputs:
    """Deals open on an origin, what may become of them, and what may yet come.

    Attributes
    ----------
    origin_day, start_day, end_day
        The as-of day, and the quarter ``[start, end)``.
    nodes
        ``total`` first.
    deal_id, stage, owner
        (deals,) ids and names; empty where nobody said.
    places
        (deals, dimensions) rows of ``nodes``.
    log_odds
        (deals,) to be won in the quarter where no common shock is at work.
    next_chance
        (deals,) P(won in the 30 days after the quarter).
    amount_minor
        (deals,) as it stands; what such deals usually bring where none is told.
    haircut
        (deals,) expected final over present amount, given that it is won.
    due, slipped
        (deals,) expected to close in the quarter; expected to when it began, and no more.
    noise_sd
        Deviation of the log of final over expected amount.
    pool_amount, pool_day
        (pool,) won deals of past quarters that were not known at the same point of theirs: amount,
        and day of the creation counted from the quarter's first.
    pool_places
        (pool, dimensions) rows of ``nodes``.
    pool_expected
        How many such deals are expected (count).
    pool_sd
        Deviation of the log of that number beyond chance.
    created_yield
        Share of the amount of deals created on the origin that the quarter usually wins.
    to_date_minor
        (nodes,) won in the quarter before the origin.
    win, win_sd, amount_sd
        Log odds by which open deals are won more often: mean and deviation; deviation of the log
        of what all amounts have in common.
    pool_power
        How much of the shock on winning deals to come feel (0-1).
    """

    origin_day: int
    start_day: int
    end_day: int
    nodes: tuple[str, ...]
    deal_id: Texts
    stage: Texts
    owner: Texts
    places: IntArray
    log_odds: FloatArray
    next_chance: FloatArray
    amount_minor: FloatArray
    haircut: FloatArray
    due: Flags
    slipped: Flags
    noise_sd: float
    pool_amount: FloatArray
    pool_day: IntArray
    pool_places: IntArray
    pool_expected: float
    pool_sd: float
    created_yield: float
    to_date_minor: FloatArray
    win: float
    win_sd: float
    amount_sd: float
    pool_power: float

    @property
    def chance(self) -> FloatArray:
        """P(won in the quarter) of each open deal at the mean of the shock, (deals,)."""
        return np.asarray(1.0 / (1.0 + np.exp(-(self.log_odds + self.win))))

    def to_arrow(self) -> bytes:
        """Return an Arrow stream that ``from_arrow`` reads back to the bit."""
        return pack_inputs(self)

    @classmethod
    def from_arrow(cls, stored: bytes) -> BookingsInputs:
        """Read what ``to_arrow`` wrote.

        Raises
        ------
        DataError
            The bytes are not those of inputs.
        """
        return unpack_inputs(cls, stored, of="bookings")
