"""How past days of those who hold contracts are read: frames without notice, and what followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.contract_frame import contract_frame, split_notice
from features.lines import build_lines
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.history import History
from lifecycle.snapshot import Snapshot
from models.base import FloatArray
from training.labels import check_closed
from training.outcomes import (
    KEYS,
    Per,
    build_live_lines,
    build_outcomes,
    build_revenue_label,
)
from training.slices import After, Frames, Look, SliceKind

LONGEST_LAG_DAYS = 90
CLOCKS = {
    "subscription_changes": "changed_at",
    "usage": "used_at",
    "invoices": "issued_at",
    "payments": "paid_at",
}
"""Facts that keep coming while a subscription business is on record, and their clocks."""


@dataclass(frozen=True)
class _Contracts:
    """What is read of contracts: by unit, which label, and which forbidden fields are let in."""

    per: Per
    label: Literal["leave", "revenue"]
    allow: tuple[str, ...]

    def build_frame(self, snapshot: Snapshot, cache_dir: Path | None) -> pa.Table:
        frame = contract_frame(snapshot, unit=self.per, allow=self.allow, cache_dir=cache_dir)
        return split_notice(frame)[0].combine_chunks()

    def look_after(self, history: History, frames: Frames, look: Look) -> list[After]:
        """Raise NotEnoughHistoryError where a window is still open on ``look.known_on``."""
        days = list(frames)
        for day in days:
            check_closed(day, look.known_on, horizon_days=look.horizon_days)
        known = history.as_of(look.known_on)
        held = look.held
        held |= {day: build_live_lines(history.as_of(day)) for day in days if day not in held}
        found = build_outcomes(known, days, per=self.per, held=held, lag_days=look.lag_days)
        paid: dict[date, pa.Table] = {}
        if self.label == "revenue":
            paid = build_revenue_label(
                known, days, horizon_days=look.horizon_days, per=self.per, held=held
            )
        return [
            self._after(frames[day], found[day], paid.get(day), horizon_days=look.horizon_days)
            for day in days
        ]

    def _after(
        self, frame: pa.Table, found: pa.Table, paid: pa.Table | None, *, horizon_days: int
    ) -> After:
        key = KEYS[self.per]
        place = pc.index_in(frame.column(key), value_set=found.column(key))
        mine = found.drop_columns([key]).take(place)
        kept = np.asarray(pc.fill_null(mine.column("is_kept"), False).to_numpy(), dtype=bool)
        if paid is None:
            amount = label_leave(_floats(mine.column("decided_days")), horizon_days=horizon_days)
        else:
            amount = np.nan_to_num(_floats(paid.column("revenue_minor").take(place)))
        return After(amount, mine.drop_columns(["is_kept"]), kept)


def contract_slices(
    label: Literal["leave", "revenue"], *, per: Per = "account", allow: Sequence[str] = ()
) -> SliceKind:
    """Return how past days of contracts are read.

    Parameters
    ----------
    label
        ``leave`` (1.0 where the decision to leave falls in the window) or ``revenue`` (minor
        units paid in it).
    per
        Unit.
    allow
        Forbidden custom fields to let in: for tests of the alarm.
    """
    reader = _Contracts(per, label, tuple(allow))
    return SliceKind(
        reader.build_frame,
        reader.look_after,
        find_first_contract_day,
        find_last_contract_day,
        find_reporting_lag,
        fact="contract fact",
        silence="loyalty",
    )


def label_leave(decided_days: FloatArray, *, horizon_days: int) -> FloatArray:
    """Return 1.0 where the decision to leave falls in ``[0, horizon_days)``, else 0.0.

    Examples
    --------
    >>> label_leave(np.array([0.0, 89.0, 90.0, np.nan]), horizon_days=90).tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    return np.asarray((decided_days >= 0) & (decided_days < horizon_days), dtype=np.float64)


def find_first_contract_day(known: Snapshot) -> date:
    """Return the first day on which ends of contracts are on record.

    Exports often tell the starts of contracts that still live, long before anything else is told:
    of that time only survivors are known. So the first day is that of the earliest change that is
    no beginning; contracts that began before it enter with their true tenure.

    Raises
    ------
    NotEnoughHistoryError
        No contract line is known, or of none anything but that it began.
    """
    if build_lines(known).num_rows == 0:
        raise NotEnoughHistoryError(
            f"no contract line known before {known.day}",
            "at least one that is paid for",
            "ingest subscriptions and their changes first",
        )
    changes = known.table("subscription_changes")
    day = _day_of(known, changes.filter(changes.kind != "new").changed_at.min())
    if day is None:
        raise NotEnoughHistoryError(
            f"no renewal, move or end of a contract known before {known.day}",
            "changes of contracts (table subscription_changes), or only survivors are known",
            "ingest them, or stand on a later day",
        )
    return day


def find_last_contract_day(known: Snapshot) -> date | None:
    """Return the day of the newest change, use, invoice or payment; ``None`` without any."""
    days = [_day_of(known, known.table(name)[clock].max()) for name, clock in CLOCKS.items()]
    return max((day for day in days if day is not None), default=None)


def find_reporting_lag(known: Snapshot) -> int:
    """Return how many days pass until a decision to leave is on record.

    None where notices are recorded. Where only their effects are, a non-renewal shows a notice
    period after it was decided: the longest of the lines, at most ``LONGEST_LAG_DAYS``.
    """
    changes = known.table("subscription_changes")
    told = known.collect(changes.filter(changes.kind == "notice").count().as_table())
    if told.column(0)[0].as_py():
        return 0
    longest = pc.max(build_lines(known).column("notice_days")).as_py()
    return min(int(longest or 0), LONGEST_LAG_DAYS)


def _day_of(known: Snapshot, at: Any) -> date | None:
    found = known.collect(at.as_table()).column(0)[0]
    if not found.is_valid:
        return None
    day: date = found.as_py().astimezone(known.zone).date()
    return day


def _floats(column: pa.ChunkedArray) -> FloatArray:
    return np.asarray(column.to_numpy(), dtype=np.float64)
