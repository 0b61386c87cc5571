"""Where every account stands at the start of a week: all that the next week depends on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.trace import Trace

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LATENTS = ("base", "champion", "incident", "competitor", "pay_trouble")
NEVER = int(np.iinfo(np.int32).max)


@dataclass
class State:
    """One element per account; static facts first, then what changes from week to week.

    Names and meanings are those of ``Accounts`` and ``Weekly``. It is changed in place: the world
    is stepped forward and never back, and copies of 50,000 accounts a week would cost minutes.
    """

    segment: Ints
    term_months: Ints
    notice_days: Ints
    fit: Floats
    frailty: Floats
    base: Floats
    champion: Floats
    incident: Floats
    competitor: Floats
    pay_trouble: Floats
    uplift: Floats
    mrr_minor: Ints
    addon_mrr_minor: Ints
    seats: Floats
    term_ends_day: Ints
    contract_started_day: Ints
    active: Bools
    noticed: Bools
    addon_noticed: Bools

    def __len__(self) -> int:
        return len(self.segment)

    @property
    def health(self) -> Floats:
        """Sum of its four parts, shape (n,)."""
        return self.base + self.champion + self.incident + self.competitor

    @property
    def staying(self) -> Bools:
        """Hold a contract and gave no notice, shape (n,): who may decide to leave."""
        return self.active & ~self.noticed

    def take(self, rows: npt.NDArray[Any]) -> State:
        """Return chosen accounts, in that order; repeats are copies."""
        return State(*(getattr(self, one.name)[rows] for one in fields(self)))

    def join(self, other: State) -> None:
        """Append accounts."""
        for one in fields(self):
            both = (getattr(self, one.name), getattr(other, one.name))
            setattr(self, one.name, np.concatenate(both))


def state_at(trace: Trace, week: int) -> State:
    """Return the state of all accounts of a trace at the start of a week.

    Accounts that do not exist yet are inactive, their latents 0.

    Parameters
    ----------
    trace
        The world.
    week
        0 to ``params.weeks``.
    """
    accounts, weekly = trace.accounts, trace.weekly
    static = {
        "segment": accounts.segment,
        "term_months": accounts.term_months,
        "notice_days": accounts.notice_days,
        "fit": accounts.fit,
        "frailty": accounts.frailty,
    }
    columns: dict[str, Any] = {}
    for one in fields(State):
        raw: Any = static[one.name] if one.name in static else getattr(weekly, one.name)[:, week]
        kind = {"Ints": np.int64, "Floats": np.float64}.get(str(one.type), np.bool_)
        columns[one.name] = np.nan_to_num(raw).astype(kind)
    return State(**columns)
