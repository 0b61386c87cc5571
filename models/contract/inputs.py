"""From a contract frame to a matrix: texts and own fields made fit, renewal windows as flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.base import Examples, FloatArray
from models.columns import Frame
from models.contract.months import DEADLINE, RENEWAL
from models.matrix import Layout
from models.vocabulary import Vocabulary

NOT_READ = ("subscription_id", "under_notice")
WINDOWS: Mapping[str, tuple[str, float]] = {
    "window:deadline_soon": (DEADLINE, 1 / 3),
    "window:deadline_within": (DEADLINE, 1.0),
    "window:renewal_within": (RENEWAL, 1.0),
}
"""Flags: a day comes within so much of the horizon."""
NEAR = "near:"


@dataclass(frozen=True)
class Inputs:
    """What a fit reads, in order.

    Attributes
    ----------
    vocabulary, layout
        Of the fit's frame.
    horizon_days
        Length of the windows the flags speak of.
    moving
        Columns that the logistic also reads apart where a deadline is near.
    """

    vocabulary: Vocabulary
    layout: Layout
    horizon_days: int
    moving: tuple[str, ...] = ()

    @classmethod
    def learn(
        cls,
        examples: Examples,
        *,
        only: Sequence[str] | None = None,
        without: Sequence[str] = (),
        moving: Sequence[str] = (),
    ) -> tuple[Self, FloatArray]:
        """Learn from examples; return also their matrix, with encoded texts out of fold.

        Parameters
        ----------
        examples
            Training rows.
        only
            Columns to read; None for all.
        without
            Columns not to read.
        moving
            Columns for ``add_near``; those the frame lacks are left out.
        """
        frame = examples.frame
        if only is not None:
            frame = frame.select(["account_id", *(n for n in only if n in frame.column_names)])
        vocabulary = Vocabulary.learn(frame, examples.label)
        made = vocabulary.transform_training(frame, examples.label)
        layout = Layout.learn(made, without=(*NOT_READ, *without))
        kept = tuple(name for name in moving if {name, DEADLINE} <= set(layout.columns))
        inputs = cls(vocabulary, layout, examples.horizon_days, kept)
        return inputs, inputs._with_windows(layout.matrix(made))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the matrix's columns: the layout's, then the windows'."""
        found = (name for name, (source, _) in WINDOWS.items() if source in self.layout.columns)
        return (*self.layout.columns, *found)

    @property
    def near_columns(self) -> tuple[str, ...]:
        """Names of what ``add_near`` appends."""
        return tuple(f"{NEAR}{name}" for name in self.moving)

    @property
    def text_sizes(self) -> dict[int, int]:
        """Places of the text columns and their number of codes."""
        layout = self.layout
        return {layout.columns.index(name): len(layout.words[name]) for name in layout.words}

    def matrix(self, frame: Frame) -> FloatArray:
        """Return shape (n, len(columns)).

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit, or holds them with another type.
        """
        return self._with_windows(self.layout.matrix(self.vocabulary.transform(frame)))

    def _with_windows(self, matrix: FloatArray) -> FloatArray:
        flags = []
        for name in self.columns[len(self.layout.columns) :]:
            source, part = WINDOWS[name]
            days = matrix[:, self.layout.columns.index(source)]
            flags.append((days >= 0) & (days < part * self.horizon_days))
        return np.column_stack([matrix, *flags]) if flags else matrix

    def add_near(self, matrix: FloatArray) -> FloatArray:
        """Append the moving columns where a deadline falls within the horizon, 0 elsewhere.

        A fall in use weighs more when the contract can be left soon; trees find that themselves,
        a logistic has to be told. What is missing counts as no movement.
        """
        if not self.moving:
            return matrix
        near = matrix[:, [self.columns.index("window:deadline_within")]] > 0
        moving = matrix[:, [self.columns.index(name) for name in self.moving]]
        return np.hstack([matrix, np.where(near, np.nan_to_num(moving), 0.0)])

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "vocabulary": self.vocabulary.to_json(),
            "layout": self.layout.to_json(),
            "horizon_days": self.horizon_days,
            "moving": list(self.moving),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``."""
        return cls(
            Vocabulary.from_json(data["vocabulary"]),
            Layout.from_json(data["layout"]),
            int(data["horizon_days"]),
            tuple(data["moving"]),
        )
