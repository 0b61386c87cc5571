"""What the value of a contract is read from: a few columns of the contract frame, and outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lifecycle.errors import FeatureMismatchError, ModelError
from models.base import Examples, FloatArray
from models.columns import Frame, read_numbers, read_texts

Names = NDArray[np.object_]

MONTH_DAYS = 365.0 / 12.0
"""Length of a month ahead (days), the same as that of the monthly hazard."""
NEEDED = ("mrr_minor", "tenure_days")
EARNED = ("revenue_total_minor", "invoiced_total_minor", "paid_total_minor")
LONG_TERM = 2.0
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Contracts:
    """Accounts or lines with a contract on a day; every array has shape (n,).

    Attributes
    ----------
    mrr
        Monthly recurring revenue (minor units), 0 or more.
    age
        Tenure in months.
    notice
        Months between the last day to give notice and the renewal; NaN where open-ended.
    deadline
        Months until the last day to give notice; NaN where open-ended.
    margin
        Gross margin share, NaN where unknown.
    cost
        Monthly cost to serve (minor units), 0 where unknown.
    earned
        Revenue so far (minor units), NaN where the frame does not say.
    segment, group
        Segment; segment and kind of term together (``smb/rolling``).
    """

    mrr: FloatArray
    age: FloatArray
    notice: FloatArray
    deadline: FloatArray
    margin: FloatArray
    cost: FloatArray
    earned: FloatArray
    segment: Names
    group: Names

    @classmethod
    def read(cls, frame: Frame) -> Self:
        """Read a contract frame.

        Raises
        ------
        FeatureMismatchError
            It lacks the monthly revenue or the tenure.
        """
        missing = [name for name in NEEDED if name not in frame.column_names]
        if missing:
            raise FeatureMismatchError(f"frame lacks {missing}", "columns of contract_frame")
        deadline = _numbers(frame, "notice_deadline_days")
        segment, term = _names(frame, "segment"), _numbers(frame, "term_months")
        kind = np.where(term >= LONG_TERM, "term", "rolling").astype(object)
        return cls(
            mrr=np.maximum(np.nan_to_num(_numbers(frame, "mrr_minor")), 0.0),
            age=np.maximum(np.nan_to_num(_numbers(frame, "tenure_days")), 0.0) / MONTH_DAYS,
            notice=(_numbers(frame, "renewal_days") - deadline) / MONTH_DAYS,
            deadline=deadline / MONTH_DAYS,
            margin=_numbers(frame, "margin_share"),
            cost=np.maximum(np.nan_to_num(_numbers(frame, "serve_cost_minor")), 0.0),
            earned=_first_known(frame, EARNED),
            segment=segment,
            group=np.asarray(segment + "/" + kind, dtype=object),
        )

    def historic(self) -> FloatArray:
        """Return the margin earned on record less the cost to serve, shape (n,); NaN if unknown.

        The cost of the last year stands for that of every month on record: as many as today's MRR
        needs to earn what was earned, so that a contract older than the records (left truncation)
        is not charged for months whose revenue is not counted.
        """
        margin = np.where(np.isfinite(self.margin), self.margin, 1.0)
        months = np.minimum(self.age, self.earned / np.maximum(self.mrr, 1.0))
        return np.asarray(self.earned * margin - self.cost * months)

    @property
    def window(self) -> Names:
        """Shape (n,): ``none`` where a dated contract can not be left within the year ahead."""
        within = ~(self.deadline >= 12.0)
        return np.where(within, "within", "none").astype(object)


@dataclass(frozen=True)
class After:
    """What happened after each row's day; every array has shape (n,), days, NaN = never known.

    Attributes
    ----------
    decided, effective
        Until the decision to leave, and until revenue stopped.
    contracted, contract_ratio, expanded, expand_ratio
        Until the first downgrade or expansion, and the log of MRR after over before.
    observed
        How long the row has been watched.
    """

    decided: FloatArray
    effective: FloatArray
    contracted: FloatArray
    contract_ratio: FloatArray
    expanded: FloatArray
    expand_ratio: FloatArray
    observed: FloatArray

    @classmethod
    def read(cls, examples: Examples) -> Self:
        """Read the outcomes of examples.

        Raises
        ------
        ModelError
            They carry none.
        """
        found = examples.outcomes
        if found is None or "decided_days" not in found.column_names:
            raise ModelError(
                "examples without outcomes",
                "when accounts left, row by row",
                "build the examples with training.outcomes",
            )
        left = _numbers(found, "decided_days")
        gone = _numbers(found, "effective_days")
        return cls(
            decided=left,
            effective=np.where(np.isfinite(gone), gone, left),
            contracted=_numbers(found, "contracted_days"),
            contract_ratio=_numbers(found, "contract_log_ratio"),
            expanded=_numbers(found, "expanded_days"),
            expand_ratio=_numbers(found, "expand_log_ratio"),
            observed=np.nan_to_num(_numbers(found, "observed_days")),
        )

    def left_within(self, days: float) -> NDArray[np.bool_]:
        """Return shape (n,): whether the decision fell within ``days``."""
        return np.asarray(self.decided < days)


@dataclass(frozen=True)
class Cells:
    """A number per name, and one for names never seen.

    Attributes
    ----------
    values
        By name.
    other
        For any other name.
    """

    values: Mapping[str, float]
    other: float

    @classmethod
    def shrink(
        cls,
        names: Names,
        above: FloatArray,
        below: FloatArray,
        *,
        weight: float,
        prior: tuple[float, float] = (0.0, 0.0),
    ) -> Self:
        """Return above / below by name, drawn to that of all as if by ``weight`` of below.

        ``prior`` is a ratio and the weight with which that of all is drawn to it.
        """
        to, heavy = prior
        total = float(below.sum()) + heavy
        whole = (float(above.sum()) + heavy * to) / total if total > 0 else to
        found = {}
        for name in sorted(set(names.tolist())):
            rows = names == name
            base = float(below[rows].sum()) + weight
            top = float(above[rows].sum()) + weight * whole
            found[str(name)] = top / base if base > 0 else whole
        return cls(found, whole)

    def of(self, names: Names) -> FloatArray:
        """Return shape (n,)."""
        return np.array([self.values.get(str(name), self.other) for name in names])

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"values": dict(self.values), "other": self.other}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``; a wrong form raises KeyError, TypeError or ValueError."""
        values = {str(k): float(v) for k, v in data["values"].items()}
        return cls(values, float(data["other"]))


def count_slices_year(examples: Examples) -> float:
    """Return how many past days a year the examples have, at least 1."""
    days = np.unique(examples.as_of).astype("datetime64[D]").astype(np.int64)
    if len(days) < 2:
        return 1.0
    return max(1.0, float((len(days) - 1) * 365.0 / (days[-1] - days[0])))


def _numbers(table: Frame, name: str) -> FloatArray:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return read_numbers(table, name).copy()


def _first_known(frame: Frame, names: Sequence[str]) -> FloatArray:
    found = [name for name in names if name in frame.column_names]
    return _numbers(frame, found[0] if found else names[0])


def _names(frame: Frame, name: str) -> Names:
    if name not in frame.column_names:
        return np.full(frame.num_rows, UNKNOWN, dtype=object)
    found = read_texts(frame, name)
    return np.array([UNKNOWN if one is None else one for one in found], dtype=object)
