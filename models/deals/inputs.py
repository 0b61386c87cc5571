"""From a deal frame to a matrix: texts made fit, and what the logistic cannot work out itself.

A chance to win by the quarter's end hangs on how far a deal is *and* how much time is left. Trees
find such pairs; a logistic is told them, in columns worked out from others of the same row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.base import FloatArray
from models.columns import Columns, Frame, Values, read_numbers, read_texts, to_columns, to_texts
from models.deals.after import DEAL
from models.matrix import Layout
from models.vocabulary import OWN_NUMBER, OWN_TEXT, Vocabulary

NOT_READ = (
    DEAL, "account_id", "owner_id", "as_of", "kind", "currency", "team", "product_id", "close_on",
    "next_step_on", "amount_minor",
)  # fmt: skip
"""Keys, and the amount itself: ``amount_log`` and ``amount_z`` say it on a scale that travels."""
DERIVED: Mapping[str, tuple[str, ...]] = {
    "pair:stage_cell": ("stage", "close_in_quarter", "quarter_week"),
    "pair:week": ("quarter_week",),
    "pair:stage_weeks": ("stage_position", "weeks_left"),
    "pair:close_weeks": ("close_in_quarter", "weeks_left"),
    "pair:close_stage": ("close_in_quarter", "stage_position"),
}
"""Columns worked out from others; their part is told as the first one's."""
LATE = "late:"
MOVING = (
    "is_commit", "is_best_case", "next_meeting", "close_days", "stage_age_days", "forward_days",
    "two_way_silence_days", "sentiment_mean", "owner_win_share", "path_log_odds", "overdue_days",
    "meetings_28d_count", "contacts_count", "category_days", "close_edit_days", "push_count",
)  # fmt: skip
"""Columns that the logistic also reads apart in a quarter's last weeks, when they weigh more."""
LATE_WEEKS = 5.0
WEEK_STEPS = (3, 6, 9, 11, 12)
"""Weeks of the quarter at which a cell of stage and close date becomes another."""


@dataclass(frozen=True)
class Inputs:
    """What a fit reads, in order.

    Attributes
    ----------
    vocabulary, layout
        Of the fit's frame, derived columns among them.
    """

    vocabulary: Vocabulary
    layout: Layout

    @classmethod
    def learn(
        cls, frame: Frame, label: FloatArray, *, only: Sequence[str] | None = None
    ) -> tuple[Self, FloatArray]:
        """Learn from rows and labels (0 or 1); return also their matrix, texts out of fold.

        ``only`` names the columns to read, whatever they are; None for all but the keys.
        """
        own = _as_units(frame)
        if only is not None:
            own = own.select(["account_id", *(n for n in only if n in own.column_names)])
        made = add_derived(own)
        not_read = [name for name in NOT_READ if only is None or name not in only]
        read = [n for n in made.column_names if n == "account_id" or n not in not_read]
        vocabulary = _drop_account_ids(Vocabulary.learn(made.select(read), label), frame, label)
        ready = vocabulary.transform_training(made, label)
        layout = Layout.learn(ready, without=not_read)
        return cls(vocabulary, layout), layout.matrix(ready)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the matrix's columns."""
        return self.layout.columns

    @property
    def text_sizes(self) -> dict[int, int]:
        """Places of the text columns and their number of codes."""
        layout = self.layout
        return {layout.columns.index(name): len(layout.words[name]) for name in layout.words}

    @property
    def plain(self) -> NDArray[np.intp]:
        """Places of the columns that are the frame's own: what trees read."""
        own = [k for k, name in enumerate(self.columns) if source_of(name) == name]
        return np.array(own, dtype=np.intp)

    def matrix(self, frame: Frame) -> FloatArray:
        """Return shape (n, len(columns)).

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit, or holds them with another type.
        """
        return self.layout.matrix(self.vocabulary.transform(add_derived(_as_units(frame))))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"vocabulary": self.vocabulary.to_json(), "layout": self.layout.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``."""
        return cls(Vocabulary.from_json(data["vocabulary"]), Layout.from_json(data["layout"]))


def source_of(column: str) -> str:
    """Return the frame column that a matrix column speaks of.

    Examples
    --------
    >>> source_of("pair:stage_weeks"), source_of("late:is_commit"), source_of("age_days")
    ('stage_position', 'is_commit', 'age_days')
    """
    return DERIVED[column][0] if column in DERIVED else column.removeprefix(LATE)


def add_derived(frame: Frame) -> Columns:
    """Append the derived columns whose sources the frame has."""
    known = set(frame.column_names)
    made = to_columns(frame)
    for name, sources in DERIVED.items():
        if set(sources) <= known:
            made = made.append_column(name, _derive(frame, name, sources))
    if "weeks_left" not in known:
        return made
    late = read_numbers(frame, "weeks_left") <= LATE_WEEKS
    for name in MOVING:
        if name in known:
            values = np.where(late, np.nan_to_num(read_numbers(frame, name)), 0.0)
            made = made.append_column(f"{LATE}{name}", values)
    return made


def name_close(inside: FloatArray) -> NDArray[np.str_]:
    """Return ``in``, ``out`` or ``none``: whether the close date shown lies in the quarter.

    Examples
    --------
    >>> name_close(np.array([1.0, 0.0, np.nan])).tolist()
    ['in', 'out', 'none']
    """
    return np.where(np.isnan(inside), "none", np.where(inside > 0, "in", "out"))


def name_weeks(week: FloatArray) -> NDArray[np.str_]:
    """Return the week of the quarter as a word, ``-`` where it is unknown."""
    known = np.isfinite(week)
    return np.where(known, np.nan_to_num(week).astype(np.int64).astype(str), "-")


def _derive(frame: Frame, name: str, sources: Sequence[str]) -> Values:
    if name == "pair:stage_cell":
        stage = [word or "-" for word in read_texts(frame, "stage")]
        close = name_close(read_numbers(frame, "close_in_quarter")).tolist()
        part = np.searchsorted(np.array(WEEK_STEPS), read_numbers(frame, "quarter_week"), "right")
        cells = zip(stage, close, part.tolist(), strict=True)
        return to_texts([f"{a} | {b} | {c}" for a, b, c in cells])
    if name == "pair:week":
        return to_texts(name_weeks(read_numbers(frame, "quarter_week")).tolist())
    left, right = (read_numbers(frame, one) for one in sources)
    return np.asarray(left * right)


def _drop_account_ids(vocabulary: Vocabulary, frame: Frame, label: FloatArray) -> Vocabulary:
    """Drop also the own fields that tell one account from all others, as of accounts they are.

    Several deals share their account's number or name: counted by deals it is no identifier.
    """
    own = [n for n in vocabulary.fields if n.startswith((OWN_NUMBER, OWN_TEXT))]
    if not own or "account_id" not in frame.column_names:
        return vocabulary
    by_account = Vocabulary.learn(frame.select(["account_id", *own]), label).fields
    dropped = {name: field for name, field in by_account.items() if field.fate == "dropped"}
    return Vocabulary({**vocabulary.fields, **dropped})


def _as_units(frame: Frame) -> Columns:
    """Let each deal be its own unit: folds and rare values count deals, not accounts."""
    read = to_columns(frame)
    if DEAL not in read.column_names:
        return read
    return read.drop_columns(["account_id"]).append_column("account_id", read.values(DEAL))
