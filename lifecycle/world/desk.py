"""Everything that keeps the contracts of a world: where they stand, their plans, their books."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lifecycle.world.movements import Books
from lifecycle.world.presets import WorldParams
from lifecycle.world.state import NEVER, Floats, Ints, State

NONE = np.empty(0, np.int64)


@dataclass
class Desk:
    """Everything that keeps contracts: their state, their plans, their books.

    Parameters
    ----------
    params, state, books, rng
        The world, where accounts stand, what is written, the stream ``contracts``.
    base_line, addon_line
        Present lines by account, shape (n,); -1 = none.
    leaves_day, withdraws_day, returns_day
        What is decided already, shape (n,); ``NEVER`` = nothing.
    cause
        Code into ``CAUSES`` of the last decision to leave, shape (n,).
    moved_day
        Day of the last renewal or comeback, shape (n,): later movements may not lie before it.
    kept_minor, kept_seats
        MRR and seats when it left, to which a comeback returns, shape (n,).
    """

    params: WorldParams
    state: State
    books: Books
    rng: np.random.Generator
    base_line: Ints = field(default_factory=NONE.copy)
    addon_line: Ints = field(default_factory=NONE.copy)
    leaves_day: Ints = field(default_factory=NONE.copy)
    withdraws_day: Ints = field(default_factory=NONE.copy)
    returns_day: Ints = field(default_factory=NONE.copy)
    cause: Ints = field(default_factory=NONE.copy)
    moved_day: Ints = field(default_factory=NONE.copy)
    kept_minor: Ints = field(default_factory=NONE.copy)
    kept_seats: Floats = field(default_factory=lambda: np.empty(0))

    def extend(self, base_line: Ints, addon_line: Ints) -> None:
        """Add accounts that were joined to the state."""
        count = len(base_line)
        never, zero = np.full(count, NEVER, np.int64), np.zeros(count, np.int64)
        self.base_line = np.concatenate([self.base_line, base_line])
        self.addon_line = np.concatenate([self.addon_line, addon_line])
        fresh = {
            **dict.fromkeys(("leaves_day", "withdraws_day", "returns_day"), never),
            **dict.fromkeys(("cause", "kept_minor", "kept_seats"), zero),
            "moved_day": -never,
        }
        for name, values in fresh.items():
            setattr(self, name, np.concatenate([getattr(self, name), values]))

    def write(self, kind: str, rows: Ints, *, addon: bool, **columns: npt.ArrayLike) -> None:
        """Write movements of the base or the add-on lines of accounts; MRR stays unless given."""
        state = self.state
        mrr = state.addon_mrr_minor[rows]
        seats: npt.NDArray[np.float64] = np.full(len(rows), np.nan)
        if not addon:
            mrr, seats = state.mrr_minor[rows] - mrr, state.seats[rows]
        plain: dict[str, npt.ArrayLike] = {
            "line": (self.addon_line if addon else self.base_line)[rows],
            "account": rows,
            "mrr_before_minor": mrr,
            "mrr_after_minor": mrr,
            "seats_before": seats,
            "seats_after": seats,
            "term_ends_day": state.term_ends_day[rows],
            "uplift_share": state.uplift[rows],
        }
        self.books.write_movements(kind, **{**plain, **columns})

    def write_both(self, kind: str, rows: Ints, day: Ints) -> None:
        """Write a movement without change of MRR on both lines of accounts."""
        self.write(kind, rows, addon=False, decided_day=day, effective_day=day)
        second = self.addon_line[rows] >= 0
        some, days = rows[second], day[second]
        self.write(kind, some, addon=True, decided_day=days, effective_day=days)
