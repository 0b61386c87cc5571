"""Plans and quotas of bookings, set before each quarter from what was booked until then."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.deals_book import Column, Rows
from lifecycle.world.deals_calendar import SellingCalendar
from lifecycle.world.deals_edits import MONTHS_PER_YEAR
from lifecycle.world.deals_record import WON
from lifecycle.world.presets import SEGMENTS, WorldParams
from lifecycle.world.sellers import NEVER, RAMP_FLOOR, RAMP_WEEKS, REP

COMPANY, SEGMENT, REGION, OWNER = range(4)
LEVELS = ("company", "segment", "region", "owner")
SET_BEFORE_DAYS = 20
"""Days before the quarter on which its plan is known."""

TRAILING_QUARTERS = 4
AMBITION, PLAN_NOISE = 1.10, 0.08
"""Plan against the bookings that it goes by, and the log deviation of the planners' error."""

OVERASSIGNED, QUOTA_NOISE = 1.15, 0.12
"""Sum of the owners' quotas against the company's plan, and their own noise."""

EXPANSION_PLAN_SHARE = 0.25
PAY_SHARE = 0.18
"""On-target earnings of a quarter as a share of the quota, at least :data:`BASE_PAY_MINOR`."""

BASE_PAY_MINOR = 2_500_000
TARGETS = {
    "level": np.int8,
    "place": np.int32,
    "quarter": np.int32,
    "known": np.float64,
    "amount": np.int64,
    "pay": np.int64,
}


def build_targets(
    params: WorldParams,
    calendar: SellingCalendar,
    *,
    deals: dict[str, Column],
    people: dict[str, Column],
    rng: np.random.Generator,
) -> dict[str, Column]:
    """Return the targets of every quarter that the data touch.

    A plan goes by the four quarters that were over when it was set (the present one is not), and
    before there is one by what the world was made for.

    Parameters
    ----------
    params, calendar
        The world and its quarters.
    deals
        Every deal with its latents; only those won before a plan is set enter it.
    people
        Everyone with region, role and dates.
    rng
        Draws of this entity type alone.
    """
    rows = Rows(TARGETS)
    quarters = int(calendar.quarter[calendar.weeks - 1]) + 1
    booked = _booked(deals, people, calendar=calendar)
    expected = _expected(params, regions=booked["region"].shape[1])
    for quarter in range(quarters):
        first_day = _first_day(calendar, quarter)
        known = max(0, first_day - SET_BEFORE_DAYS)
        company = 0.0
        for level, name in ((COMPANY, "company"), (SEGMENT, "segment"), (REGION, "region")):
            past = booked[name][max(0, quarter - 1 - TRAILING_QUARTERS) : max(0, quarter - 1)]
            base = past.mean(axis=0) if len(past) else expected[name]
            plan = base * AMBITION * np.exp(rng.normal(0, PLAN_NOISE, len(base)))
            company = float(plan[0]) if level == COMPANY else company
            amount = np.rint(plan / 100_000) * 100_000
            rows.add(
                len(base), level=level, place=np.arange(len(base)), quarter=quarter,
                known=known, amount=amount, pay=-1,
            )  # fmt: skip
        _add_quotas(rows, quarter, known=known, company=company, staff=(people, rng))
    return rows.collect()


def _add_quotas(
    rows: Rows, quarter: int, *, known: float, company: float, staff: tuple[Any, Any]
) -> None:
    """Share the company's plan out over the reps on board when it is set, by their ramp."""
    people, rng = staff
    week = known / 7
    here = (people["hired_week"] <= week) & (people["left_week"] > week)
    here &= (people["role"] == REP) & (people["left_week"] <= NEVER)
    owners = np.flatnonzero(here)
    tenure = (week + 13 - people["hired_week"][owners]) / RAMP_WEEKS
    ramp = np.clip(RAMP_FLOOR + (1 - RAMP_FLOOR) * tenure, RAMP_FLOOR, 1)
    quota = company * OVERASSIGNED * ramp / ramp.sum()
    quota = quota * np.exp(rng.normal(0, QUOTA_NOISE, len(owners)))
    amount = np.rint(quota / 100_000) * 100_000
    pay = np.maximum(BASE_PAY_MINOR, np.rint(PAY_SHARE * amount))
    rows.add(
        len(owners), level=OWNER, place=owners, quarter=quarter, known=known, amount=amount, pay=pay
    )


def _booked(
    deals: dict[str, Column], people: dict[str, Column], *, calendar: SellingCalendar
) -> dict[str, npt.NDArray[np.float64]]:
    """Return bookings by quarter and level, shape (quarters, places)."""
    won = deals["state"] == WON
    ends = np.unique(calendar.quarter_end)
    quarter = np.searchsorted(ends, deals["closed"][won], "right")
    amount = deals["amount"][won].astype(float)
    places = {
        "company": np.zeros(int(won.sum()), np.int64),
        "segment": deals["segment"][won].astype(np.int64),
        "region": people["region"][deals["owner"][won]].astype(np.int64),
    }
    sizes = {"company": 1, "segment": len(SEGMENTS), "region": int(people["region"].max()) + 1}
    return {
        name: np.asarray(
            np.bincount(
                quarter * sizes[name] + place, weights=amount, minlength=len(ends) * sizes[name]
            ).reshape(-1, sizes[name]),
            np.float64,
        )
        for name, place in places.items()
    }


def _expected(params: WorldParams, *, regions: int) -> dict[str, npt.NDArray[np.float64]]:
    mix = params.mix
    mean = np.array(mix.mrr_median_minor) * np.exp(np.array(mix.mrr_sigma) ** 2 / 2)
    segment = params.wins_year / 4 * np.array(mix.segment_shares) * mean * MONTHS_PER_YEAR
    segment = segment * (1 + EXPANSION_PLAN_SHARE)
    company = segment.sum()
    return {
        "company": np.array([company]),
        "segment": segment,
        "region": np.full(regions, company / regions),
    }


def _first_day(calendar: SellingCalendar, quarter: int) -> int:
    """Return the quarter's first day; the first quarter counts from the start of the data."""
    return 0 if quarter == 0 else int(np.unique(calendar.quarter_end)[quarter - 1])
