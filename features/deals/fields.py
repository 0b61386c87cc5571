"""Each field of a deal as one stream, from versions and changes, whichever a source has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.deals.days import Floats, Ints, date_days, local_days, numbers
from features.deals.reading import (
    CHANGE_TEXTS,
    LOST,
    OPEN,
    VERSION_TEXTS,
    WON,
    Table,
    places_of,
    plausible_amounts,
    plausible_days,
    words_of,
)
from features.deals.stages import StageMap
from features.deals.streams import CHANGE, IMPLIED, VERSION, Edits, Told, merge_edits

OUTCOMES = pa.array(["open", "won", "lost"])
"""Outcomes in order of their codes."""


@dataclass(frozen=True)
class Source:
    """What the two tables tell, and the stories in which they tell it.

    Attributes
    ----------
    versions, changes
        Rows of `opportunities` and `opportunity_changes`.
    story_deal, story_from
        Deal and first day of each story, shape (s,).
    zone
        The company's zone.
    """

    versions: Table
    changes: Table
    story_deal: Ints
    story_from: Ints
    zone: ZoneInfo

    def spread(self, deal: Ints, void: Ints) -> tuple[Ints, Ints]:
        """Return the places and stories of rows in each story in which they still count."""
        first = np.searchsorted(self.story_deal, deal)
        stories = np.searchsorted(self.story_deal, deal, side="right") - first
        place = np.repeat(np.arange(len(deal)), stories)
        ahead = np.arange(len(place)) - np.repeat(np.cumsum(stories) - stories, stories)
        story = first[place] + ahead
        counts = void[place] > self.story_from[story]
        return place[counts], story[counts]


def merge_fields(
    source: Source, stages: StageMap
) -> tuple[dict[str, Edits], dict[str, pa.Array], StageMap]:
    """Merge both tables into one stream per field.

    Returns
    -------
    dict, dict, StageMap
        Streams by field; texts by field, in order of their codes; the stages, which without a
        map are the source's own.
    """
    versions, changes = source.versions, source.changes
    field = changes.text("field")
    words: dict[str, pa.Array] = {}
    for name, column in VERSION_TEXTS.items():
        sides = [changes.text(f"text_{side}").filter(pc.equal(field, name))
                 for side in ("before", "after") if name in CHANGE_TEXTS]  # fmt: skip
        by = [changes.text("changed_by")] if name == "owner" else []
        words[name] = words_of(versions.text(column), *sides, *by)
    words["outcome"] = OUTCOMES
    is_stage = _is_stage(field)
    if not stages.spans:
        texts = [changes.text(f"text_{side}").filter(pa.array(is_stage))
                 for side in ("before", "after")]  # fmt: skip
        stages = StageMap.without_map(tuple(words_of(versions.text("stage"), *texts).to_pylist()))
    merger = _Merger(source, words, stages)
    return {name: merge_edits(_joined(parts)) for name, parts in merger.streams()}, words, stages


def _is_stage(field: pa.Array) -> npt.NDArray[np.bool_]:
    """Mark the changes that tell a stage: also that of the creation does."""
    return np.asarray(
        pc.is_in(field, value_set=pa.array(["stage", "created"])).to_numpy(zero_copy_only=False)
    )


class _Merger:
    """The parts of every field's stream."""

    def __init__(self, source: Source, words: dict[str, pa.Array], stages: StageMap) -> None:
        self._source, self._words, self._stages = source, words, stages
        self._field = source.changes.text("field")
        self._changed = local_days(source.changes.rows["changed_at"], source.zone)
        self._by = np.nan_to_num(
            places_of(source.changes.text("changed_by"), words["owner"]), nan=-1
        ).astype(np.int64)

    def streams(self) -> Iterator[tuple[str, list[Told]]]:
        rows, zone = self._source.versions.rows, self._source.zone
        yield "created", [self._version(local_days(rows["created_at"], zone)), self._created()]
        yield "amount", [self._version(plausible_amounts(rows["amount_minor"])),
                         self._numbers("amount", "amount_{}_minor", plausible_amounts)]  # fmt: skip
        yield "close_on", [self._version(plausible_days(rows["close_on"])),
                           self._numbers("close_on", "close_{}_on", plausible_days)]  # fmt: skip
        next_step = np.floor(local_days(rows["next_step_at"], zone))
        yield "next_step", [self._version(next_step),
                            self._numbers("next_step", "close_{}_on", date_days)]  # fmt: skip
        yield "discount", [self._version(numbers(rows["discount_share"]))]
        yield "term", [self._version(numbers(rows["term_months"]))]
        stages = self._stage_parts()
        yield "stage", stages
        for name in VERSION_TEXTS:
            yield name, self._text_parts(name, stages)

    def _text_parts(self, name: str, stages: list[Told]) -> list[Told]:
        value = places_of(self._source.versions.text(VERSION_TEXTS[name]), self._words[name])
        if name == "outcome":
            return [self._closings(value), self._texts(name), *map(self._implied, stages)]
        parts = [self._version(value)]
        return [*parts, self._texts(name)] if name in CHANGE_TEXTS else parts

    def _stage_parts(self) -> list[Told]:
        versions, changes = self._source.versions, self._source.changes
        told = self._stages.codes(versions.text("stage"), versions.known)
        sides = [
            np.where(_is_stage(self._field),
                     self._stages.codes(changes.text(f"text_{side}"), changes.known, self._changed),
                     np.nan)
            for side in ("before", "after")
        ]  # fmt: skip
        return [self._version(told), self._change(sides[1], sides[0])]

    def _implied(self, stage: Told) -> Told:
        """Tell the outcome that a stage stands for, if the map knows the ends."""
        code = stage.value.astype(np.int64)
        value = np.where(self._stages.is_won[code], WON, OPEN)
        value = np.where(self._stages.is_lost[code], LOST, value)
        none = np.full(len(value), np.nan)
        implied = Told(stage.story, stage.known, stage.happened, value, stage.by,
                       np.full(len(value), IMPLIED), none)  # fmt: skip
        return implied.take(np.full(len(value), bool(self._stages.spans)))

    def _closings(self, outcome: Floats) -> Told:
        """Tell the outcomes of versions, dated by when the deal closed where they say so."""
        versions = self._source.versions
        closed = local_days(versions.rows["closed_at"], self._source.zone)
        dated = (outcome != OPEN) & ~np.isnan(closed)
        return self._version(outcome, np.where(dated, closed, versions.known))

    def _created(self) -> Told:
        is_created = np.asarray(pc.equal(self._field, "created").to_numpy(zero_copy_only=False))
        return self._change(np.where(is_created, self._changed, np.nan))

    def _texts(self, name: str) -> Told:
        texts = [self._source.changes.text(f"text_{side}") for side in ("before", "after")]
        sides = [self._side(name, places_of(text, self._words[name])) for text in texts]
        return self._change(sides[1], sides[0])

    def _numbers(self, name: str, column: str, read: Callable[[pa.ChunkedArray], Floats]) -> Told:
        rows = self._source.changes.rows
        sides = [self._side(name, read(rows[column.format(side)])) for side in ("before", "after")]
        return self._change(sides[1], sides[0])

    def _side(self, name: str, values: Floats) -> Floats:
        is_field = np.asarray(pc.equal(self._field, name).to_numpy(zero_copy_only=False))
        return np.where(is_field, values, np.nan)

    def _change(self, after: Floats, before: Floats | None = None) -> Told:
        changes = self._source.changes
        before = np.full(len(after), np.nan) if before is None else before
        told = Told(changes.deal, changes.known, self._changed, after, self._by,
                    np.full(len(after), CHANGE), before)  # fmt: skip
        return self._spread(told, changes)

    def _version(self, value: Floats, happened: Floats | None = None) -> Told:
        versions = self._source.versions
        happened = versions.known if happened is None else happened
        told = Told(versions.deal, versions.known, happened, value,
                    np.full(len(value), -1), np.full(len(value), VERSION),
                    np.full(len(value), np.nan))  # fmt: skip
        return self._spread(told, versions)

    def _spread(self, told: Told, table: Table) -> Told:
        """Tell the values that there are, in every story in which their rows still count."""
        there = np.flatnonzero(~np.isnan(told.value))
        place, story = self._source.spread(table.deal[there], table.void[there])
        found = told.take(there[place])
        return Told(story, found.known, found.happened, found.value, found.by, found.teller,
                    found.before)  # fmt: skip


def _joined(parts: list[Told]) -> Told:
    names = ("story", "known", "happened", "value", "by", "teller", "before")
    return Told(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
