"""The chance to win in the end, from a deal table without history.

Such a table shows deals as they are now. What stood there when a deal was created may be learned
from; what was filled in later, or nobody knows when, may not: it would tell the end by the end.
Nothing is said of when a deal closes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Self

import numpy as np
from scipy.special import expit

from lifecycle.errors import FeatureMismatchError, NotEnoughHistoryError
from models.accuracy import log_loss
from models.base import Examples, Explanation, FloatArray, Unit, check_fitted, check_horizon
from models.columns import Frame
from models.contract.events import choose_ridge
from models.deals.inputs import Inputs
from models.deals.ridge import fit_weighted
from models.deals.telling import explain_columns
from models.logistic import Logistic
from models.parts import read_part, write_part
from models.trees import Growth, Trees

Known = Literal["created", "closed", "unknown"]
PART, TREES_PART = "flat.json", "flat.txt"
FEWEST, MANY = 40, 200
SHARES = (0.5, 0.75, 1.0)
HELD_EVERY = 5
MOST_LOGISTIC = 50_000
# exact amounts tell: a price list has few of them
GROWTH = Growth("binary", rounds=300, rate=0.05, leaves=31, least_rows=30, more={"max_bin": 1023})


class FlatModel:
    """P(won in the end), by the mean of a logistic's and trees' log-odds.

    Parameters
    ----------
    known
        By column when its value is known. Only columns that are ``created`` are read; one that is
        ``closed``, ``unknown`` or not named here never is.
    """

    unit: Unit = "probability"
    name = "deal_flat"

    def __init__(self, known: Mapping[str, Known] | None = None) -> None:
        self.known: dict[str, Known] = dict(known or {})
        self.horizon_days = 0
        self._level, self._share = 0.0, 0.0
        self._inputs: Inputs | None = None
        self._logistic: Logistic | None = None
        self._trees: Trees | None = None

    def fit(self, examples: Examples) -> Self:
        """Learn from closed deals; the label is 1 for a won one.

        Under 200 won and 200 lost deals the logistic stands alone.

        Raises
        ------
        NotEnoughHistoryError
            Fewer than 40 won or 40 lost deals.
        FeatureMismatchError
            No column is known when a deal is created.
        """
        label, fewer = examples.label, _rarer(examples.label)
        if fewer < FEWEST:
            raise NotEnoughHistoryError(
                f"{self.name}: {fewer} deals won, or lost",
                f"{FEWEST} or more of each",
                "ingest more closed deals",
            )
        self.horizon_days = examples.horizon_days
        self._inputs, matrix = Inputs.learn(
            examples.frame, label, only=choose_created(examples.frame.column_names, self.known)
        )
        self._logistic, self._level = _fit_logistic(self._inputs, matrix, label)
        self._share = _choose_share(self._inputs, matrix, label) if fewer >= MANY else 0.0
        if self._share:
            self._trees = Trees.grow(matrix, label, growth=GROWTH)
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return P(won in the end), shape (n,).

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            Another horizon than that of the fit, or no fit.
        """
        check_horizon(self.horizon_days, horizon_days)
        logistic = check_fitted(self._logistic, self.name)
        matrix = check_fitted(self._inputs, self.name).matrix(frame)
        raw = (1.0 - self._share) * (self._level + logistic.raw(matrix))
        if self._trees is not None and len(matrix):
            raw = raw + self._share * self._trees.raw(matrix)
        return np.asarray(expit(raw))

    def explain(self, frame: Frame) -> Explanation:
        """Return log-odds by group: centred terms of the logistic, TreeSHAP of the trees."""
        inputs = check_fitted(self._inputs, self.name)
        logistic = check_fitted(self._logistic, self.name)
        matrix = inputs.matrix(frame)
        parts = (1.0 - self._share) * logistic.contributions(matrix)
        base = (1.0 - self._share) * self._level
        if self._trees is not None and len(matrix):
            values, start = self._trees.contributions(matrix)
            parts, base = parts + self._share * values, base + self._share * start
        return explain_columns(base, inputs.columns, parts)

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part, and the trees as LightGBM text if there are any."""
        kept = {
            "known": self.known,
            "horizon_days": self.horizon_days,
            "level": self._level,
            "share": self._share,
            "inputs": check_fitted(self._inputs, self.name).to_json(),
            "logistic": check_fitted(self._logistic, self.name).to_json(),
        }
        parts = {PART: write_part(kept)}
        return parts | ({TREES_PART: self._trees.text.encode()} if self._trees else {})

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``; it predicts the same bits.

        Raises
        ------
        BundleError
            A part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            model = cls(kept["known"])
            model.horizon_days, model._level = int(kept["horizon_days"]), float(kept["level"])
            model._share = float(kept["share"])
            model._inputs = Inputs.from_json(kept["inputs"])
            model._logistic = Logistic.from_json(kept["logistic"])
            model._trees = Trees(parts[TREES_PART].decode()) if model._share > 0 else None
        return model

    @property
    def report(self) -> list[dict[str, object]]:
        """What became of texts and own fields, for the model card."""
        return check_fitted(self._inputs, self.name).vocabulary.report


def choose_created(columns: Sequence[str], known: Mapping[str, Known]) -> tuple[str, ...]:
    """Return the columns known when a deal is created, in the frame's order.

    Raises
    ------
    FeatureMismatchError
        There is none.

    Examples
    --------
    >>> choose_created(["text:a", "number:b"], {"text:a": "created", "number:b": "closed"})
    ('text:a',)
    """
    found = tuple(name for name in columns if known.get(name) == "created")
    if not found:
        raise FeatureMismatchError(
            "no column is known to be filled when a deal is created",
            "one or more declared created",
            "declare in the mapping when each attribute is known",
        )
    return found


def _rarer(label: FloatArray) -> int:
    won = int((label > 0).sum())
    return min(won, len(label) - won)


def _fit_logistic(inputs: Inputs, matrix: FloatArray, label: FloatArray) -> tuple[Logistic, float]:
    step = max(1, -(-len(label) // MOST_LOGISTIC))
    some = label[::step]
    return fit_weighted(
        matrix[::step],
        some,
        weight=np.ones(len(some)),
        text=inputs.text_sizes,
        ridge=choose_ridge(1.0, 1.0),
    )


def _choose_share(inputs: Inputs, matrix: FloatArray, label: FloatArray) -> float:
    """Choose the trees' share by the log loss on a fifth of the rows, held out; ties to less."""
    held = np.zeros(len(label), dtype=bool)
    for outcome in (0.0, 1.0):
        held[np.flatnonzero(label == outcome)[::HELD_EVERY]] = True
    logistic, level = _fit_logistic(inputs, matrix[~held], label[~held])
    linear = level + logistic.raw(matrix[held])
    raw = Trees.grow(matrix[~held], label[~held], growth=GROWTH).raw(matrix[held])
    lost = {s: log_loss(label[held], expit((1.0 - s) * linear + s * raw)) for s in SHARES}
    return min(SHARES, key=lambda s: lost[s])
