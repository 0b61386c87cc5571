"""How a deal moved: stages forwards and backwards, pushes and pulls of its close date, its view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from features.deals.days import Floats, day_of
from features.deals.facts import DealFacts, Rows
from features.deals.streams import Edits, taken
from lifecycle.periods import FiscalCalendar, Quarter

EDITED = ("stage", "amount", "close_on", "category", "next_step", "discount", "competitor")
"""Fields whose edits show that somebody looks after the deal."""

Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _StageMoves:
    """What each edit of the stage was; an edit into or out of an end is no move, shape (e,)."""

    forward: Marks
    back: Marks
    skip: Marks
    loop: Marks


def build_move_columns(facts: DealFacts, rows: Rows) -> dict[str, Floats]:
    """Build the stage and its moves, the view of the deal and its owners, each of shape (m,)."""
    stages, moves = facts.fields["stage"], _stage_moves(facts)
    code = facts.at("stage", rows)
    categories, owners = facts.fields["category"], facts.fields["owner"]
    category, kind = facts.at("category", rows), facts.at("kind", rows)
    category_place = categories.last(rows.story, rows.day)
    owner_place = owners.last(rows.story, rows.day)
    return {
        "stage_position": facts.positions(code, rows.day),
        "stage_win_share": _of_stage(facts.stages.win_share, code),
        "stage_moves_count": stages.count(moves.forward | moves.back, rows.story, rows.day),
        "stage_regressions_count": stages.count(moves.back, rows.story, rows.day),
        "stage_skips_count": stages.count(moves.skip, rows.story, rows.day),
        "stage_loops_count": stages.count(moves.loop, rows.story, rows.day),
        "reopened_count": _reopened(facts, rows),
        "is_expansion": (kind == facts.text_code("kind", "expansion")).astype(np.float64),
        "is_commit": _is_word(facts, "category", category, "commit"),
        "is_best_case": _is_word(facts, "category", category, "best_case"),
        "is_omitted": _is_word(facts, "category", category, "omitted"),
        "category_changes_count": _changes(categories, rows),
        "category_days": rows.day - taken(categories.happened, category_place),
        "owner_changes_count": _changes(owners, rows),
        "owner_days": rows.day - taken(owners.happened, owner_place),
        "edit_days": rows.day - _last_edit(facts, rows),
    }


def build_close_columns(
    facts: DealFacts, rows: Rows, *, calendar: FiscalCalendar
) -> dict[str, Floats]:
    """Build the expected close and how it moved, each of shape (m,)."""
    closes = facts.fields["close_on"]
    place = closes.last(rows.story, rows.day)
    close = taken(closes.value, place)
    moved = np.nan_to_num(closes.value - closes.before)
    ahead = close - rows.day
    firm = _firm(facts)
    last_move = np.where(place < 0, np.nan, moved[place] if len(moved) else np.nan)
    with np.errstate(invalid="ignore"):
        inside = (close < rows.quarter_end).astype(np.float64)
        return {
            "close_days": ahead,
            "close_in_quarter": np.where(np.isnan(close), np.nan, inside),
            "overdue_days": np.where(np.isnan(close), np.nan, np.maximum(-ahead, 0)),
            "close_past_quarter_days": close - rows.quarter_end,
            "close_placeholder": _is_month_end(close),
            "close_quarter_end": _is_quarter_end(close, calendar),
            "push_count": closes.count(moved > 0, rows.story, rows.day),
            "push_days": closes.count(np.maximum(moved, 0), rows.story, rows.day),
            "pull_count": closes.count(moved < 0, rows.story, rows.day),
            "pull_days": closes.count(np.maximum(-moved, 0), rows.story, rows.day),
            "close_move_days": last_move,
            "close_mean_days": _mean_told(facts, rows) - rows.day,
            "close_firm_days": firm.at(rows.story, rows.day) - rows.day,
            "close_edit_days": rows.day - taken(closes.happened, place),
            "next_step_days": facts.at("next_step", rows) - rows.day,
        }


def _mean_told(facts: DealFacts, rows: Rows) -> Floats:
    """Return the mean of all close dates told so far, shape (m,)."""
    closes = facts.fields["close_on"]
    told = closes.count(np.ones(len(closes.value)), rows.story, rows.day)
    with np.errstate(invalid="ignore", divide="ignore"):
        return closes.count(closes.value, rows.story, rows.day) / told


def _firm(facts: DealFacts) -> Edits:
    """Return the close dates told that are no placeholders."""
    closes = facts.fields["close_on"]
    return closes.take(_is_month_end(closes.value) == 0)


def forward_moves(facts: DealFacts) -> Edits:
    """Return the edits that moved a deal to a later stage."""
    return facts.fields["stage"].take(_stage_moves(facts).forward)


def _stage_moves(facts: DealFacts) -> _StageMoves:
    stages = facts.fields["stage"]
    ends = facts.stages.is_won | facts.stages.is_lost
    codes, before = stages.value.astype(np.int64), stages.before
    was = np.nan_to_num(before).astype(np.int64)
    inside = ~stages.is_first & ~ends[codes] & ~ends[was] if len(codes) else stages.is_first
    now_place = facts.positions(stages.value, stages.seen)
    then_place = facts.positions(before, stages.seen)
    _, first = np.unique(stages.story * (len(ends) + 1) + codes, return_index=True)
    again = np.ones(len(codes), np.bool_)
    again[first] = False
    with np.errstate(invalid="ignore"):
        step = now_place - then_place
        return _StageMoves(
            inside & (step > 0), inside & (step < 0), inside & (step > 1), inside & again
        )


def _last_edit(facts: DealFacts, rows: Rows) -> Floats:
    """Return when anything of the deal was last edited, shape (m,)."""
    latest = np.full(len(rows), np.nan)
    for name in EDITED:
        edits = facts.fields[name]
        latest = np.fmax(latest, taken(edits.happened, edits.last(rows.story, rows.day)))
    return latest


def _reopened(facts: DealFacts, rows: Rows) -> Floats:
    """Count how often a closed deal was opened again."""
    outcomes = facts.fields["outcome"]
    with np.errstate(invalid="ignore"):
        again = (outcomes.value == 0) & (outcomes.before > 0)
    return outcomes.count(again, rows.story, rows.day)


def _changes(edits: Edits, rows: Rows) -> Floats:
    """Count the changes of a field, its first value not counted."""
    return edits.count(~edits.is_first, rows.story, rows.day)


def _of_stage(values: Floats, code: Floats) -> Floats:
    none = np.isnan(code)
    if not len(values):
        return np.full(len(code), np.nan)
    return np.where(none, np.nan, values[np.where(none, 0, code).astype(np.int64)])


def _is_word(facts: DealFacts, field: str, codes: Floats, word: str) -> Floats:
    """Return 1 where a field holds a word, 0 where another, NaN where none."""
    found = codes == pc.index(facts.words[field], word).as_py()
    return np.where(np.isnan(codes), np.nan, found)


def _is_month_end(day: Floats) -> Floats:
    known = ~np.isnan(day)
    after = np.where(known, day, 0).astype(np.int64).astype("M8[D]") + 1
    first = after.astype("M8[M]").astype("M8[D]") == after
    return np.where(known, first, np.nan)


def _is_quarter_end(day: Floats, calendar: FiscalCalendar) -> Floats:
    """Return 1 on the last day of a quarter of the fiscal year, 0 on another, NaN without one."""
    known = ~np.isnan(day)
    after = np.where(known, day, 0).astype(np.int64) + 1
    distinct, place = np.unique(after, return_inverse=True)
    days = [day_of(int(one)) for one in distinct]
    first = np.array([Quarter.containing(one, calendar).start == one for one in days], bool)
    return np.where(known, first[place], np.nan)
