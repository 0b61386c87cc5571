"""How long a deal has been where it is, against the won deals that came through there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.deals.days import SPAN, Floats, Ints
from features.deals.facts import DealFacts, Rows
from features.deals.moves import forward_moves
from features.deals.states import build_closings, created_days
from features.deals.streams import taken

FEWEST_WON = 10
"""Fewer won deals that came through a stage say nothing about how long it takes."""


def build_timing_columns(facts: DealFacts, rows: Rows) -> dict[str, Floats]:
    """Build ages of the deal and of its stage, each of shape (m,)."""
    stages = facts.fields["stage"]
    place = stages.last(rows.story, rows.day)
    age = rows.day - taken(stages.happened, place)
    median, late = _won_spells(facts, rows, taken(stages.value, place))
    created = created_days(facts, rows)
    moved = forward_moves(facts)
    last = moved.last(rows.story, rows.day)
    since = np.where(last < 0, created, taken(moved.happened, last))
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "stage_age_days": age,
            "age_days": rows.day - created,
            "stage_age_vs_won": np.where(median > 0, age / median, np.nan),
            "stage_overdue_won_p90": np.where(np.isnan(late + age), np.nan, age > late),
            "forward_days": rows.day - since,
        }


def _won_spells(facts: DealFacts, rows: Rows, stage: Floats) -> tuple[Floats, Floats]:
    """Return median and 90th percentile of won deals' days in each row's stage, as known then."""
    code, days, seen = _spells_of_won(facts)
    median, late = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for one in np.unique(stage[~np.isnan(stage)]):
        here = np.flatnonzero(stage == one)
        spells = code == one
        asked, back = np.unique(rows.day[here], return_inverse=True)
        found = _prefix_quantiles(days[spells], seen[spells], asked)
        median[here], late[here] = found[back, 0], found[back, 1]
    return median, late


def _prefix_quantiles(days: Floats, seen: Ints, asked: Ints) -> npt.NDArray[np.float64]:
    """Return the quantiles of what was seen by each day asked, shape (g, 2)."""
    found = np.full((len(asked), 2), np.nan)
    for row, count in enumerate(np.searchsorted(seen, asked, side="right")):
        if count >= FEWEST_WON:
            found[row] = np.quantile(days[:count], (0.5, 0.9))
    return found


def _spells_of_won(facts: DealFacts) -> tuple[Floats, Floats, Ints]:
    """Return stage, length (days) and first day known of each stay of a won deal, by that day."""
    closings, stages = build_closings(facts), facts.fields["stage"]
    won = closings.is_won & ~closings.created_and_closed
    story, seen = closings.story[won], closings.seen[won]
    key = stages.story * SPAN + stages.seen
    low = np.searchsorted(stages.story, story)
    length = np.searchsorted(key, story * SPAN + seen, side="right") - low
    at = np.repeat(low, length) + np.arange(length.sum())
    at = at - np.repeat(np.cumsum(length) - length, length)
    # the last stay ends with the deal, the others with the next stage
    last = np.append(np.repeat(np.arange(len(story)), length)[1:], -1) != np.repeat(
        np.arange(len(story)), length
    )
    ends = np.append(stages.happened[1:], np.nan)[at]
    ends = np.where(last, np.repeat(closings.closed[won], length), ends)
    days, is_open = ends - stages.happened[at], ~_is_end(facts, stages.value[at])
    return stages.value[at][is_open], days[is_open], np.repeat(seen, length)[is_open]


def _is_end(facts: DealFacts, stage: Floats) -> npt.NDArray[np.bool_]:
    ends = facts.stages.is_won | facts.stages.is_lost
    return np.asarray(ends[stage.astype(np.int64)])
