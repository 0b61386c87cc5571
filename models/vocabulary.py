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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.base import FloatArray
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
    def learn(cls, frame: pa.Table, label: FloatArray) -> Self:
        """Decide each field's fate on training rows; ``label`` has shape (n,) of 0 and 1."""
        fields = {}
        for name in frame.column_names:
            own = name.startswith((OWN_NUMBER, OWN_TEXT))
            if name not in (*KEYS, "subscription_id") and (own or _is_text(frame, name)):
                fields[name] = _judge(frame, name, label, own=own)
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

    def transform(self, frame: pa.Table) -> pa.Table:
        """Return the frame with texts pooled or encoded, and without what was dropped."""
        return self._replace(frame, None)

    def transform_training(self, frame: pa.Table, label: FloatArray) -> pa.Table:
        """Return training rows; an encoded value speaks of other accounts only."""
        return self._replace(frame, label)

    def _replace(self, frame: pa.Table, label: FloatArray | None) -> pa.Table:
        names, columns = [], []
        for name in frame.column_names:
            field = self.fields.get(name)
            column: Any = frame.column(name)
            if field is not None and field.fate == "dropped":
                continue
            if field is not None and field.fate == "pooled":
                column = _pool(column, field.words)
            elif field is not None and field.odds is not None:
                column = pa.array(_encode(frame, name, field.odds, label))
            names.append(name)
            columns.append(column)
        made = pa.table(dict(zip(names, columns, strict=True)))
        for name in [n for n in self.fields if n not in frame.column_names]:
            made = _add_vanished(made, name, self.fields[name])
        return made

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


def _add_vanished(frame: pa.Table, name: str, field: Field) -> pa.Table:
    """Add an own field that nobody fills any more as unknown; a feature stays missing."""
    if field.fate == "dropped" or not name.startswith((OWN_NUMBER, OWN_TEXT)):
        return frame
    if field.fate == "pooled":
        return frame.append_column(name, pa.array([NONE] * frame.num_rows, pa.string()))
    unknown = np.nan if field.odds is None else field.odds.get(NONE, 0.0)
    return frame.append_column(name, pa.array(np.full(frame.num_rows, unknown)))


def _judge(frame: pa.Table, name: str, label: FloatArray, *, own: bool) -> Field:
    column = frame.column(name)
    if column.null_count == len(column):
        return Field("dropped" if own else "pooled", "always empty")
    bare = name.removeprefix(OWN_NUMBER).removeprefix(OWN_TEXT).lower()
    values, accounts = _count_accounts(frame, name)
    if own and len(values) == 1 and column.null_count == 0:
        return Field("dropped", "constant")
    if own and _is_contact(bare, values):
        return Field("dropped", "names or reaches a person")
    alone = float((accounts == 1).mean()) > UNIQUE_SHARE and len(values) > MANY_VALUES
    if not _is_text(frame, name):
        if alone and _is_numbering(bare, values):
            return Field("dropped", "identifier: nearly every account has its own value")
        return Field("kept", "a number")
    if own and alone:
        return Field("dropped", "identifier: nearly every account has its own value")
    if len(values) > MANY_VALUES:
        odds = _odds_by_value(_texts(column), label)
        return Field("encoded", f"{len(values)} values, as log-odds", odds=odds)
    return _common(column, values, accounts)


def _common(column: Any, values: list[Any], accounts: NDArray[np.int64]) -> Field:
    counted = pc.value_counts(column.combine_chunks())
    rows = {str(one["values"]): int(one["counts"].as_py()) for one in counted}
    held = dict(zip((str(value) for value in values), accounts.tolist(), strict=True))
    words = sorted(w for w in held if rows[w] >= RARE_ROWS and held[w] >= RARE_ACCOUNTS)
    rare = len(held) - len(words)
    return Field("pooled", f"{len(words)} values, {rare} rare ones as one", tuple(words))


def _count_accounts(frame: pa.Table, name: str) -> tuple[list[Any], NDArray[np.int64]]:
    """Return the values of a column and how many accounts hold each."""
    pairs = frame.select(["account_id", name]).group_by(["account_id", name]).aggregate([])
    known = pairs.filter(pc.is_valid(pairs.column(name)))
    counted = known.group_by(name).aggregate([("account_id", "count")]).sort_by(name)
    values = counted.column(name).to_pylist()
    return values, np.asarray(counted.column("account_id_count").to_numpy(), dtype=np.int64)


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


def _is_text(frame: pa.Table, name: str) -> bool:
    kind = frame.schema.field(name).type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _texts(column: Any) -> Any:
    return pc.fill_null(column.cast(pa.string()), NONE)


def _pool(column: Any, words: tuple[str, ...]) -> Any:
    known = pa.array([*words, NONE], pa.string())
    texts = _texts(column)
    return pc.if_else(pc.is_in(texts, value_set=known), texts, OTHER)


def _odds_by_value(texts: Any, label: FloatArray) -> dict[str, float]:
    """Return shrunk log-odds of the event by value, less those of all rows; rare ones as one."""
    coded = texts.combine_chunks().dictionary_encode()
    place = np.asarray(coded.indices.to_numpy(zero_copy_only=False), dtype=np.intp)
    words = [str(word) for word in coded.dictionary.to_pylist()]
    rows = np.bincount(place, minlength=len(words)).astype(np.float64)
    events = np.bincount(place, weights=label, minlength=len(words))
    mean = (float(label.sum()) + 1.0) / (len(label) + 2.0)
    share = (events + SHRINK_ROWS * mean) / (rows + SHRINK_ROWS)
    odds = np.log(share / (1.0 - share)) - np.log(mean / (1.0 - mean))
    kept = {w: float(o) for w, o, n in zip(words, odds, rows, strict=True) if n >= RARE_ROWS}
    return dict(sorted(kept.items())) | {OTHER: 0.0}


def _encode(
    frame: pa.Table, name: str, odds: Mapping[str, float], label: FloatArray | None
) -> FloatArray:
    texts = _texts(frame.column(name))
    if label is None:
        return _look_up(texts, odds)
    out = np.zeros(frame.num_rows)
    fold = _folds(frame)
    for one in range(FOLDS):
        inside = fold == one
        learned = _odds_by_value(texts.filter(pa.array(~inside)), label[~inside])
        out[inside] = _look_up(texts.filter(pa.array(inside)), learned)
    return out


def _look_up(texts: Any, odds: Mapping[str, float]) -> FloatArray:
    values = np.array([*odds.values(), 0.0])
    place = pc.fill_null(pc.index_in(texts, value_set=pa.array(list(odds), pa.string())), -1)
    return np.asarray(values[np.asarray(place.to_numpy(), dtype=np.intp)])


def _folds(frame: pa.Table) -> NDArray[np.intp]:
    """Return shape (n,): a fold by account, the same in any order of rows."""
    coded = frame.column("account_id").combine_chunks().dictionary_encode()
    folds = [zlib.crc32(str(one).encode()) % FOLDS for one in coded.dictionary.to_pylist()]
    place = np.asarray(coded.indices.to_numpy(zero_copy_only=False), dtype=np.intp)
    return np.array(folds, dtype=np.intp)[place] if folds else np.zeros(0, dtype=np.intp)
