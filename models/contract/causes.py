"""What a loss would be, given that there is one: which of four, whichever comes first.

Not renewed, left mid-term, payment failed, or a downgrade (MRR down by 5 % or more).

Each cause against the commonest one by a ridge logistic of its own; the odds together make shares
that add up to 1 (the multinomial logit in separate fits: Begg and Gray 1984).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from models.base import Examples, FloatArray
from models.columns import Frame, read_texts
from models.contract.beliefs import WHY
from models.contract.events import choose_ridge, count_events, read_days, read_outcomes
from models.contract.inputs import Inputs
from models.contract.level import balance
from models.logistic import Logistic
from models.parts import read_part, write_part

if TYPE_CHECKING:
    import pyarrow as pa

PART = "causes.json"
DOWNGRADE = "downgrade"
CAUSES = ("nonrenewal", "midterm", "involuntary", DOWNGRADE)
FEWEST_OF_A_CAUSE = 20
EVEN = 1.0


class Causes:
    """Shares of the kinds of loss, for accounts that leave or shrink within the horizon."""

    def __init__(self) -> None:
        self._level: dict[str, float] = dict.fromkeys(CAUSES, 0.0)
        self._inputs: Inputs | None = None
        self._odds: dict[str, Logistic] = {}

    def fit(self, examples: Examples) -> Self:
        """Learn from the rows whose account left or shrank within the horizon.

        Too rare a cause has the same odds for everybody; with no row at all, causes are even.
        """
        outcomes = read_outcomes(examples)
        if "cause" not in outcomes.column_names:
            return self
        named = _name_losses(examples, outcomes)
        lost = np.asarray(named != "")
        left, named = examples.take(lost), named[lost]
        rows = {cause: np.asarray(named == cause) for cause in CAUSES}
        count = {cause: float(rows[cause].sum()) for cause in CAUSES}
        usual = max(CAUSES, key=lambda cause: count[cause])
        self._level = {
            c: float(np.log((n + EVEN) / (count[usual] + EVEN))) for c, n in count.items()
        }
        frequent = [c for c in CAUSES if c != usual and count[c] >= FEWEST_OF_A_CAUSE]
        if not frequent:
            return self
        self._inputs, matrix = Inputs.learn(left, only=WHY)
        # a decision is met on several past days; downgrades are taken to repeat as often
        repeated = examples.label.sum() / max(count_events(examples), 1.0)
        ridge = choose_ridge(repeated, 1.0)
        for cause in frequent:
            pair = rows[cause] | rows[usual]
            label = rows[cause][pair].astype(np.float64)
            zeros = np.zeros(len(label))
            model, levels = Logistic.fit(
                matrix[pair], label, place=zeros, text=self._inputs.text_sizes, ridge=ridge
            )
            shift = balance(model.raw(matrix[pair]) + levels[0], label)
            self._odds[cause], self._level[cause] = model, float(levels[0] + shift)
        return self

    def predict(self, frame: Frame) -> FloatArray:
        """Return shape (n, 4) in the order of ``CAUSES``; each row adds up to 1.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        """
        odds = np.tile([self._level[cause] for cause in CAUSES], (frame.num_rows, 1))
        if self._inputs is not None:
            matrix = self._inputs.matrix(frame)
            for cause, model in self._odds.items():
                odds[:, CAUSES.index(cause)] += model.raw(matrix)
        share = np.exp(odds - odds.max(axis=1, keepdims=True))
        return np.asarray(share / share.sum(axis=1, keepdims=True))

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part, ``causes.json``."""
        kept = {
            "level": self._level,
            "inputs": self._inputs.to_json() if self._inputs else None,
            "odds": {cause: model.to_json() for cause, model in self._odds.items()},
        }
        return {PART: write_part(kept)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``.

        Raises
        ------
        BundleError
            The part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            made = cls()
            made._level = {cause: float(kept["level"][cause]) for cause in CAUSES}
            made._inputs = Inputs.from_json(kept["inputs"]) if kept["inputs"] else None
            made._odds = {c: Logistic.from_json(one) for c, one in kept["odds"].items()}
        return made


def _name_losses(examples: Examples, outcomes: pa.Table) -> NDArray[np.object_]:
    """Return what each row lost first within the horizon; empty where nothing."""
    left = np.where(examples.label > 0, np.nan_to_num(read_days(outcomes, "decided_days")), np.inf)
    shrank = np.full(len(left), np.inf)
    if "contracted_days" in outcomes.column_names:
        days = read_days(outcomes, "contracted_days")
        within = (days >= 0) & (days < examples.horizon_days)
        shrank = np.where(within, days, np.inf)
    cause = np.array([name or "" for name in read_texts(outcomes, "cause")], dtype=object)
    named = np.where(np.isfinite(left), cause, "")
    return np.where(shrank < left, DOWNGRADE, named).astype(object)
