"""Rules over deals: amounts that are none, closes before the beginning, dates nobody means."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle.checks.bounds import DEAL_AMOUNTS, LARGEST_MINOR
from lifecycle.checks.rules import Faults
from lifecycle.tables.declare import Table
from lifecycle.tables.pipeline import CLOSE_YEARS

CLOSES = {
    "opportunities": ("close_on",),
    "opportunity_changes": ("close_before_on", "close_after_on"),
}
# a day's close may be written as its midnight, hours before the deal was entered
SAME_DAY = timedelta(days=1)


def check_deals(table: Table, columns: dict[str, pa.Array], faults: Faults) -> None:
    """Add the faults of deals and of their changes; other tables have none.

    An amount of zero, no amount, no account and an unknown stage are no faults: they are deals.
    """
    for name in DEAL_AMOUNTS.get(table.name, ()):
        if name in columns:
            minor = columns[name].fill_null(0).to_numpy(zero_copy_only=False)
            faults.add("deal_amount", name, (minor < 0) | (minor >= LARGEST_MINOR))
    if table.name == "opportunities" and {"created_at", "closed_at"} <= set(columns):
        # a sum with an absent instant is absent, and compares as no fault
        early = pc.less(
            pc.add(columns["closed_at"], pa.scalar(SAME_DAY, pa.duration("us"))),
            columns["created_at"],
        )
        flags = pc.fill_null(early, False).to_numpy(zero_copy_only=False)
        faults.add("closed_before_created", "closed_at", np.asarray(flags))


def count_far_closes(table: Table, rows: pa.RecordBatch) -> int:
    """Count the rows with an expected close that nobody can mean."""
    far = np.zeros(rows.num_rows, dtype=bool)
    first, last = CLOSE_YEARS
    for name in CLOSES.get(table.name, ()):
        if name in rows.schema.names:
            year = pc.year(rows.column(name)).fill_null(first).to_numpy(zero_copy_only=False)
            far |= (year < first) | (year > last)
    return int(far.sum())
