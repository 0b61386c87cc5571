"""What came of issued chances to win in the quarter, once it has ended: written once, for ever.

The rule is that of training (`training.deals.outcomes`), on what is known on the judging day: the
event's own clock decides, a deal won and taken up again inside the quarter is not won, and nobody
says what would have come of a deal that was closed in bulk. A quarter is judged only when facts of
deals go on to its end, and a grace after it (`service.refresh.coverage`). A deal that the facts no
longer know is not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np

from features.days import day_number
from features.deals.days import Ints, day_of
from features.deals.facts import DealFacts, read_deal_facts
from features.deals.reading import LOST, OPEN, WON
from features.deals.sweeps import Flags, find_sweeps, swept
from ledger.deal_outcomes import (
    DealOutcome,
    EndedRun,
    read_ended_runs,
    read_issued_chances,
    write_deal_outcomes,
)
from ledger.engine import Ledger
from lifecycle.snapshot import Snapshot
from service.refresh.coverage import covers_deals


@dataclass(frozen=True)
class DealFate:
    """Whether a deal was won in a quarter (``None``: closed in bulk), and the day it was closed."""

    won: bool | None
    closed_on: date | None


def judge_deals(snapshot: Snapshot, ledger: Ledger) -> int:
    """Write what came of every chance whose quarter the facts cover; return how many.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    ended = read_ended_runs(ledger, known_on=snapshot.day)
    covered = covers_deals(snapshot, {run.ends_before for run in ended}) if ended else set()
    judge = _Judge(snapshot)
    # run by run: what one run of a day has written, a later run of that day does not repeat
    return sum(judge.write(ledger, run) for run in ended if run.ends_before in covered)


class _Judge:
    """Reads facts when there is something to judge, and each quarter once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._facts: DealFacts | None = None
        self._fates: dict[tuple[date, date], Mapping[str, DealFate]] = {}

    def write(self, ledger: Ledger, run: EndedRun) -> int:
        """Write what came of a run's chances; return how many."""
        issued = read_issued_chances(ledger, run)
        if not issued:
            return 0
        fates, now = self._of(run), datetime.now(UTC)
        told = ((one, fates.get(one.opportunity_id)) for one in issued)
        return write_deal_outcomes(
            ledger,
            (
                DealOutcome(
                    run_id=run.run_id,
                    opportunity_id=one.opportunity_id,
                    release_id=one.release_id,
                    as_of=run.as_of,
                    quarter_start_on=run.starts_on,
                    quarter_ends_before=run.ends_before,
                    chance=one.chance,
                    won=fate.won,
                    closed_on=fate.closed_on,
                    known_on=self._snapshot.day,
                    recorded_at=now,
                )
                for one, fate in told
                if fate is not None
            ),
        )

    def _of(self, run: EndedRun) -> Mapping[str, DealFate]:
        quarter = (run.starts_on, run.ends_before)
        if self._facts is None:
            self._facts = read_deal_facts(self._snapshot)
        if quarter not in self._fates:
            self._fates[quarter] = fates_in_quarter(self._facts, *quarter)
        return self._fates[quarter]


def fates_in_quarter(facts: DealFacts, start: date, end: date) -> dict[str, DealFate]:
    """Return what came of every deal in ``[start, end)``, as known on the facts' day, by deal.

    Parameters
    ----------
    facts
        As of the judging day.
    start, end
        First day of the quarter and first day after it.
    """
    outcome = facts.fields["outcome"]
    told = _told_now(facts)
    bulk = _find_bulk(facts, told)
    day = np.floor(outcome.happened[told])
    kept = day < day_number(end)
    told, bulk, day = told[kept], bulk[kept], day[kept]
    deal, state = facts.story_deal[outcome.story[told]], outcome.value[told]
    last = np.append(deal[1:] != deal[:-1], True)[: len(deal)]
    fates = {name: DealFate(False, None) for name in facts.ids.to_pylist()}
    # a state told twice in a row counts from when it first was
    new = np.append(True, (deal[1:] != deal[:-1]) | (state[1:] != state[:-1]))[: len(deal)]
    first = np.maximum.accumulate(np.where(new, np.arange(len(deal)), 0))
    for place in np.flatnonzero(last & (state != OPEN)):
        since = first[place]
        won = bool(state[place] == WON and day[since] >= day_number(start))
        name = facts.ids[int(deal[place])].as_py()
        fates[name] = DealFate(None if bulk[since] else won, day_of(int(day[since])))
    return fates


def _told_now(facts: DealFacts) -> Ints:
    """Return the edits of the outcome that count today, sorted by deal and by when they happened.

    A deal's earlier stories, told until a correction, count no more.
    """
    outcome, count = facts.fields["outcome"], facts.count
    story = facts.stories(np.arange(count), np.full(count, facts.today))
    told = np.flatnonzero(story[facts.story_deal[outcome.story]] == outcome.story)
    deal = facts.story_deal[outcome.story[told]]
    return told[np.lexsort((outcome.known[told], outcome.happened[told], deal))]


def _find_bulk(facts: DealFacts, told: Ints) -> Flags:
    outcome = facts.fields["outcome"]
    lost = outcome.value[told] == LOST
    closed = np.where(outcome.value[told] == OPEN, np.nan, np.floor(outcome.happened[told]))
    return swept(find_sweeps(facts), np.where(lost, told, -1), closed)
