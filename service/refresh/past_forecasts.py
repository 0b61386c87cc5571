"""The track record a refresh learns from: kept forecasts of ended quarters, scored anew.

Actuals are summed from the snapshot itself, so a number that was learnt later cannot enter.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.engine import Ledger
from ledger.past_books import PastBook, read_past_books
from ledger.vintages import Wanted
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.engines import Engine
from models.forecast.judged import Judged, Said, judge
from models.forecast.past import read_said
from models.forecast.telling import SCALES


class PastForecasts:
    """Forecasts of each target that can be judged as of a snapshot's day.

    Parameters
    ----------
    ledger
        Where they are kept.
    engines
        Opened on the snapshot.
    snapshot
        What is known.
    """

    def __init__(self, ledger: Ledger, engines: Sequence[Engine], snapshot: Snapshot) -> None:
        self._ledger, self._engines, self._snapshot = ledger, engines, snapshot
        self._actuals: dict[Quarter, dict[str, dict[str, float]]] = {}
        self._judged: dict[str, list[Judged]] = {}

    def judged(self, target: str, like: Quarter) -> list[Judged]:
        """Return a target's forecasts of ended quarters, by origin.

        Those made after their quarter had ended foresaw nothing and are left out.

        Parameters
        ----------
        target
            One of ``models.forecast.raw.TARGETS``.
        like
            A quarter of the company's calendar.
        """
        if target not in self._judged:
            self._judged[target] = [
                judge(_said(book, quarter), actual)
                for book in self._read(target)
                for quarter in [Quarter.parse(book.period, like.calendar)]
                for actual in [self._actual(target, quarter)]
                if actual and book.origin < quarter.end
            ]
        return self._judged[target]

    def _read(self, target: str) -> list[PastBook]:
        """Return what was issued, and from a backtest what was not."""
        books = {
            (book.period, book.origin): book
            for source in ("backtest", "live")
            for book in read_past_books(self._ledger, Wanted(target, source))
            if book.origin < self._snapshot.day
        }
        return [books[key] for key in sorted(books, key=lambda key: (key[1], key[0]))]

    def _actual(self, target: str, quarter: Quarter) -> dict[str, float]:
        day = self._snapshot.day
        if quarter.end > day:
            return {}
        if quarter not in self._actuals:
            found: dict[str, dict[str, float]] = {}
            for engine in self._engines:
                try:
                    found |= engine.actuals(quarter, day)
                except NotEnoughHistoryError:
                    continue
            self._actuals[quarter] = found
        return self._actuals[quarter].get(target, {})


def _said(book: PastBook, quarter: Quarter) -> Said:
    return read_said(quarter, book.origin, book.rows, scales=book.notes.get(SCALES, {}))
