"""A company's own fields and texts, made fit for a model inside its training window.

Numbers stay as they are. Texts keep the values that are common enough; rare ones and such as the
fit never saw become one value. A text with very many values becomes one number: the log-odds of
the event among the accounts that share the value, which for training come from other accounts only
(Micci-Barreca 2001). Fields that say nothing (constant), or who somebody is (identifiers, e-mail
addresses, telephone numbers), are dropped; the report says so for each.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from models.base import FloatArray
from models.columns import (
    Columns,
    Frame,
    Values,
    is_text,
    number_texts,
    number_units,
    read_texts,
    to_columns,
    to_texts,
)
from models.matrix import KEYS

Fate = Literal["kept", "pooled", "encoded", "dropped"]
OWN_NUMBER, OWN_TEXT = "number:", "text:"
OTHER, NONE = "(other)", "(none)"
RARE_ROWS, RARE_ACCOUNTS = 20, 5
MANY_VALUES = 30
UNIQUE_SHARE = 0.9
SHRINK_ROWS = 20.0
FOLDS = 5
CONTACT_NAME = re.compile(r"e.?mail|phone|mobile|\bfax\b|contact|address|(first|last|full).?name")
CONTACT_VALUE = re.compile(r"\S+@\S+\.\S+|^\+?[\d\s()/.-]{9,}$")
IDENTIFIER_NAME = re.compile(r"(^|[_\s:])(id|uuid|guid|key|number|no|nr|ref|code)$")


@dataclass(frozen=True)
class Field:
    """What became of one field.

    Attributes
    ----------
    fate
        ``kept`` (a number), ``pooled`` (a text with its common values), ``encoded`` (a text as
        log-odds), ``dropped``.
    reason
        In a few words, for the model card.
    words
        Common values of a pooled text, sorted.
    odds
        Of an encoded text, log-odds by value; ``OTHER`` for the rest.
    """

    fate: Fate
    reason: str
    words: tuple[str, ...] = ()
    odds: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Vocabulary:
    """Texts and own fields of a fit, by column."""

    fields: Mapping[str, Field]

    @classmethod
    def learn(cls, frame: Frame, label: FloatArray) -> Self:
        """Decide each field's fate on training rows; ``label`` has shape (n,) of 0 and 1."""
        fields, read = {}, to_columns(frame)
        for name in read.column_names:
            own = name.startswith((OWN_NUMBER, OWN_TEXT))
            if name not in (*KEYS, "subscription_id") and (own or is_text(read, name)):
                fields[name] = _judge(read, name, label, own=own)
        return cls(fields)

    @property
    def report(self) -> list[dict[str, Any]]:
        """For each own field and text: ``field``, ``fate``, ``reason``, ``values`` kept."""
        return [
            {
                "field": name,
                "fate": field.fate,
                "reason": field.reason,
                "values": len(field.words) or len(field.odds or {}),
            }
            for name, field in sorted(self.fields.items())
        ]

    def transform(self, frame: Frame) -> Columns:
        """Return the frame with texts pooled or encoded, and without what was dropped."""
        return self._replace(frame, None)

    def transform_training(self, frame: Frame, label: FloatArray) -> Columns:
        """Return training rows; an encoded value speaks of other accounts only."""
        return self._replace(frame, label)

    def _replace(self, frame: Frame, label: FloatArray | None) -> Columns:
        read = to_columns(frame)
        made: dict[str, Values] = {}
        for name in read.column_names:
            field = self.fields.get(name)
            if field is None or field.fate == "kept":
                made[name] = read.values(name)
            elif field.fate == "pooled":
                made[name] = to_texts(_pool(_texts(read, name), field.words))
            elif field.odds is not None:
                made[name] = _encode(read, name, field.odds, label)
        for name in [n for n in self.fields if n not in read.column_names]:
            _add_vanished(made, name, self.fields[name], rows=read.num_rows)
        return Columns(made, read.num_rows)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            name: {
                "fate": field.fate,
                "reason": field.reason,
                "words": list(field.words),
                "odds": None if field.odds is None else dict(field.odds),
            }
            for name, field in self.fields.items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``."""
        return cls(
            {
                str(name): Field(one["fate"], one["reason"], tuple(one["words"]), one["odds"])
                for name, one in data.items()
            }
        )


def _add_vanished(made: dict[str, Values], name: str, field: Field, *, rows: int) -> None:
    """Add an own field that nobody fills any more as unknown; a feature stays missing."""
    if field.fate == "dropped" or not name.startswith((OWN_NUMBER, OWN_TEXT)):
        return
    if field.fate == "pooled":
        made[name] = to_texts([NONE] * rows)
    else:
        made[name] = np.full(rows, np.nan if field.odds is None else field.odds.get(NONE, 0.0))


def _judge(frame: Columns, name: str, label: FloatArray, *, own: bool) -> Field:
    bare = name.removeprefix(OWN_NUMBER).removeprefix(OWN_TEXT).lower()
    values, rows, accounts = _count_values(frame, name)
    if not values:
        return Field("dropped" if own else "pooled", "always empty")
    if own and len(values) == 1 and rows.sum() == frame.num_rows:
        return Field("dropped", "constant")
    if own and _is_contact(bare, values):
        return Field("dropped", "names or reaches a person")
    alone = float((accounts == 1).mean()) > UNIQUE_SHARE and len(values) > MANY_VALUES
    if not is_text(frame, name):
        if alone and _is_numbering(bare, values):
            return Field("dropped", "identifier: nearly every account has its own value")
        return Field("kept", "a number")
    if own and alone:
        return Field("dropped", "identifier: nearly every account has its own value")
    if len(values) > MANY_VALUES:
        odds = _odds_by_value(_texts(frame, name), label)
        return Field("encoded", f"{len(values)} values, as log-odds", odds=odds)
    common = (rows >= RARE_ROWS) & (accounts >= RARE_ACCOUNTS)
    words = tuple(word for word, kept in zip(values, common, strict=True) if kept)
    rare = len(values) - len(words)
    return Field("pooled", f"{len(words)} values, {rare} rare ones as one", words)


def _count_values(
    frame: Columns, name: str
) -> tuple[list[Any], NDArray[np.intp], NDArray[np.intp]]:
    """Return a column's known values in order, and how many rows and accounts hold each."""
    place, values = number_texts(frame.values(name).tolist())
    known = np.array([value is not None and value == value for value in values], dtype=np.bool_)
    unit, _ = number_units(frame, "account_id")
    held = np.unique(unit * len(values) + place) % max(len(values), 1)
    rows = np.bincount(place, minlength=len(values))
    accounts = np.bincount(held, minlength=len(values))
    order = sorted(np.flatnonzero(known).tolist(), key=values.__getitem__)
    return [values[one] for one in order], rows[order], accounts[order]


def _is_contact(bare: str, values: list[Any]) -> bool:
    texts = [value for value in values[:200] if isinstance(value, str)]
    hits = sum(bool(CONTACT_VALUE.search(text)) for text in texts)
    return bool(CONTACT_NAME.search(bare)) or (bool(texts) and hits > len(texts) / 2)


def _is_numbering(bare: str, values: list[Any]) -> bool:
    """Tell a running number from a measure: whole, and named or packed like one."""
    known = np.array([value for value in values if np.isfinite(value)], dtype=np.float64)
    if not len(known) or (known != np.round(known)).any():
        return False
    packed = known.max() - known.min() + 1 <= 2 * len(known)
    return bool(IDENTIFIER_NAME.search(bare)) or bool(packed and len(known) > 2 * MANY_VALUES)


def _texts(frame: Columns, name: str) -> list[str]:
    return [NONE if text is None else text for text in read_texts(frame, name)]


def _pool(texts: Sequence[str], words: Sequence[str]) -> list[str]:
    known = {*words, NONE}
    return [text if text in known else OTHER for text in texts]


def _odds_by_value(texts: Sequence[str], label: FloatArray) -> dict[str, float]:
    """Return shrunk log-odds of the event by value, less those of all rows; rare ones as one."""
    place, words = number_texts(texts)
    rows = np.bincount(place, minlength=len(words)).astype(np.float64)
    events = np.bincount(place, weights=label, minlength=len(words))
    mean = (float(label.sum()) + 1.0) / (len(label) + 2.0)
    share = (events + SHRINK_ROWS * mean) / (rows + SHRINK_ROWS)
    odds = np.log(share / (1.0 - share)) - np.log(mean / (1.0 - mean))
    kept = {w: float(o) for w, o, n in zip(words, odds, rows, strict=True) if n >= RARE_ROWS}
    return dict(sorted(kept.items())) | {OTHER: 0.0}


def _encode(
    frame: Columns, name: str, odds: Mapping[str, float], label: FloatArray | None
) -> FloatArray:
    texts = _texts(frame, name)
    if label is None:
        return _look_up(texts, odds)
    words, out, fold = np.array(texts, dtype=object), np.zeros(frame.num_rows), _folds(frame)
    for one in range(FOLDS):
        inside = fold == one
        learned = _odds_by_value(words[~inside].tolist(), label[~inside])
        out[inside] = _look_up(words[inside].tolist(), learned)
    return out


def _look_up(texts: Sequence[str], odds: Mapping[str, float]) -> FloatArray:
    return np.array([odds.get(text, 0.0) for text in texts], dtype=np.float64)


def _folds(frame: Columns) -> NDArray[np.intp]:
    """Return shape (n,): a fold by account, the same in any order of rows."""
    place, accounts = number_units(frame, "account_id")
    folds = [zlib.crc32(str(one).encode()) % FOLDS for one in accounts]
    return np.array(folds, dtype=np.intp)[place]
