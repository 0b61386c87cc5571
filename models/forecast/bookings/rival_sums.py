"""Sums by node that plain rules need: a quarter's bookings, and open deals, as known on a day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from features.days import day_number
from features.deals.bookings import OpenBook, Wins
from features.deals.stages import StageMap
from lifecycle.periods import Quarter
from models.forecast.grid import FloatArray
from models.forecast.nodes import UNASSIGNED, Nodes, build_nodes, dimension_of

Mask = npt.NDArray[np.bool_]

COMMIT = "commit"


class RivalSums:
    """Wins and the open book, laid out once by every node that there ever was.

    Parameters
    ----------
    wins, book
        Bookings and open deals.
    stages
        The sales system's stage probabilities; where it has none they are learned.
    """

    def __init__(self, wins: Wins, book: OpenBook, *, stages: StageMap) -> None:
        self._wins, self._book, self._stages = wins, book, stages
        units = {
            name: [*wins.dimensions[name].tolist(), *book.dimensions[name].tolist()]
            for name in wins.dimensions
        }
        tree = build_nodes(units)
        self._names = tree.names
        self._of_wins, self._of_book = tree.places[: len(wins)], tree.places[len(wins) :]
        self._booked = np.nan_to_num(wins.amount_minor)
        self._open = np.nan_to_num(book.amount_minor)
        self._stage_names, self._stage = _coded(book.stage)
        self._is_commit = np.array([one == COMMIT for one in book.category], np.bool_)
        self._has_category = np.array([one is not None for one in book.category], np.bool_)

    def booked(self, quarter: Quarter, day: int, *, nodes: Sequence[str]) -> FloatArray:
        """Return what was known before a day (number) to be won in a quarter, minor units."""
        wins = self._wins
        first, last = day_number(quarter.start), day_number(quarter.end)
        mask = wins.known(day) & (wins.closed >= first) & (wins.closed < last)
        return self._onto(nodes, self._of_wins[mask], self._booked[mask])

    def rows(self, day: int) -> slice:
        """Return the rows of the book that are open on a day; none where it was not read."""
        low, high = np.searchsorted(self._book.day, [day, day + 1])
        return slice(int(low), int(high))

    def open(
        self, rows: slice, *, nodes: Sequence[str], weight: FloatArray | Mask | float = 1.0
    ) -> FloatArray:
        """Return the sum of open amounts times their weight, minor units."""
        return self._onto(nodes, self._of_book[rows], self._open[rows] * weight)

    def due(self, rows: slice, quarter: Quarter) -> Mask:
        """Mark the open deals whose close date lies in a quarter."""
        close_on = self._book.close_on[rows]
        first, last = day_number(quarter.start), day_number(quarter.end)
        return np.asarray((close_on >= first) & (close_on < last))

    def committed(self, rows: slice) -> Mask | None:
        """Mark the deals that their owners commit to; None where no deal has a category."""
        return self._is_commit[rows] if self._has_category[rows].any() else None

    def stage_shares(self, rows: slice, day: int) -> FloatArray:
        """Return the share won that each open deal's stage stands for, 0 where nobody knows.

        The sales system's own probability; without any, the share won of the deals that were seen
        in that stage and are closed by the day.
        """
        told = dict(zip(self._stages.names, self._stages.win_share.tolist(), strict=True))
        shares = np.array([told.get(name, np.nan) for name in self._stage_names], np.float64)
        if not np.isfinite(self._stages.win_share).any():
            shares = self._learned_shares(day)
        return np.nan_to_num(shares[self._stage[rows]])

    # inside

    def _learned_shares(self, day: int) -> FloatArray:
        book, wins = self._book, self._wins
        closed = ~np.isin(book.deal, book.deal[self.rows(day)]) & (book.day < day)
        pairs = np.stack([book.deal[closed], self._stage[closed]])
        deal, stage = np.unique(pairs, axis=1)
        won = np.isin(deal, wins.deal[wins.known(day)])
        seen, count = np.bincount(stage, won, len(self._stage_names)), len(self._stage_names)
        return np.asarray(seen / np.maximum(np.bincount(stage, minlength=count), 1))

    def _onto(
        self, nodes: Sequence[str], places: npt.NDArray[np.int64], values: FloatArray
    ) -> FloatArray:
        """Return sums by the nodes asked for; a value that has no node there is unassigned."""
        row = {name: place for place, name in enumerate(nodes)}
        to = np.array(
            [
                row.get(name, row.get(f"{dimension_of(name)}={UNASSIGNED}", -1))
                for name in self._names
            ]
        )
        every, found = Nodes(self._names, places).sum(values), np.zeros(len(nodes))
        np.add.at(found, to[to >= 0], every[to >= 0])
        return found


def _coded(texts: npt.NDArray[np.object_]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Return distinct texts, "" for None, and each one's place among them."""
    names, codes = np.unique([one or "" for one in texts], return_inverse=True)
    return [str(name) for name in names], codes.astype(np.int64)
