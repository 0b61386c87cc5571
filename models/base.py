"""What every score model here is: fit on examples, predict a frame, explain, travel as data.

A model never sees a history or a clock: it gets frames of features that were known before a day,
and labels that training looked up. Its parts are LightGBM text and JSON, never code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lifecycle.errors import ModelError
from models.columns import Frame

if TYPE_CHECKING:
    import pyarrow as pa

FloatArray = NDArray[np.float64]
DayArray = NDArray[np.datetime64]
Unit = Literal["probability", "minor"]
Link = Literal["logit", "log", "identity"]
Route = Literal["contractual", "non_contractual", "deals"]
Fitted = TypeVar("Fitted")


@dataclass(frozen=True)
class Examples:
    """Past days with their outcomes: what a model learns from.

    Attributes
    ----------
    frame
        Account frames of one or many days, one row per account and day, plus ``as_of`` (date32).
    label
        Shape (n,). 1.0 = no purchase within the horizon (lapse), or the gross spend within the
        horizon in minor units (value).
    as_of
        Shape (n,), ``datetime64[D]``: the day each row stands on.
    horizon_days
        Length of the label window ``[as_of, as_of + horizon_days)``.
    outcomes
        What else happened after ``as_of``, one row per row of ``frame`` in its order (contractual:
        days to the decision to leave, cause, days observed); None where the label says it all.
    """

    frame: pa.Table
    label: FloatArray
    as_of: DayArray
    horizon_days: int
    outcomes: pa.Table | None = None

    def __post_init__(self) -> None:
        rows = self.frame.num_rows
        after = rows if self.outcomes is None else self.outcomes.num_rows
        if len(self.label) != rows or len(self.as_of) != rows or after != rows:
            raise ModelError(
                f"{rows} rows with {len(self.label)} labels, {len(self.as_of)} days and {after} "
                "outcomes",
                "one label, one day and one outcome per row",
                "build examples from one training set",
            )

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Examples:
        """Return the chosen rows (a mask of shape (n,) or row numbers) as examples."""
        where = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.intp)
        return Examples(
            self.frame.take(where),
            self.label[where],
            self.as_of[where],
            self.horizon_days,
            None if self.outcomes is None else self.outcomes.take(where),
        )


@dataclass(frozen=True)
class Explanation:
    """Why each prediction is what it is, in parts that add up.

    ``base + contributions.sum(axis=1)`` equals ``link(prediction)`` to 1e-6 for every row.

    Attributes
    ----------
    base
        The value on the link's scale before any account is known: one number, or shape (n,).
    groups
        Names of the g business groups, in the order of the columns of ``contributions``.
    contributions
        Shape (n, g), on the link's scale (log-odds, or log of minor units).
    link
        ``logit`` for probabilities, ``log`` for money, ``identity`` where zero can be predicted.
    route
        Whose groups and words these are (``models.reasons.find_wording``).
    columns, parts
        Where known, what single columns contribute, shape (n, f): it decides which column of a
        group is shown. Not all of a contribution need be in it.
    """

    base: float | FloatArray
    groups: tuple[str, ...]
    contributions: FloatArray
    link: Link
    route: Route = "non_contractual"
    columns: tuple[str, ...] = ()
    parts: FloatArray | None = None


class ScoreModel(Protocol):
    """A model that gives one number per account.

    Attributes
    ----------
    name
        Candidate name, the same in the registry, the ledger and reports (``lapse_blend``).
    unit
        ``probability`` (of no purchase within the horizon) or ``minor`` (expected gross spend).
    """

    name: str
    unit: Unit

    def fit(self, examples: Examples) -> Self:
        """Learn from past days and return the model itself.

        Raises
        ------
        NotEnoughHistoryError
            Too few examples or events for this model; the message says how many are missing.
        """
        ...

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return shape (n,), in ``unit``, in the order of the frame's rows.

        Parameters
        ----------
        horizon_days
            Look-ahead; None means the horizon of the fit.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit, or holds them with another type.
        ModelError
            The model was fitted for another horizon and cannot move between horizons.
        """
        ...

    def explain(self, frame: Frame) -> Explanation:
        """Return what moved each prediction of ``predict(frame)``, by business group."""
        ...

    def to_parts(self) -> dict[str, bytes]:
        """Return the fitted model as named data: LightGBM text (``.txt``) and JSON (``.json``)."""
        ...

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild the model from ``to_parts``; it predicts the same bits.

        Raises
        ------
        BundleError
            A part is missing or has another form.
        """
        ...


@runtime_checkable
class DetailedModel(Protocol):
    """A model that says more of each account than one number."""

    def detail(self, frame: Frame, why: Explanation) -> list[dict[str, Any]]:
        """Return JSON values per row of the frame; ``why`` is what ``explain(frame)`` returned."""
        ...


def check_horizon(fitted: int, asked: int | None) -> int:
    """Return the horizon to use; refuse one that differs from the fit.

    Raises
    ------
    ModelError
        ``asked`` is given and differs from ``fitted`` (both in days).
    """
    if asked is not None and asked != fitted:
        raise ModelError(
            f"horizon of {asked} days asked of a model fitted for {fitted}",
            f"{fitted} days",
            "train a model for that horizon",
        )
    return fitted


def check_fitted(learned: Fitted | None, name: str) -> Fitted:
    """Return what a fit left behind; refuse to answer without one.

    Raises
    ------
    ModelError
        ``learned`` is None: the model called ``name`` was not fitted.
    """
    if learned is None:
        raise ModelError(f"{name} is not fitted", "a fitted model", "call fit first")
    return learned
