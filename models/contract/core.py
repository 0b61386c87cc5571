"""The ten columns that a small company's logistic may read."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from models.base import Examples, FloatArray
from models.columns import Frame, is_text, read_numbers, read_texts
from models.contract.beliefs import CORE
from models.contract.events import unit_numbers
from models.evidence import score_evidence
from models.vocabulary import MANY_VALUES, OWN_NUMBER, OWN_TEXT, RARE_ROWS

MOST, MOST_OWN = 10, 3
LEAST_EVIDENCE = 2.0
"""Standard errors. Low on purpose: the gate judges on later days whether it was chance."""


def choose_core(examples: Examples) -> tuple[str, ...]:
    """Choose at most ten columns inside the training window.

    The ten that are known beforehand to matter (``beliefs.CORE``), less those that say nothing here
    (a company without surveys has no scores). A company's own fields are not known beforehand: up
    to three with some evidence inside the window come first and push out the last.

    Returns
    -------
    tuple of str
        Column names, own fields first.
    """
    frame = examples.frame
    known = [name for name in CORE if name in frame.column_names and _varies(frame, name)]
    return tuple([*_find_own(examples), *known][:MOST])


def _varies(frame: Frame, name: str) -> bool:
    if is_text(frame, name):
        return len({*read_texts(frame, name)} - {None}) > 1
    values = read_numbers(frame, name)
    return len(np.unique(values[~np.isnan(values)])) > 1


def _find_own(examples: Examples) -> list[str]:
    own = [n for n in examples.frame.column_names if n.startswith((OWN_NUMBER, OWN_TEXT))]
    signals = {name: _signals(examples.frame, name) for name in own}
    unit, expected = unit_numbers(examples.frame), _day_rates(examples)
    strength = {
        name: max(
            abs(score_evidence(examples.label, expected, one, day=examples.as_of, unit=unit))
            for one in found
        )
        for name, found in signals.items()
        if found
    }
    strong = sorted(
        (name for name in strength if strength[name] >= LEAST_EVIDENCE), key=strength.__getitem__
    )
    return strong[::-1][:MOST_OWN]


def _day_rates(examples: Examples) -> FloatArray:
    _, place = np.unique(examples.as_of, return_inverse=True)
    rate = (np.bincount(place, examples.label) + 0.5) / (np.bincount(place) + 1.0)
    return np.asarray(rate[place])


def _signals(frame: Frame, name: str) -> list[FloatArray]:
    """Return what is tested of a field: its ranks, or a flag for each common value."""
    if not is_text(frame, name):
        return _ranks(read_numbers(frame, name))
    texts = np.array([text or "" for text in read_texts(frame, name)])
    counted = Counter(text for text in read_texts(frame, name) if text is not None)
    common = [text for text, count in counted.items() if count >= RARE_ROWS]
    if not 1 < len(common) <= MANY_VALUES:
        return []
    return [np.asarray(texts == word, dtype=np.float64) for word in sorted(common)]


def _ranks(values: FloatArray) -> list[FloatArray]:
    """Return ranks from 0 to 1 (ties share one, what is missing lies in the middle)."""
    known: NDArray[np.bool_] = ~np.isnan(values)
    levels, place = np.unique(values[known], return_inverse=True)
    if len(levels) < 2:
        return []
    share = np.cumsum(np.bincount(place)) / known.sum()
    ranks = np.full(len(values), 0.5)
    ranks[known] = share[place]
    return [ranks]
