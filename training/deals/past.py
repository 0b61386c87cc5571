"""Landmarks of open deals, read once, with what had become of them by any later day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.deals.facts import DealFacts, read_deal_facts
from features.deals.landmarks import deal_frame
from features.deals.states import left_out
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar
from lifecycle.snapshot import Snapshot
from models.base import Examples
from training.deals.hygiene import EPOCH
from training.deals.known import read_known
from training.deals.outcomes import Known, Looked, look_after
from training.deals.plan import DealPlan, plan_deals
from training.deals.turns import EVER, LOST, OPEN, WON

HORIZON_DAYS = 0
"""Stands for "in the quarter" wherever a horizon is asked for."""


@dataclass(frozen=True)
class DealPast:
    """All landmarks of a plan.

    Attributes
    ----------
    frame
        One row per landmark and deal open on it, renewals left out.
    facts
        What was known of deals on the plan's day.
    plan
        Landmarks and quarters.
    """

    frame: pa.Table
    facts: DealFacts
    plan: DealPlan
    _known: dict[date, Known] = field(default_factory=dict, repr=False, compare=False)

    def known(self, known_on: date) -> Known:
        """Return what was known of outcomes before a day."""
        if known_on not in self._known:
            self._known[known_on] = read_known(self.facts, known_on)
        return self._known[known_on]

    def count_closed(self) -> tuple[int, int]:
        """Return how many deals met on any landmark were won, and lost, bulk closes left out."""
        known = self.known(self.plan.as_of)
        codes = pc.index_in(pc.unique(self.frame.column("opportunity_id")), self.facts.ids)
        met = np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int64)
        last = known.turns.last_before(met, np.full(len(met), EVER))
        state = known.turns.states_of(last)
        if len(known.turns.state):
            state = np.where(known.hygiene.swept[np.maximum(last, 0)] & (last >= 0), OPEN, state)
        return int((state == WON).sum()), int((state == LOST).sum())

    @property
    def left_out(self) -> dict[str, int]:
        """Count the deals that no landmark shows: renewals, and those created already closed."""
        return left_out(self.facts)

    def learned(self) -> Examples:
        """Return all that the served model learns from.

        Raises
        ------
        NotEnoughHistoryError
            No deal was open on any landmark.
        """
        return self.examples(self.plan.learn_days(self.plan.as_of), self.plan.as_of)

    def examples(self, days: list[date], known_on: date) -> Examples:
        """Return the rows of some landmarks with what had become of them by a day.

        A row whose quarter's outcome is not known carries label 0 and says so in its outcomes:
        what learns of the quarter leaves it out, what learns of hazards does not.

        Raises
        ------
        NotEnoughHistoryError
            No deal was open on any of them.
        """
        wanted = pc.is_in(self.frame.column("as_of"), value_set=pa.array(days, pa.date32()))
        frame = self.frame.filter(wanted)
        if frame.num_rows == 0:
            raise NotEnoughHistoryError(
                f"no deal open on {len(days)} landmarks before {known_on}",
                "open deals in the past",
                "ingest the history of deals",
            )
        after = look_after_deals(
            self.known(known_on), self.facts, frame, calendar=self.plan.calendar
        )
        label = np.nan_to_num(np.asarray(after.column("won_in_quarter").to_numpy()))
        as_of = frame.column("as_of").to_numpy().astype("datetime64[D]")
        return Examples(frame, label, as_of, HORIZON_DAYS, after)


def open_past(
    snapshot: Snapshot,
    plan: DealPlan,
    *,
    facts: DealFacts | None = None,
    cache_dir: Path | None = None,
) -> DealPast:
    """Read facts and landmarks of a plan, once.

    Parameters
    ----------
    snapshot
        What is known on the plan's day.
    plan
        Landmarks to look at.
    facts
        Those of the snapshot, where they are at hand.
    cache_dir
        Where the frame is kept between runs.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    known = facts or read_deal_facts(snapshot)
    frame = deal_frame(
        snapshot,
        days=plan.landmarks,
        facts=known,
        calendar=plan.calendar,
        cache_dir=cache_dir,
    )
    return DealPast(frame, known, plan)


def plan_past(
    facts: DealFacts,
    as_of: date,
    *,
    calendar: FiscalCalendar = CALENDAR_YEAR,
    most: int | None = None,
) -> DealPlan:
    """Plan the past of the deals that facts know.

    Raises
    ------
    NotEnoughHistoryError
        There is no deal, or no quarter has ended since the first was opened.
    """
    first = find_first_day(facts)
    if first is None:
        raise NotEnoughHistoryError(
            "no deal with a history is known",
            "opportunities and their changes",
            "ingest deals with what moved when",
        )
    bound = {} if most is None else {"most": most}
    return plan_deals(first, as_of, calendar=calendar, **bound)


def find_first_day(facts: DealFacts) -> date | None:
    """Return the first day on which any deal's history was on record; None without deals.

    A deal may say that it was opened long before anything of it was written down: until then
    nothing could be known of it.
    """
    known = facts.fields["created"].known
    if not len(known):
        return None
    return date.fromordinal(EPOCH.toordinal() + int(np.floor(known.min())))


def look_after_deals(
    known: Known, facts: DealFacts, frame: pa.Table, *, calendar: FiscalCalendar = CALENDAR_YEAR
) -> pa.Table:
    """Return what became of each row of a deal frame (`training.deals.outcomes.look_after`)."""
    deal = pc.index_in(frame.column("opportunity_id").combine_chunks(), value_set=facts.ids)
    rows = Looked(
        np.asarray(deal.to_numpy(zero_copy_only=False), dtype=np.int64),
        read_days(frame, "as_of"),
        read_days(frame, "close_on"),
    )
    return look_after(known, rows, calendar=calendar)


def read_days(frame: pa.Table, name: str) -> NDArray[np.float64]:
    """Return a column of days as days since the epoch; NaN where there is none."""
    values = frame.column(name).cast(pa.int32()).cast(pa.float64())
    return np.asarray(values.to_numpy(), dtype=np.float64)
