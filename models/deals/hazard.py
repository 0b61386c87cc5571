"""When an open deal closes, and how: hazards of winning and of losing, period by period ahead.

Rows (deal on a landmark, period ahead) at risk while the deal is open, used once the period has
been observed whole; a deal still open when knowledge ends stays in as long as it was watched.
Won against open and lost against open are learned apart, each by a ridge logistic with the period
as a feature; together they make a multinomial (Begg and Gray 1984). Two steps keep it small: the
deal's columns give an index, a second fit says how much index, stage and close date mean so far
ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lifecycle.errors import NotEnoughHistoryError
from models.base import Examples, FloatArray, check_fitted
from models.columns import Frame, read_numbers
from models.contract.events import choose_ridge
from models.deals.after import After, count_deals, thin
from models.deals.curve import ENDS, STARTS, extend
from models.deals.inputs import Inputs
from models.deals.ridge import fit_weighted, solve_logistic
from models.logistic import Logistic
from models.parts import read_part, write_part

PART = "deal_hazard.json"
MOST_ROWS = 16_000
FEWEST = 30
OF_THE_QUARTER = (
    "quarter_week", "weeks_left", "quarter_days_left", "quarter_month", "close_in_quarter",
    "close_past_quarter_days",
)  # fmt: skip
"""Columns of the quarter's end: timing says of each period whether that end lies in it."""
RIDGE = 1.0
REPEATED = 2.0
"""How often a close is met: rows of a deal count less, but not as one.

The prior of a column counts as often (see ``choose_ridge``).
"""
MIDDLE_STAGE = "stage_position"


@dataclass(frozen=True)
class Cause:
    """Log-odds of one way to close: an index of the deal's columns, and weights over periods."""

    index: Logistic
    weights: FloatArray

    def log_odds(self, matrix: FloatArray, timing: FloatArray, lead: FloatArray) -> FloatArray:
        """Return shape (n, p) from columns (n, f), timing (n, p, t) and leading columns (n, l)."""
        index = self.index.raw(np.hstack([matrix, np.zeros((len(matrix), timing.shape[2]))]))
        # the blank timing columns of the index have a centre: what they add is the same for all
        every = np.broadcast_to(index[:, None], timing.shape[:2])
        return np.asarray(_interact(every, timing, lead[:, None, :]) @ self.weights)


class DealHazard:
    """Log-odds of winning and of losing in each period ahead, against staying open."""

    def __init__(self) -> None:
        self._inputs: Inputs | None = None
        self._won: Cause | None = None
        self._lost: Cause | None = None
        self._stage = (0.0, 1.0)

    def fit(self, examples: Examples) -> Self:
        """Learn from landmarks with what became of their deals.

        Raises
        ------
        NotEnoughHistoryError
            Fewer than 30 deals won, or lost, in a period observed whole.
        ModelError
            The examples carry no outcomes.
        """
        after = After.read(examples)
        chosen, weight = thin(after.weights, MOST_ROWS)
        some = examples.take(chosen)
        after = After.read(some)
        row, period, state = _stack(after)
        _check_enough(some.frame, row, state)
        label = np.nan_to_num(after.won)
        frame = some.frame
        self._inputs, matrix = Inputs.learn(_without_quarter(frame), label)
        position = read_numbers(frame, MIDDLE_STAGE)
        self._stage = _centre(position)
        timing, lead = _timing(frame), self._lead(frame)
        stacked = np.hstack([matrix[row], timing[row, period]])
        cells = timing[row, period], lead[row]
        made = [
            self._learn(stacked, cells, state == one, keep=(state == one) | (state == 0),
                        weight=weight[row])
            for one in (1, 2)
        ]  # fmt: skip
        self._won, self._lost = made
        return self

    def _learn(
        self,
        stacked: FloatArray,
        cells: tuple[FloatArray, FloatArray],
        happened: NDArray[np.bool_],
        *,
        keep: NDArray[np.bool_],
        weight: FloatArray,
    ) -> Cause:
        inputs = check_fitted(self._inputs, "deal hazard")
        label, counted = happened[keep].astype(np.float64), weight[keep]
        ridge = choose_ridge(REPEATED, 1.0)
        index, _ = fit_weighted(
            stacked[keep], label, weight=counted, text=inputs.text_sizes, ridge=ridge
        )
        blank = stacked.copy()
        timing, lead = cells
        blank[:, -timing.shape[1] :] = 0.0
        design = _interact(index.raw(blank)[keep], timing[keep], lead[keep])
        prior = np.zeros(design.shape[1])
        prior[0] = 1.0
        penalty = np.full(design.shape[1], RIDGE)
        penalty[-1] = 0.0
        weights = solve_logistic(design, label, weight=counted, penalty=penalty, prior=prior)
        return Cause(index, weights)

    def log_odds(self, frame: Frame) -> tuple[FloatArray, FloatArray]:
        """Return log-odds of winning and of losing against staying open, each of shape (n, 9).

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            There is no fit.
        """
        inputs = check_fitted(self._inputs, "deal hazard")
        won, lost = check_fitted(self._won, "deal hazard"), check_fitted(self._lost, "deal hazard")
        matrix, timing, lead = inputs.matrix(frame), _timing(frame), self._lead(frame)
        return (
            extend(won.log_odds(matrix, timing, lead)),
            extend(lost.log_odds(matrix, timing, lead)),
        )

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part.

        Raises
        ------
        ModelError
            There is no fit.
        """
        causes = {"won": self._won, "lost": self._lost}
        kept: dict[str, Any] = {
            "inputs": check_fitted(self._inputs, "deal hazard").to_json(),
            "stage": list(self._stage),
        }
        for name, cause in causes.items():
            known = check_fitted(cause, "deal hazard")
            kept[name] = {"index": known.index.to_json(), "weights": known.weights.tolist()}
        return {PART: write_part(kept)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``; it predicts the same bits.

        Raises
        ------
        BundleError
            The part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            made = cls()
            made._inputs = Inputs.from_json(kept["inputs"])
            made._stage = float(kept["stage"][0]), float(kept["stage"][1])
            made._won, made._lost = (
                Cause(Logistic.from_json(kept[one]["index"]), np.array(kept[one]["weights"]))
                for one in ("won", "lost")
            )
        return made

    def _lead(self, frame: Frame) -> FloatArray:
        """Return shape (n, 1): how far the deal is, centred; it means most in the first weeks."""
        centre, spread = self._stage
        place = (read_numbers(frame, MIDDLE_STAGE) - centre) / spread
        return np.asarray(np.nan_to_num(place)[:, None])


def _stack(after: After) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return row, period, and how it ended: 0 open, 1 won, 2 lost."""
    closed = np.nan_to_num(after.closed_days, nan=np.inf)[:, None]
    seen = np.nan_to_num(after.observed_days)[:, None]
    at_risk = (closed >= STARTS) & (seen >= ENDS)
    row, period = np.nonzero(at_risk)
    ended = closed[row, 0] < ENDS[period]
    return row, period, np.where(ended, np.where(after.won[row] > 0, 1, 2), 0)


def _check_enough(frame: Frame, row: NDArray[np.intp], state: NDArray[np.intp]) -> None:
    found = []
    for one in (1, 2):
        mask = np.zeros(frame.num_rows, dtype=np.bool_)
        mask[row[state == one]] = True
        found.append(count_deals(frame, mask))
    if min(found) < FEWEST:
        raise NotEnoughHistoryError(
            f"deal hazard: {found[0]} deals won and {found[1]} lost in periods observed whole",
            f"{FEWEST} or more of each",
            "ingest a longer history",
        )


def _timing(frame: Frame) -> FloatArray:
    """Return shape (n, 7, t): which period it is, and how close date and quarter's end lie to it.

    Of the close date: whether it lies in the period, or before it (overdue by then), or is not
    known. Of the quarter: whether its end lies in the period.
    """
    rows = frame.num_rows
    close = read_numbers(frame, "close_days")[:, None]
    left = read_numbers(frame, "quarter_days_left")[:, None]
    inside = (close >= STARTS) & (close < ENDS)
    passed = close < STARTS
    unknown = np.broadcast_to(np.isnan(close), (rows, len(ENDS)))
    part = np.clip((ENDS - close) / (ENDS - STARTS), 0.0, 1.0)
    quarter = (left > STARTS) & (left <= ENDS)
    which = np.broadcast_to(np.eye(len(ENDS))[None, :, 1:], (rows, len(ENDS), len(ENDS) - 1))
    flags = np.stack([inside, passed, unknown, np.where(inside, part, 0.0), quarter], axis=-1)
    return np.concatenate([which, flags.astype(np.float64)], axis=-1)


def _interact(index: FloatArray, timing: FloatArray, lead: FloatArray) -> FloatArray:
    """Return index, index x timing, lead, lead x timing, timing and 1: shape (..., k)."""
    own, which = index[..., None], timing[..., : len(ENDS) - 1]
    stage = np.broadcast_to(lead, (*index.shape, lead.shape[-1]))
    return np.concatenate(
        [own, own * timing, stage, stage * which, timing, np.ones_like(own)], axis=-1
    )


def _centre(values: FloatArray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0
    return float(known.mean()), float(max(known.std(), 1e-9))


def _without_quarter(frame: Frame) -> Frame:
    return frame.drop_columns([name for name in OF_THE_QUARTER if name in frame.column_names])
