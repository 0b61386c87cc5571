"""All that is known of deals before one instant, so laid out that every earlier day can be asked.

Deals are coded 0..n-1 in order of their ids. A *story* is a deal as told until a correction or a
removal of one of its facts: almost every deal has one; a deal whose change was corrected has a
second one from the day that knew of the correction. Facts are kept by story, and within it in the
order in which we knew them, so that what stood on day d is one binary search. Days are numbers
since 1970-01-01 in the company's zone; a fact is *seen* from the first day that begins after it
was known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.days import day_number
from features.deals.contacts import Activities, build_activities, read_activities
from features.deals.days import NEVER, Floats, Ints, day_of
from features.deals.fields import Source, merge_fields
from features.deals.reading import VERSION_TEXTS, coded, deal_ids, read_table
from features.deals.stages import StageMap, StageOrder, learn_stage_order
from features.deals.streams import Edits, last_seen
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar, Quarter
from lifecycle.snapshot import Snapshot


@dataclass(frozen=True)
class DealFacts:
    """Facts of deals.

    Attributes
    ----------
    ids
        Opportunity ids by deal code, length n.
    today
        The snapshot's day (number): no landmark lies after it.
    story_deal
        Deal of each story, ascending, shape (s,).
    story_from
        First day of each story; 0 of a deal's first, shape (s,).
    fields
        Streams by name: ``created`` (day with fraction), ``stage`` (code of ``stages.names``),
        ``amount`` (minor), ``close_on``, ``next_step`` (day numbers), ``discount``, ``term``,
        ``outcome`` (:data:`features.deals.reading.OPEN`, ``WON``, ``LOST``), and as codes of
        ``words``: ``account``, ``owner``, ``product``, ``kind``, ``source``, ``category``,
        ``currency``, ``competitor``, ``lead``. A null never erases what was told before.
    words
        Texts by field name, in order of their codes.
    activities
        Contacts about deals.
    stages
        Our stages.
    order
        Their learned order; ``None`` with a stage map.
    """

    ids: pa.Array
    today: int
    story_deal: Ints
    story_from: Ints
    fields: Mapping[str, Edits]
    words: Mapping[str, pa.Array]
    activities: Activities
    stages: StageMap
    order: StageOrder | None

    @property
    def count(self) -> int:
        """Number of deals."""
        return len(self.ids)

    def stories(self, deal: Ints, day: Ints) -> Ints:
        """Return the story that holds of each deal on each day, shape (m,)."""
        return last_seen(self.story_deal, self.story_from, deal, day)

    def at(self, field: str, rows: Rows) -> Floats:
        """Return a field's value as known on each row's day, shape (m,); NaN = not told."""
        return self.fields[field].at(rows.story, rows.day)

    def text(self, field: str, rows: Rows) -> pa.Array:
        """Return a text field as known on each row's day, length m; null = not told."""
        words = pa.array(self.stages.names) if field == "stage" else self.words[field]
        codes = self.at(field, rows)
        none = np.isnan(codes)
        return words.take(pa.array(np.where(none, 0, codes).astype(np.int64), mask=none))

    def text_code(self, field: str, word: str) -> int:
        """Return the code of a word of a text field; -1 = nobody said it."""
        return int(pc.index(self.words[field], word).as_py())

    def positions(self, codes: Floats, days: Ints) -> Floats:
        """Return the stages' places in the order as known on days, shape (e,); NaN = none."""
        if self.order is not None:
            return self.order.of(codes, days)
        none = np.isnan(codes)
        places = self.stages.position[np.where(none, 0, codes).astype(np.int64)]
        return np.where(none, np.nan, places)

    def own(self, edits: Edits) -> npt.NDArray[np.bool_]:
        """Mark the facts of a stream that were first seen while their story held, (e,).

        A deal's next story repeats them: what learns from all deals counts each fact once.
        """
        return np.asarray(self.stories(self.story_deal[edits.story], edits.seen) == edits.story)


@dataclass(frozen=True)
class Rows:
    """Landmark rows, sorted by deal and day; arrays of shape (m,), days as numbers.

    Attributes
    ----------
    deal
        Code of the deal.
    story
        Code of the story that holds on the day.
    day
        The landmark.
    quarter_start, quarter_end
        First day of the fiscal quarter in which the landmark lies, and first day after it.
    """

    deal: Ints
    story: Ints
    day: Ints
    quarter_start: Ints
    quarter_end: Ints

    @property
    def quarter_week(self) -> Ints:
        """Week of the quarter, from 0 on: days left over at its end belong to the last."""
        return np.asarray(np.minimum((self.day - self.quarter_start) // 7, self.last_week))

    @property
    def last_week(self) -> Ints:
        """Last week of the quarter: 12, or 13 in a fiscal calendar's quarter of 14 weeks."""
        length = self.quarter_end - self.quarter_start
        return np.asarray(np.round(length / 7), np.int64) - 1

    def __len__(self) -> int:
        return len(self.deal)

    def take(self, kept: npt.NDArray[np.bool_]) -> Rows:
        """Return some of the rows."""
        return Rows(self.deal[kept], self.story[kept], self.day[kept],
                    self.quarter_start[kept], self.quarter_end[kept])  # fmt: skip


def rows_of(
    facts: DealFacts, deal: Ints, day: Ints, *, calendar: FiscalCalendar = CALENDAR_YEAR
) -> Rows:
    """Return landmark rows of deals on days, sorted by deal and day.

    Parameters
    ----------
    deal, day
        Codes and day numbers, shape (m,).
    calendar
        The company's fiscal calendar.
    """
    order = np.lexsort((day, deal))
    deal, day = deal[order].astype(np.int64), day[order].astype(np.int64)
    distinct, place = np.unique(day, return_inverse=True)
    quarters = [Quarter.containing(day_of(int(one)), calendar) for one in distinct]
    start = np.array([day_number(quarter.start) for quarter in quarters], np.int64)
    end = np.array([day_number(quarter.end) for quarter in quarters], np.int64)
    return Rows(deal, facts.stories(deal, day), day, start[place], end[place])


def read_deal_facts(snapshot: Snapshot) -> DealFacts:
    """Read what was known of all deals before ``snapshot.as_of``.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    versions = read_table(
        snapshot, "opportunities",
        (*VERSION_TEXTS.values(), "stage", "created_at", "amount_minor", "close_on", "closed_at",
         "next_step_at", "discount_share", "term_months"),
        order=("opportunity_id", "known_at", "batch_id"),
    )  # fmt: skip
    changes = read_table(
        snapshot, "opportunity_changes",
        ("changed_at", "field", "text_before", "text_after", "amount_before_minor",
         "amount_after_minor", "close_before_on", "close_after_on", "changed_by"),
        order=("opportunity_id", "known_at", "changed_at", "change_id", "batch_id"),
    )  # fmt: skip
    ids = deal_ids(versions, changes)
    contacts = read_activities(snapshot, ids)
    table = coded(versions, ids, snapshot), coded(changes, ids, snapshot)
    deal, first = _stories(len(ids), (table[1].deal, table[1].void), (contacts.deal, contacts.void))
    source = Source(*table, deal, first, snapshot.zone)
    fields, words, stages = merge_fields(source, StageMap.read(snapshot))
    order = (
        None if stages.spans else learn_stage_order(fields["stage"], deal, first, len(stages.names))
    )
    return DealFacts(
        ids, day_number(snapshot.day), deal, first, fields, words,
        build_activities(contacts, source), stages, order,
    )  # fmt: skip


def _stories(count: int, *voids: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    """Return deal and first day of each story: a new one begins where facts become void."""
    deal = np.concatenate([np.arange(count), *(one for one, _ in voids)])
    day = np.concatenate([np.zeros(count, np.int64), *(one for _, one in voids)])
    real = day < NEVER
    pairs = np.unique(np.stack([deal[real], day[real]], axis=1), axis=0)
    return pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)


def as_days(days: list[date]) -> Ints:
    """Return calendar days as numbers, shape (n,)."""
    return np.array([day_number(day) for day in days], np.int64)
