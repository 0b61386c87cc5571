"""Canonical rows of the selling side that are not deals: staff, prospects, leads, plans, costs."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lifecycle.periods import Quarter
from lifecycle.world.canonical import build_rows, picked, tags
from lifecycle.world.deals_tables import ID_WIDTH, deal_ids
from lifecycle.world.leads import (
    CONVERTED,
    DISQUALIFIED,
    OPEN,
    QUALIFIED,
    SALES_REGIONS,
    STATUSES,
)
from lifecycle.world.presets import CHANNELS, CURRENCY, INDUSTRIES, REGIONS, SEGMENTS
from lifecycle.world.seams import account_name
from lifecycle.world.sellers import MANAGER, NEVER, ROLES
from lifecycle.world.selling_record import SellingRecord
from lifecycle.world.spend import KINDS, MARKETING, SALES
from lifecycle.world.targets import LEVELS, OWNER, REGION, SEGMENT

LEAD_DELAY_DAYS = 1 / 24


def build_prospects(record: SellingRecord) -> pa.Table:
    """Return ``accounts``: one version of each prospect, when sales first heard of it."""
    rows = record.prospects
    first = record.params.initial_accounts
    numbers = first + np.arange(len(rows["created"]))
    columns = {
        "account_id": pa.array([account_name(int(one)) for one in numbers], pa.string()),
        "name": tags("Company ", numbers),
        "segment": picked(SEGMENTS, rows["segment"]),
        "country": picked(REGIONS, rows["region"]),
        "industry": picked(INDUSTRIES, rows["industry"]),
        "owner_id": picked(record.owner_names, rows["owner"]),
        "created_at": rows["created"],
        "known_at": np.maximum(rows["created"], 0.0),
    }
    return build_rows("accounts", record.params.start, columns)


def build_owners(record: SellingRecord) -> pa.Table:
    """Return ``owners``: a row for each post that somebody held, its end known when it came."""
    posts, people = record.posts, record.people
    who = posts["owner"]
    manager, team = posts["manager"], posts["team"]
    region = picked(SALES_REGIONS, posts["region"])
    columns = {
        "owner_id": picked(record.owner_names, who),
        "effective_from": posts["from_day"],
        "effective_to": _or_nan(posts["to_day"]),
        "name": tags("Staff ", who),
        "role": picked(ROLES, people["role"][who]),
        "team": picked([f"team-{one}" for one in range(int(team.max()) + 1)], np.maximum(team, 0),
                       none=(team < 0) | (people["role"][who] > MANAGER)),
        "region": region,
        "manager_id": picked(record.owner_names, np.maximum(manager, 0), none=manager < 0),
        "hired_on": people["hired_week"][who] * 7,
        "left_on": _or_nan(posts["left_day"]),
        "known_at": posts["known_day"].astype(np.float64),
    }  # fmt: skip
    return build_rows("owners", record.params.start, columns)


def build_leads(record: SellingRecord) -> pa.Table:
    """Return ``leads``: a version when one came in, was accepted, and was closed."""
    rows = record.leads
    everyone = np.arange(len(rows["created"]))
    # what had not happened when the data end is left out; NaN is never below
    end = 7 * record.params.weeks
    accepted, closed = (np.flatnonzero(rows[name] < end) for name in ("qualified", "closed"))
    parts = (
        (everyone, OPEN, rows["created"] + LEAD_DELAY_DAYS),
        (accepted, QUALIFIED, rows["qualified"][accepted] + LEAD_DELAY_DAYS),
        (closed, -1, rows["closed"][closed]),
    )
    of = np.concatenate([part[0] for part in parts])
    status = np.concatenate(
        [np.where(part[1] < 0, rows["fate"][part[0]], part[1]) for part in parts]
    )
    known = np.concatenate([part[2] for part in parts])
    return build_rows(
        "leads", record.params.start, _lead_columns(record, of, status=status, known=known)
    )


def _lead_columns(
    record: SellingRecord, of: Any, *, status: npt.NDArray[Any], known: npt.NDArray[Any]
) -> dict[str, Any]:
    rows = record.leads
    # a version shows what was known then: no deal before the conversion
    deal = np.where(status == CONVERTED, rows["deal"][of], -1)
    place = np.maximum(deal, 0)
    ids, accounts = deal_ids(place), record.account_ids().take(pa.array(place))
    campaigns = [f"campaign-{one}" for one in range(int(rows["campaign"].max(initial=0)) + 1)]
    never = status < QUALIFIED
    refused = status == DISQUALIFIED
    qualified = rows["qualified"][of]
    return {
        "lead_id": tags("L", of, width=ID_WIDTH),
        "account_id": _null_where(accounts, deal < 0),
        "opportunity_id": _null_where(ids, deal < 0),
        "owner_id": picked(record.owner_names, rows["owner"][of]),
        "created_at": rows["created"][of],
        "source": "lead",
        "channel": picked(CHANNELS, rows["channel"][of]),
        "campaign": picked(campaigns, rows["campaign"][of]),
        "segment": picked(SEGMENTS, rows["segment"][of]),
        "country": picked(REGIONS, rows["region"][of]),
        "status": picked(STATUSES, status),
        "qualified_at": np.where(never & ~refused, np.nan, qualified),
        "converted_at": np.where(deal >= 0, rows["closed"][of], np.nan),
        "known_at": known,
    }


def build_target_rows(record: SellingRecord) -> pa.Table:
    """Return ``targets``: bookings by quarter for the company, segments, regions and owners."""
    rows = record.targets
    level, place, quarter = rows["level"], rows["place"].astype(np.int64), rows["quarter"]
    names = {SEGMENT: SEGMENTS, REGION: SALES_REGIONS, OWNER: record.owner_names}
    level_names = [
        names[int(one)][int(at)] if int(one) in names else None
        for one, at in zip(level, place, strict=True)
    ]
    starts, ends = _quarter_bounds(record.params.start, int(quarter.max()) + 1)
    columns = {
        "target_id": tags("T", quarter.astype(np.int64), level.astype(np.int64), place),
        "level": picked(LEVELS, level),
        "level_name": pa.array(level_names, pa.string()),
        "metric": "bookings",
        "period_start_on": starts[quarter],
        "period_end_on": ends[quarter],
        "amount_minor": rows["amount"],
        "currency": CURRENCY,
        "pay_at_target_minor": np.where(rows["pay"] < 0, np.nan, rows["pay"]),
        "known_at": rows["known"],
    }
    return build_rows("targets", record.params.start, columns)


def build_costs(record: SellingRecord) -> pa.Table:
    """Return ``costs`` of winning: marketing by channel, sales by segment, a row a month."""
    rows = record.spend
    kind, place = rows["kind"], rows["place"]
    bought = np.minimum(place, len(SEGMENTS) - 1)
    columns = {
        "cost_id": tags("CA", np.arange(len(kind)), width=ID_WIDTH),
        "incurred_at": rows["day"].astype(np.float64),
        "kind": picked(KINDS, kind),
        "amount_minor": rows["amount"],
        "currency": CURRENCY,
        "channel": picked(CHANNELS, place, none=kind == SALES),
        "segment": picked(SEGMENTS, bought, none=kind == MARKETING),
        "known_at": rows["known"],
    }
    return build_rows("costs", record.params.start, columns)


def _quarter_bounds(start: date, count: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return first day and first day after of so many quarters, in days since the start."""
    first = Quarter.containing(start)
    bounds = [(first.shift(step).start - start) // timedelta(days=1) for step in range(count + 1)]
    return np.array(bounds[:-1]), np.array(bounds[1:])


def _or_nan(days: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.where(days == NEVER, np.nan, days.astype(np.float64))


def _null_where(values: pa.Array, none: npt.NDArray[np.bool_]) -> pa.Array:
    return values.take(pa.array(np.arange(len(values)), mask=none))
