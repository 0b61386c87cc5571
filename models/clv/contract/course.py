"""What is expected of each contract month by month: all that is fitted, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from lifecycle.errors import NotEnoughHistoryError
from models.base import Examples, FloatArray
from models.clv.contract.cash import HEADLINE_MONTHS, Plan
from models.clv.contract.draws import Book, Doubt
from models.clv.contract.moves import Moves
from models.clv.contract.portfolio import fit_shock
from models.clv.contract.rows import MONTH_DAYS, After, Cells, Contracts, Names
from models.clv.contract.tail import (
    YEAR,
    YEAR_DAYS,
    Carry,
    SegmentTail,
    build_lives,
    fit_carry,
    fit_tail,
)
from models.columns import Frame
from models.contract.hazard import MonthlyHazard
from models.parts import read_part, write_part

PART, HAZARD_PART = "course.json", "hazard.json"
SHRINK_LEAVERS = 10.0
NEAR_MODEL_SD, TAIL_MODEL_SD = 0.05, 0.10
"""Doubt of the form of the two models, beyond that of their parameters."""


@dataclass(frozen=True)
class Course:
    """The fitted parts.

    Attributes
    ----------
    hazard
        Of the account's first year; None where the segment's curve serves for it too.
    tail, carry
        Survival by segment and tenure, and how much of the account's own hazard goes on in it.
    lag
        Months from the decision to leave to the last paid day, by length of notice.
    moves
        Of MRR while alive.
    doubt
        How far all may be off together.
    """

    hazard: MonthlyHazard | None
    tail: SegmentTail
    carry: Carry
    lag: Cells
    moves: Moves
    doubt: Doubt

    @classmethod
    def fit(cls, examples: Examples, *, own_year: bool) -> Self:
        """Learn from past days; labels are revenue within the horizon (minor units).

        Raises
        ------
        ModelError
            The examples carry no outcomes.
        FeatureMismatchError
            The frame lacks monthly revenue or tenure.
        """
        rows, after = Contracts.read(examples.frame), After.read(examples)
        spells, groups = build_lives(examples)
        tail = fit_tail(spells, groups)
        hazard = _fit_hazard(examples, after) if own_year else None
        curve = tail.hazard(rows.group, rows.age, months=2 * YEAR)
        near = _near(hazard, examples.frame, curve)
        carry = fit_carry(examples, near.sum(axis=1), curve)
        moves = Moves.fit(examples)
        doubt = Doubt(
            shock_sd=fit_shock(examples, -np.expm1(-near[:, 0])),
            near_sd=float(np.hypot(1.0 / np.sqrt(spells.ends + 1.0), NEAR_MODEL_SD)),
            shift_sd=float(np.hypot(carry.shift_sd, TAIL_MODEL_SD)),
            growth_sd=moves.growth_sd,
        )
        return cls(hazard, tail, carry, _fit_lag(rows, after), moves, doubt)

    def plan(self, frame: Frame, *, discount: float) -> Plan:
        """Return the expected course of every row over sixty months.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        """
        rows = Contracts.read(frame)
        hazard = self.tail.hazard(rows.group, rows.age, months=HEADLINE_MONTHS)
        near = _near(self.hazard, frame, hazard)
        if self.hazard is not None:
            first = hazard[:, :YEAR].sum(axis=1)
            offset = self.carry.offset(rows, near.sum(axis=1), first)
            hazard[:, YEAR:] *= np.exp(offset)[:, None]
        hazard[:, :YEAR] = near
        return Plan(
            hazard=hazard,
            lag=self.lag.of(_lag_names(rows)),
            mrr=rows.mrr,
            level=self.moves.level(rows, months=HEADLINE_MONTHS),
            margin=np.where(np.isfinite(rows.margin), rows.margin, 1.0),
            cost=rows.cost,
            discount=discount,
        )

    def doubted(self, book_sd: float) -> Self:
        """Return the same course with the doubt of the whole book's log worth."""
        return replace(self, doubt=replace(self.doubt, book_sd=book_sd))

    def book(self, frame: Frame, *, discount: float) -> Book:
        """Return the rows ready to be drawn."""
        rows = Contracts.read(frame)
        plan = self.plan(frame, discount=discount)
        return Book(plan, rows.segment, rows.group, self.tail.spread.of(rows.group))

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part, and that of the monthly hazard where there is one."""
        kept = {
            "tail": self.tail.to_json(),
            "carry": self.carry.to_json(),
            "lag": self.lag.to_json(),
            "moves": self.moves.to_json(),
            "doubt": self.doubt.to_json(),
        }
        parts = {PART: write_part(kept)}
        return parts if self.hazard is None else {**parts, **self.hazard.to_parts()}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``.

        Raises
        ------
        BundleError
            A part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            return cls(
                hazard=MonthlyHazard.from_parts(parts) if HAZARD_PART in parts else None,
                tail=SegmentTail.from_json(kept["tail"]),
                carry=Carry.from_json(kept["carry"]),
                lag=Cells.from_json(kept["lag"]),
                moves=Moves.from_json(kept["moves"]),
                doubt=Doubt.from_json(kept["doubt"]),
            )


def _near(hazard: MonthlyHazard | None, frame: Frame, curve: FloatArray) -> FloatArray:
    """Return the hazard of the first twelve months, shape (n, 12)."""
    if hazard is None:
        return curve[:, :YEAR].copy()
    alive = np.maximum(hazard.survival(frame, months=YEAR), 1e-12)
    return np.asarray(-np.diff(np.log(alive), axis=1, prepend=0.0))


def _fit_hazard(examples: Examples, after: After) -> MonthlyHazard | None:
    """Return the fitted hazard; None where too few accounts left: the segment's curve serves."""
    left = after.left_within(YEAR_DAYS).astype(np.float64)
    told = Examples(examples.frame, left, examples.as_of, int(YEAR_DAYS), examples.outcomes)
    try:
        return MonthlyHazard().fit(told)
    except NotEnoughHistoryError:
        return None


def _lag_names(rows: Contracts) -> Names:
    known = np.isfinite(rows.notice)
    months = np.round(np.where(known, rows.notice, 0.0)).astype(np.int64)
    words = [f"notice {m}" if k else "open" for m, k in zip(months, known, strict=True)]
    return np.array(words, dtype=object)


def _fit_lag(rows: Contracts, after: After) -> Cells:
    """Return months from decision to effect, by length of notice."""
    lag = np.clip((after.effective - after.decided) / MONTH_DAYS, 0.0, YEAR)
    known = np.isfinite(lag) & after.left_within(YEAR_DAYS)
    names = _lag_names(rows)[known]
    one = np.ones(int(known.sum()))
    return Cells.shrink(names, lag[known], one, weight=SHRINK_LEAVERS)
