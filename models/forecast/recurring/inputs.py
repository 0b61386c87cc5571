"""Everything a simulation of recurring revenue needs, as plain arrays: kept, it can be run again.

Days are numbers since 1970-01-01, money is MRR or its annual value in minor units. Lines are named
by id, so that a scenario of later can speak of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.deals.days import Floats, Ints
from models.forecast.kept_inputs import pack_inputs, unpack_inputs
from models.forecast.recurring.book import DAY_SHARE
from models.forecast.recurring.facts import Flags

SUDDEN, OPEN, RENEWAL, NOTICED = range(4)
"""Kinds of exits: at once, by notice of an open line, at the end of a term, announced already."""


@dataclass(frozen=True)
class RecurringInputs:
    """Contract lines that live at an origin, what may become of them, and what may come.

    Attributes
    ----------
    origin_day, start_day, end_day
        The as-of day, and the quarter ``[start, end)``.
    nodes
        ``total`` first.
    line_id, account_id
        (lines,) sorted by account, so that lines of one account lie together.
    places
        (lines, dimensions) rows of ``nodes``.
    level
        (lines,) MRR on the origin.
    start_share
        (lines,) part of the line's MRR at the quarter's end, nothing happening, that its account
        paid when the quarter began: growth is not kept revenue.
    step_line, step_day, step_delta
        Steps known already, after the origin; price changes agreed for renewals among them.
    exit_line, exit_first, exit_last, exit_odds, exit_kind
        Ways to leave in ``[first, last]`` with log-odds, in the order in which they strike, sorted
        by line.
    due_line, due_day, due_base, due_group, due_value
        Ends of terms ahead: MRR after the price change, row of ``ratios``, and the annual value
        that counts as renewed if the term ends inside the quarter (else 0).
    ratios
        (groups, 256) sorted ratios of MRR after over before a renewal.
    flow_places, flow_day, flow_mrr, flow_weight, flow_is_new
        Moves drawn a Poisson number of times; (moves, dimensions) and (moves,).
    revenue_to_date, renewed_to_date
        (nodes,) of the quarter's days before the origin.
    customers_start
        MRR of the customers of the quarter's start; 0 where it is yet to begin.
    shock, shock_sd, volume_sd
        Log multiplier of leaving: mean and deviation; deviation of the volume of moves.
    """

    origin_day: int
    start_day: int
    end_day: int
    nodes: tuple[str, ...]
    line_id: npt.NDArray[np.object_]
    account_id: npt.NDArray[np.object_]
    places: Ints
    level: Floats
    start_share: Floats
    step_line: Ints
    step_day: Ints
    step_delta: Floats
    exit_line: Ints
    exit_first: Ints
    exit_last: Ints
    exit_odds: Floats
    exit_kind: Ints
    due_line: Ints
    due_day: Ints
    due_base: Floats
    due_group: Ints
    due_value: Floats
    ratios: Floats
    flow_places: Ints
    flow_day: Ints
    flow_mrr: Floats
    flow_weight: Floats
    flow_is_new: Flags
    revenue_to_date: Floats
    renewed_to_date: Floats
    customers_start: float
    shock: float
    shock_sd: float
    volume_sd: float

    @property
    def first_day(self) -> int:
        """The first day of the quarter that is still to come."""
        return max(self.origin_day, self.start_day)

    def ending(self) -> Floats:
        """Return each line's MRR at the quarter's end if it stays as agreed, (lines,)."""
        inside = self.step_day < self.end_day
        return self.level + np.bincount(
            self.step_line, weights=self.step_delta * inside, minlength=len(self.level)
        )

    def to_come(self) -> Floats:
        """Return what each line earns in the rest of the quarter if it stays, (lines,)."""
        days = self.end_day - self.first_day
        later = np.maximum(self.end_day - np.maximum(self.step_day, self.first_day), 0)
        steps = np.bincount(
            self.step_line, weights=self.step_delta * later, minlength=len(self.level)
        )
        return np.asarray((self.level * days + steps) * DAY_SHARE)

    def to_arrow(self) -> bytes:
        """Return an Arrow stream that ``from_arrow`` reads back to the bit."""
        return pack_inputs(self)

    @classmethod
    def from_arrow(cls, stored: bytes) -> RecurringInputs:
        """Read what ``to_arrow`` wrote.

        Raises
        ------
        DataError
            The bytes are not those of inputs.
        """
        return unpack_inputs(cls, stored, of="recurring revenue")
