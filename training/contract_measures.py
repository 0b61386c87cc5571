"""Measures that need to know who the accounts are: skill, ranking within a term, money caught."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lifecycle.errors import DataError
from models import accuracy
from models.base import Examples, FloatArray

SHRINK_ROWS = 60.0
"""Rows at the whole rate that a segment's own rate is mixed with."""
TOP_SHARE = 0.1


def rate_by_segment(past: Examples, frame: pa.Table) -> FloatArray:
    """Return the share of positive labels in each row's segment, shrunk to that of all, (n,)."""
    whole = float((past.label.sum() + 0.5) / (len(past.label) + 1.0))
    names, place = np.unique(_texts(past.frame, "segment"), return_inverse=True)
    rows, events = np.bincount(place), np.bincount(place, weights=past.label)
    rates = (events + SHRINK_ROWS * whole) / (rows + SHRINK_ROWS)
    known = dict(zip(names.tolist(), rates.tolist(), strict=True))
    return np.array([known.get(name, whole) for name in _texts(frame, "segment").tolist()])


def measure_leaving(
    judged: Examples, predicted: FloatArray, reference: FloatArray
) -> dict[str, float]:
    """Measure predicted risks of leaving; what is undefined is left out.

    Parameters
    ----------
    judged
        Rows with their labels.
    predicted, reference
        Shape (n,): the candidate's risks, and those of the segment base rate.

    Returns
    -------
    dict
        ``brier_skill``: 1 - Brier score over the reference's. ``within_term_auc``: AUC among
        accounts of one term, mean over terms weighted by pairs (monthly and yearly contracts leave
        at different rates, and telling them apart is no skill). ``mrr_caught``: share of the MRR of
        those who left that lay in the tenth with the highest risk.
    """
    found: dict[str, float] = {}
    base = accuracy.brier(judged.label, reference)
    if base > 0:
        found["brier_skill"] = 1.0 - accuracy.brier(judged.label, predicted) / base
    within = _auc_within(judged, predicted)
    if within is not None:
        found["within_term_auc"] = within
    paid = np.nan_to_num(_numbers(judged.frame, "mrr_minor"))
    lost = paid * judged.label
    if lost.sum() > 0:
        count = max(int(np.ceil(TOP_SHARE * len(paid))), 1)
        top = np.argsort(-predicted, kind="stable")[:count]
        found["mrr_caught"] = float(lost[top].sum() / lost.sum())
    return found


def _auc_within(judged: Examples, predicted: FloatArray) -> float | None:
    term = np.nan_to_num(_numbers(judged.frame, "term_months"), nan=0.0)
    total, pairs = 0.0, 0.0
    for months in np.unique(term):
        rows: NDArray[np.bool_] = term == months
        weight = float(judged.label[rows].sum() * (1.0 - judged.label[rows]).sum())
        try:
            total += weight * accuracy.auc(judged.label[rows], predicted[rows])
        except DataError:  # nobody or everybody of that term left
            continue
        pairs += weight
    return total / pairs if pairs > 0 else None


def _texts(frame: pa.Table, name: str) -> NDArray[np.str_]:
    if name not in frame.column_names:
        return np.full(frame.num_rows, "")
    return np.array([text or "" for text in frame.column(name).to_pylist()], dtype=str)


def _numbers(frame: pa.Table, name: str) -> FloatArray:
    if name not in frame.column_names:
        return np.full(frame.num_rows, np.nan)
    return np.asarray(frame.column(name).to_numpy(), dtype=np.float64)
