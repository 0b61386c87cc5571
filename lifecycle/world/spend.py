"""What it costs to win: marketing by channel and sales by segment, a row a month."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.periods import add_months
from lifecycle.world.deals_book import Column, Rows
from lifecycle.world.presets import CHANNELS, SEGMENTS, WorldParams
from lifecycle.world.sellers import REP

LEAD_COST_MINOR = np.array([9_000, 14_000, 22_000, 30_000, 26_000])
"""What a lead costs by channel (US cents): inbound, outbound, partner, event, paid."""

FIXED_SHARE = 0.3
"""Of a channel's usual budget that is spent whether leads come or not."""

REP_MONTH_MINOR = 1_100_000
SEGMENT_WORK = np.array([0.40, 0.35, 0.25])
"""Share of selling time by segment."""

SPEND_NOISE = 0.1
SALES_KNOWN_DAYS, MARKETING_KNOWN_DAYS = 5, (8, 25)
"""Days after the month's end on which the books show it."""

MARKETING, SALES = range(2)
KINDS = ("marketing", "sales")
SPEND = {
    "kind": np.int8,
    "place": np.int8,
    "day": np.int32,
    "known": np.float64,
    "amount": np.int64,
}


def build_spend(
    params: WorldParams,
    *,
    leads: dict[str, Column],
    people: dict[str, Column],
    rng: np.random.Generator,
) -> dict[str, Column]:
    """Return marketing cost by channel and sales cost by segment for every whole month.

    Parameters
    ----------
    params
        The world.
    leads
        Every lead: marketing pays by the lead, and a fixed part.
    people
        Everyone with role and dates: sales pays by the head.
    rng
        Draws of this entity type alone.
    """
    rows = Rows(SPEND)
    starts = _month_starts(params)
    usual = np.bincount(leads["channel"], minlength=len(CHANNELS)) / max(1, params.months)
    for first, after in pairwise(starts):
        inside = (leads["created"] >= first) & (leads["created"] < after)
        counts = np.bincount(leads["channel"][inside], minlength=len(CHANNELS))
        volume = (1 - FIXED_SHARE) * counts + FIXED_SHARE * usual
        month = {"day": max(first, 0), "after": after}
        _add(rows, MARKETING, volume * LEAD_COST_MINOR, month=month, rng=rng)
        _add(rows, SALES, _heads(people, first) * REP_MONTH_MINOR * SEGMENT_WORK, month=month,
             rng=rng)  # fmt: skip
    return rows.collect()


def _add(rows: Rows, kind: int, mean: npt.NDArray[Any], *, month: dict[str, int], rng: Any) -> None:
    count = len(mean)
    late = rng.integers(*MARKETING_KNOWN_DAYS, count) if kind == MARKETING else SALES_KNOWN_DAYS
    amount = np.rint(mean * np.exp(rng.normal(0, SPEND_NOISE, count)))
    rows.add(
        count, kind=kind, place=np.arange(count), day=month["day"], amount=amount,
        known=month["after"] + late,
    )  # fmt: skip


def _heads(people: dict[str, Column], day: int) -> int:
    here = (people["hired_week"] * 7 <= day) & (people["left_week"].astype(float) * 7 > day)
    return int((here & (people["role"] == REP)).sum())


def _month_starts(params: WorldParams) -> list[int]:
    first = params.start.replace(day=1)
    return [(add_months(first, month) - params.start).days for month in range(params.months + 1)]


def segment_or_channel(kind: int) -> tuple[str, ...]:
    """Return what ``place`` counts through for a kind of cost."""
    return CHANNELS if kind == MARKETING else SEGMENTS
