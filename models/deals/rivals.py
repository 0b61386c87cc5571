"""What a company does without us, and one recipe as a warning; always shown beside the model.

``crm_stage`` multiplies the source's own win share of the stage with "the close date lies in the
quarter". ``rep_commit`` believes the rep: what is committed and due is won, nothing else is.
``last_state`` is the common recipe of learning from closed deals in their last state: it never
meets a deal that stays open, so it promises far too much of deals that are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from scipy.special import logit

from lifecycle.errors import ModelError
from models.base import Examples, Explanation, FloatArray, Unit, check_horizon
from models.columns import Frame, read_numbers
from models.deals.after import After, deal_numbers
from models.deals.direct import DirectModel
from models.deals.telling import explain_groups
from models.parts import read_part, write_part

PART, STATE_PART = "deal_rule.json", "last_state.json"
LEAST = 0.01
"""A rule says neither never nor for sure: log loss would be infinite."""
RULES: Mapping[str, tuple[str, str]] = {
    "crm_stage": ("stage_win_share", "stage"),
    "rep_commit": ("is_commit", "owner"),
}
"""By rule the column it reads besides the close date, and the group that tells it."""


class DealRule:
    """A rule with nothing to learn but the share that stands in where it knows nothing.

    Parameters
    ----------
    kind
        ``crm_stage`` or ``rep_commit``.
    """

    unit: Unit = "probability"

    def __init__(self, kind: str = "crm_stage") -> None:
        if kind not in RULES:
            raise ModelError(f"a deal rule {kind!r}", f"one of {sorted(RULES)}")
        self.kind = self.name = kind
        self.horizon_days = 0
        self._share = 0.5

    def fit(self, examples: Examples) -> Self:
        """Learn the share of all deals, for stages without a share of their own.

        Raises
        ------
        ModelError
            The examples carry no outcomes.
        """
        after = After.read(examples)
        known = np.isfinite(after.won_in_quarter)
        won = after.won_in_quarter[known]
        self._share = float((won.sum() + 0.5) / (len(won) + 1.0))
        self.horizon_days = examples.horizon_days
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return what the rule says, shape (n,), between 0.01 and 0.99.

        Raises
        ------
        FeatureMismatchError
            The frame lacks a column of the rule.
        ModelError
            Another horizon than that of the fit.
        """
        check_horizon(self.horizon_days, horizon_days)
        said = self._say(frame) * (read_numbers(frame, "close_in_quarter") > 0)
        return np.clip(said, LEAST, 1.0 - LEAST)

    def explain(self, frame: Frame) -> Explanation:
        """Return log-odds: what the rule's column says, and what the close date takes off."""
        before = logit(np.clip(self._say(frame), LEAST, 1.0 - LEAST))
        base = float(logit(np.clip(self._share, LEAST, 1.0 - LEAST)))
        steps = {RULES[self.kind][1]: before - base}
        steps["close_date"] = logit(self.predict(frame)) - before
        return explain_groups(base, steps, frame.num_rows)

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part."""
        kept = {"kind": self.kind, "horizon_days": self.horizon_days, "share": self._share}
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
            model = cls(kept["kind"])
            model.horizon_days, model._share = int(kept["horizon_days"]), float(kept["share"])
        return model

    def _say(self, frame: Frame) -> FloatArray:
        said = read_numbers(frame, RULES[self.kind][0])
        nothing = self._share if self.kind == "crm_stage" else 0.0
        return np.where(np.isnan(said), nothing, said)


class LastState:
    """The recipe "learn won or lost from the last state of closed deals", as a warning."""

    unit: Unit = "probability"
    name = "last_state"
    warning = "learned from closed deals alone: far too sure of deals that are open"

    def __init__(self) -> None:
        self.horizon_days = 0
        self._inner = DirectModel("logistic")

    def fit(self, examples: Examples) -> Self:
        """Learn from the last landmark of each closed deal.

        Raises
        ------
        NotEnoughHistoryError
            Too few won or lost deals.
        ModelError
            The examples carry no outcomes.
        """
        self.horizon_days = examples.horizon_days
        self._inner.fit(take_last_states(examples))
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return P(won) as the recipe has it, shape (n,).

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            Another horizon than that of the fit, or no fit.
        """
        return self._inner.predict(frame, horizon_days=horizon_days)

    def explain(self, frame: Frame) -> Explanation:
        """Return log-odds by group."""
        return self._inner.explain(frame)

    def to_parts(self) -> dict[str, bytes]:
        """Return the inner parts and one that says what they are."""
        return {**self._inner.to_parts(), STATE_PART: write_part({"warning": self.warning})}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``.

        Raises
        ------
        BundleError
            A part is missing or wrong.
        """
        made = cls()
        with read_part(parts, STATE_PART):
            made._inner = DirectModel.from_parts(parts)
        made.horizon_days = made._inner.horizon_days
        return made


def take_last_states(examples: Examples) -> Examples:
    """Return the last landmark of each closed deal, labelled by how the deal ended.

    Raises
    ------
    ModelError
        The examples carry no outcomes.
    """
    after = After.read(examples)
    closed = np.flatnonzero(np.isfinite(after.won) & np.isfinite(after.closed_days))
    deal = deal_numbers(examples.frame)[closed]
    # least days to the close: the latest landmark
    order = np.lexsort((after.closed_days[closed], deal))
    first = np.r_[True, np.diff(deal[order]) > 0] if len(order) else np.empty(0, dtype=np.bool_)
    chosen = examples.take(closed[order[first]])
    outcomes = chosen.outcomes
    if outcomes is None:  # After.read has refused this already
        raise ModelError("examples without outcomes", "what became of each deal")
    won, ones = read_numbers(outcomes, "won"), np.ones(outcomes.num_rows)
    for name, values in (("won_in_quarter", won), ("deal_rows_count", ones)):
        outcomes = outcomes.set_column(outcomes.column_names.index(name), name, [values])
    label = np.nan_to_num(won)
    return Examples(chosen.frame, label, chosen.as_of, chosen.horizon_days, outcomes)
