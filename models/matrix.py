"""From an account frame to the numbers a model reads, always in the order of the fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from lifecycle.errors import FeatureMismatchError
from models.base import FloatArray
from models.columns import Columns, Frame, is_text, read_texts, to_columns

KEYS = ("account_id", "as_of")
UNSEEN = -1.0
SHOWN_NAMES = 8


@dataclass(frozen=True)
class Layout:
    """The columns of a fit, in order, and the vocabulary of those that are text.

    Attributes
    ----------
    columns
        Names in matrix order.
    words
        For each text column its known values, sorted; the code is the place in that list.
    """

    columns: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]

    @classmethod
    def learn(cls, frame: Frame, *, without: Sequence[str] = ()) -> Self:
        """Take every column of ``frame`` except its keys and ``without``, in frame order."""
        names = tuple(n for n in frame.column_names if n not in KEYS and n not in set(without))
        words: dict[str, tuple[str, ...]] = {}
        for name in names:
            if is_text(frame, name):
                found = set(read_texts(frame, name))
                words[name] = tuple(sorted(word for word in found if word is not None))
        return cls(names, words)

    def matrix(self, frame: Frame) -> FloatArray:
        """Return shape (n, len(columns)); null → NaN, text → code, an unseen or null text → -1.

        Columns the fit did not know are left out: a newer frame still serves an older model.

        Raises
        ------
        FeatureMismatchError
            A column of the fit is missing, or text stands where numbers were or the reverse.
        """
        columns = to_columns(frame)
        self._check(columns)
        out = np.empty((columns.num_rows, len(self.columns)), dtype=np.float64, order="C")
        arrays = columns.arrays
        for place, name in enumerate(self.columns):
            values = arrays[name]
            out[:, place] = (
                _codes(values.tolist(), self.words[name]) if name in self.words else values
            )
        return out

    def _check(self, frame: Columns) -> None:
        arrays = frame.arrays
        missing = [name for name in self.columns if name not in arrays]
        if missing:
            extra = [n for n in arrays if n not in {*self.columns, *KEYS}]
            raise FeatureMismatchError(
                f"frame lacks {_names(missing)} and has besides {_names(extra)}",
                f"the {len(self.columns)} columns of the fit",
                "build the frame with this version's features, or train again",
            )
        turned = [n for n in self.columns if (arrays[n].dtype == object) != (n in self.words)]
        if turned:
            types = {n: "text" if arrays[n].dtype == object else "numbers" for n in turned}
            raise FeatureMismatchError(
                f"columns changed type: {types}",
                "text where the fit had text, numbers where it had numbers",
                "train again",
            )

    def to_json(self) -> dict[str, Any]:
        """Return the layout as plain JSON values."""
        return {"columns": list(self.columns), "words": {k: list(v) for k, v in self.words.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``."""
        words = {str(k): tuple(str(w) for w in v) for k, v in data["words"].items()}
        return cls(tuple(str(name) for name in data["columns"]), words)


def _codes(texts: Sequence[str | None], words: Sequence[str]) -> FloatArray:
    place = {word: float(code) for code, word in enumerate(words)}
    codes = [UNSEEN if word is None else place.get(word, UNSEEN) for word in texts]
    return np.array(codes, dtype=np.float64)


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN_NAMES]) or "nothing"
    return shown if len(names) <= SHOWN_NAMES else f"{shown} and {len(names) - SHOWN_NAMES} more"
