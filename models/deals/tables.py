"""Tables that every deal model has to beat: shares won in the quarter, by what anybody can see.

``stage_week`` is the strong one: stage x week of the quarter x whether the close date lies in the
quarter. Each share is drawn towards the row above (stage x week, stage, all) as if ``SHRINK_DEALS``
more deals had behaved like it. A row counts as deals per row, so that a cell counts deals, and
all rows the same: a table has no other columns to make up for rows that count less.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Self

import numpy as np
from scipy.special import logit

from lifecycle.errors import FeatureMismatchError, ModelError, NotEnoughHistoryError
from models.base import Examples, Explanation, FloatArray, Unit, check_horizon
from models.columns import Frame, read_numbers, read_texts
from models.deals.after import After
from models.deals.inputs import name_close, name_weeks
from models.deals.telling import explain_groups
from models.parts import read_part, write_part

PART = "deal_table.json"
SHRINK_DEALS = 20.0
KINDS: Mapping[str, tuple[str, ...]] = {
    "base_rate": (),
    "stage_rate": ("stage",),
    "stage_week": ("stage", "calendar", "close_date"),
}
"""By kind the groups its levels speak of, the coarsest first."""


class DealTable:
    """The share of open deals won before the quarter's end.

    Parameters
    ----------
    kind
        ``base_rate`` (all deals), ``stage_rate`` (by stage) or ``stage_week`` (stage, week of the
        quarter, close date in it or not).
    """

    unit: Unit = "probability"

    def __init__(self, kind: str = "stage_week") -> None:
        if kind not in KINDS:
            raise ModelError(f"a deal table {kind!r}", f"one of {sorted(KINDS)}")
        self.kind = self.name = kind
        self.horizon_days = 0
        self._share = 0.5
        self._levels: list[dict[str, float]] = []

    def fit(self, examples: Examples) -> Self:
        """Count landmarks whose quarter has ended.

        Raises
        ------
        NotEnoughHistoryError
            No quarter with open deals has ended.
        ModelError
            The examples carry no outcomes.
        """
        after = After.read(examples)
        known = np.flatnonzero(np.isfinite(after.won_in_quarter))
        if not len(known):
            raise NotEnoughHistoryError(
                "no landmark whose quarter has ended", "1 or more", "ingest a longer history"
            )
        self.horizon_days = examples.horizon_days
        won = after.won_in_quarter[known]
        self._share = float((won.sum() + 0.5) / (len(won) + 1.0))
        deals = float((1.0 / after.rows_count[known]).sum())
        counted = np.full(len(known), deals / len(known))
        above, self._levels = np.full(len(known), self._share), []
        for keys in self._keys(examples.frame.take(known)):
            level = count_shares(keys, won, weight=counted, above=above)
            self._levels.append(level)
            above = np.array([level[key] for key in keys])
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return the share of each deal's cell, shape (n,).

        Raises
        ------
        FeatureMismatchError
            The frame lacks stage, week or close date.
        ModelError
            Another horizon than that of the fit.
        """
        check_horizon(self.horizon_days, horizon_days)
        return self._look_up(frame)[-1]

    def explain(self, frame: Frame) -> Explanation:
        """Return log-odds, from all deals down to the cell, level by level."""
        found = [logit(one) for one in self._look_up(frame)]
        moved = [below - above for above, below in itertools.pairwise(found)]
        steps = dict(zip(KINDS[self.kind], moved, strict=True))
        return explain_groups(float(logit(self._share)), steps, frame.num_rows)

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part."""
        kept = {
            "kind": self.kind,
            "horizon_days": self.horizon_days,
            "share": self._share,
            "levels": self._levels,
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
            model = cls(kept["kind"])
            model.horizon_days, model._share = int(kept["horizon_days"]), float(kept["share"])
            model._levels = [{str(k): float(v) for k, v in one.items()} for one in kept["levels"]]
        return model

    def _look_up(self, frame: Frame) -> list[FloatArray]:
        """Return shares level by level; a cell never seen has the share above it."""
        found = [np.full(frame.num_rows, self._share)]
        for keys, level in zip(self._keys(frame), self._levels, strict=True):
            shares = [level.get(key, up) for key, up in zip(keys, found[-1], strict=True)]
            found.append(np.array(shares, dtype=np.float64))
        return found

    def _keys(self, frame: Frame) -> list[list[str]]:
        """Return each row's key on every level below that of all deals."""
        if self.kind == "base_rate":
            return []
        stage = read_stages(frame)
        if self.kind == "stage_rate":
            return [stage]
        week = name_weeks(read_numbers(frame, "quarter_week")).tolist()
        close = name_close(read_numbers(frame, "close_in_quarter")).tolist()
        weekly = [f"{a} | {b}" for a, b in zip(stage, week, strict=True)]
        return [stage, weekly, [f"{a} | {b}" for a, b in zip(weekly, close, strict=True)]]


def read_stages(frame: Frame) -> list[str]:
    """Return each row's canonical stage, ``-`` where there is none.

    Raises
    ------
    FeatureMismatchError
        The frame lacks ``stage``.
    """
    if "stage" not in frame.column_names:
        raise FeatureMismatchError("frame lacks stage", "columns of deal_frame")
    return [str(one or "-") for one in read_texts(frame, "stage")]


def count_shares(
    keys: list[str], label: FloatArray, *, weight: FloatArray, above: FloatArray
) -> dict[str, float]:
    """Return by key the weighted share of ones, drawn towards the mean of ``above``, shape (n,)."""
    if not keys:
        return {}
    names, place = np.unique(np.array(keys), return_inverse=True)
    mass = np.bincount(place, weight)
    won, towards = np.bincount(place, weight * label), np.bincount(place, weight * above) / mass
    shares = (won + SHRINK_DEALS * towards) / (mass + SHRINK_DEALS)
    return {str(name): float(share) for name, share in zip(names, shares, strict=True)}
