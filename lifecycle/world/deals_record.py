"""What the sales system writes down: a version of a deal and a row for each field that moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.deals_book import Book, Column, Index, Rows

STATES = ("open", "won", "lost")
IN_PLAY, WON, LOST = range(3)
CATEGORIES = ("commit", "best_case", "pipeline", "omitted", "closed")
COMMIT, BEST_CASE, PIPELINE, OMITTED, CLOSED = range(5)

NONE = np.iinfo(np.int64).min
"""Stands for null in whole columns."""

MOVES = ("created", "stage", "amount", "close_on", "category", "owner", "outcome")
TRACKED = {"stage": "stage", "amount": "amount", "close_on": "close_on", "category": "category",
           "owner": "owner", "state": "outcome"}  # fmt: skip
"""Columns of a deal whose moves are written down, and the field's name there."""

BACKDATED_SHARE = 0.06
"""Stage edits that are said to have happened days before they were made."""

BACKDATED_DAYS = 12
LATE_BOOKED_SHARE = 0.07
"""Won deals that are booked some days after they were signed."""

LATE_BOOKED_DAYS = 6

VERSIONS = {
    "deal": np.int32,
    "known": np.float64,
    "stage": np.int8,
    "category": np.int8,
    "owner": np.int32,
    "amount": np.int64,
    "close_on": np.int32,
    "state": np.int8,
    "closed": np.float64,
    "next_step": np.float64,
    "competitor": np.int8,
    "discount": np.float32,
    "term": np.int16,
}
HELD = tuple(name for name in VERSIONS if name not in ("deal", "known"))
CHANGES = {
    "deal": np.int32,
    "changed": np.float64,
    "known": np.float64,
    "field": np.int8,
    "before": np.int64,
    "after": np.int64,
    "by": np.int32,
}


@dataclass(frozen=True)
class Session:
    """One sitting in which sellers edit deals: each at most once.

    Attributes
    ----------
    deals
        The deals, shape (n,).
    at
        When, in days since the start, shape (n,).
    before
        Columns of a version as they were.
    """

    deals: Index
    at: npt.NDArray[np.float64]
    before: dict[str, Column]


class Record:
    """Versions and changes of all deals.

    Parameters
    ----------
    book
        State of the deals, which sellers edit between opening and closing a session.
    rng
        Draws of how late facts are written down.
    """

    def __init__(self, book: Book, rng: np.random.Generator) -> None:
        self._book, self._rng = book, rng
        self.versions, self.changes = Rows(VERSIONS), Rows(CHANGES)

    def open(self, deals: Index, at: npt.NDArray[Any]) -> Session:
        """Begin a session: what its deals are now is what they were before."""
        return Session(deals, at, {name: self._book[name][deals].copy() for name in HELD})

    def created(self, deals: Index, at: npt.NDArray[Any]) -> None:
        """Write down that deals were opened."""
        self._move("created", np.full(len(deals), NONE), session=Session(deals, at, {}))
        self._version(deals, at)

    def close(self, session: Session, *, by: Any = None) -> None:
        """Write down what moved since the session was opened.

        Parameters
        ----------
        session
            The session.
        by
            Who did it; without, each deal's owner.
        """
        book, deals = self._book, session.deals
        won = (book["state"][deals] == WON) & (session.before["state"] != WON)
        late = won & (self._rng.random(len(deals)) < LATE_BOOKED_SHARE)
        known = session.at + late * self._rng.uniform(1, LATE_BOOKED_DAYS, len(deals))
        for column in TRACKED:
            moved = np.flatnonzero(book[column][deals] != session.before[column])
            if len(moved) == 0:
                continue
            part = Session(deals[moved], session.at[moved], {})
            before = session.before[column][moved]
            self._move(TRACKED[column], before, session=part, known=known[moved], by=by)
        changed = np.zeros(len(deals), np.bool_)
        for column in HELD:
            before, now = session.before[column], book[column][deals]
            # NaN is no change from NaN: both differ from themselves
            changed |= (now != before) & ~((now != now) & (before != before))
        self._version(deals[changed], known[changed])

    def _move(
        self, field: str, before: Column, *, session: Session, known: Any = None, by: Any = None
    ) -> None:
        book, deals = self._book, session.deals
        column = {name: column for column, name in TRACKED.items()}.get(field, "stage")
        known = session.at if known is None else known
        self.changes.add(
            len(deals), deal=deals, field=MOVES.index(field), before=before, known=known,
            changed=self._said(session) if field == "stage" else session.at,
            after=book[column][deals], by=book["owner"][deals] if by is None else by,
        )  # fmt: skip

    def _said(self, session: Session) -> npt.NDArray[np.float64]:
        """Return when stage moves are said to have happened: some before they were entered."""
        count = len(session.deals)
        back = self._rng.uniform(0.5, BACKDATED_DAYS, count)
        back = back * (self._rng.random(count) < BACKDATED_SHARE)
        # never before the last time anything was known of the deal: moves keep their order
        floor = self._book["last_known"][session.deals] + 1 / 24
        return np.asarray(np.minimum(session.at, np.maximum(session.at - back, floor)))

    def _version(self, deals: Index, known: npt.NDArray[Any]) -> None:
        book = self._book
        held = {name: book[name][deals] for name in HELD}
        self.versions.add(len(deals), deal=deals, known=known, **held)
        book["last_known"][deals] = known
