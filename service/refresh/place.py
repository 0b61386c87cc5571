"""Where a company's things are, and how it counts: what every refresh is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ledger.engine import Ledger, open_ledger
from lifecycle.history import open_history
from lifecycle.periods import FiscalCalendar
from lifecycle.snapshot import Snapshot

HOLDOUT_SHARE = 0.10
CAMPAIGN = "retention"


@dataclass(frozen=True)
class Place:
    """Where things are, and how the company counts.

    Attributes
    ----------
    data_dir, lake_dir, bundles_dir, frames_dir
        Folders of the pepper, of the facts, of released bundles and of cached frames.
    ledger_address
        SQLAlchemy URL.
    zone
        In which days begin.
    currency
        ISO 4217 code of all money.
    calendar
        When fiscal years and quarters begin.
    horizon_days
        Whose risk ranks the at-risk list, if several horizons are released.
    synthetic
        The facts are made up: every answer says so.
    campaign, holdout_share
        Whose random draws the list shows, and the share (0-1) drawn to be left alone.
    """

    data_dir: Path
    lake_dir: Path
    bundles_dir: Path
    frames_dir: Path
    ledger_address: str
    zone: ZoneInfo
    currency: str
    calendar: FiscalCalendar
    horizon_days: int
    synthetic: bool = False
    campaign: str = CAMPAIGN
    holdout_share: float = HOLDOUT_SHARE

    def open_ledger(self) -> Ledger:
        """Open the ledger to write and read.

        Raises
        ------
        LedgerError
            It cannot be opened.
        """
        return open_ledger(self.ledger_address)


def open_snapshot(place: Place, day: date | datetime) -> Snapshot:
    """Open the lake and return what was known before a day began there, or before an instant.

    Raises
    ------
    LakeError
        The lake cannot be read.
    """
    return open_history(place.lake_dir, zone=place.zone).as_of(day)


# whose arrival says how new the facts behind scores are, of either route
_TELLING = ("orders", "subscription_changes", "usage", "invoices")


def read_data_as_of(snapshot: Snapshot, tables: Sequence[str] = _TELLING) -> datetime:
    """Return the UTC instant at which the newest fact of some of the tables was known."""
    newest = datetime.combine(snapshot.day, datetime.min.time(), tzinfo=UTC)
    found = []
    for name in tables:
        rows = snapshot.table(name)
        known = snapshot.collect(rows.aggregate(newest=rows.known_at.max()))["newest"][0].as_py()
        found += [] if known is None else [known]
    return max(found, default=newest)
