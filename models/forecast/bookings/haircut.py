"""What an open deal's amount comes to, given that it is won in the quarter: learned, in money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from features.deals.bookings import Wins
from features.deals.days import Floats
from features.deals.territories import Texts
from models.forecast.bookings.columns import Shown

FARTHEST = 3.0
"""Log of the largest ratio believed: more is a typing error."""
HELD_DEALS = 100.0
"""Usual deals that hold a stage's ratio at that of all."""
FEWEST_DEALS = 5
PRIOR_SD = 0.2
MOST_SHARE = 0.99


@dataclass(frozen=True)
class Haircut:
    """Expected final over present amount by stage, and how far it strays.

    Attributes
    ----------
    overall, by_stage
        Ratio of sums of money over won deals: no mean of logs, hence no retransformation bias.
    noise_sd
        Deviation of the log of the ratio.
    usual, by_segment
        Median amount of won deals, minor units; NaN without any.
    """

    overall: float
    by_stage: Mapping[str, float]
    noise_sd: float
    usual: float
    by_segment: Mapping[str, float]

    @classmethod
    def learn(cls, rows: Shown, final: Floats, *, wins: Wins) -> Self:
        """Learn from landmarks of deals that their quarter won.

        Parameters
        ----------
        rows
            What they showed.
        final
            (rows,) what they were won for, minor units.
        wins
            All bookings known.
        """
        used = (rows.amount > 0) & (final > 0)
        rows, final = rows.take(np.flatnonzero(used)), final[used]
        usual = wins.amount_minor[np.isfinite(wins.amount_minor)]
        segments = _medians(wins.dimensions["segment"], wins.amount_minor)
        middle = float(np.median(usual)) if len(usual) else float("nan")
        if not len(final):
            return cls(1.0, {}, PRIOR_SD, middle, segments)
        logs = np.clip(np.log(final / rows.amount), -FARTHEST, FARTHEST)
        now = np.minimum(rows.amount, np.quantile(rows.amount, MOST_SHARE))
        overall = float((now @ np.exp(logs)) / now.sum())
        held, by_stage = HELD_DEALS * float(now.mean()), {}
        for stage in sorted({one for one in rows.stage.tolist() if one is not None}):
            own = np.asarray(rows.stage == stage, dtype=bool)
            won = float(now[own] @ np.exp(logs[own]))
            by_stage[stage] = (won + overall * held) / (float(now[own].sum()) + held)
        spread = float(np.sqrt((logs.var() * len(logs) + PRIOR_SD**2 * 5) / (len(logs) + 5)))
        return cls(overall, by_stage, spread, middle, segments)

    def expect(self, rows: Shown, foreign: np.ndarray) -> tuple[Floats, Floats]:
        """Return each deal's amount as it counts (minor units) and its ratio, (rows,) each.

        Where none is told, what such deals usually bring; of deals in a foreign currency nothing.
        """
        told = np.isfinite(rows.amount)
        stand_in = [self.by_segment.get(one or "", self.usual) for one in rows.segment.tolist()]
        amount = np.where(told, rows.amount, np.nan_to_num(np.array(stand_in, dtype=np.float64)))
        ratio = [self.by_stage.get(one or "", self.overall) for one in rows.stage.tolist()]
        return (
            np.where(foreign, 0.0, amount),
            np.where(told, np.array(ratio, dtype=np.float64), 1.0),
        )


def _medians(names: Texts, amount: Floats) -> dict[str, float]:
    found = {}
    for name in sorted({one for one in names.tolist() if one is not None}):
        own = amount[np.asarray(names == name, dtype=bool) & np.isfinite(amount)]
        if len(own) >= FEWEST_DEALS:
            found[name] = float(np.median(own))
    return found
