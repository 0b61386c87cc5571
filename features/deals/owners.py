"""What is known of a deal's owner on each landmark: how often they win, slip and push, and more.

Shares are empirical-Bayes: each owner's own, drawn to the company's as if by 20 deals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features.deals.context_columns import OWNER_COLUMNS
from features.deals.days import Floats, Ints
from features.deals.facts import DealFacts, Rows
from features.deals.standing import Standing, by_landmark, shrunk_share, standing_on
from features.deals.streams import taken
from features.deals.sweeps import Flags, find_sweeps
from features.deals.visible import VisibleRows, last_of, places_in, read_visible
from lifecycle.snapshot import Snapshot

PSEUDO_DEALS = 20.0
"""Deals of the company's share that each owner's own is mixed with."""
ANY = -2
"""Stands for the currency of a quota that names none."""
_METRICS = pa.array(["revenue", "bookings"])
"""Metrics of quotas that won deals count against; of two, the latter."""


@dataclass(frozen=True)
class StaffBook:
    """What is told of owners apart from their deals.

    Attributes
    ----------
    posts
        Rows of ``owners``; ``post_owner`` codes, ``hired_on`` days.
    quotas
        Targets of owners in money, the one that holds further down.
    """

    posts: VisibleRows
    post_owner: Ints
    hired_on: Floats
    quotas: VisibleRows
    quota_owner: Ints
    quota_start: Floats
    quota_end: Floats
    quota_minor: Floats
    quota_currency: Ints


def build_owner_columns(facts: DealFacts, rows: Rows, snapshot: Snapshot) -> dict[str, Floats]:
    """Build the owner's columns, each of shape (rows,); NaN for a deal without an owner.

    Parameters
    ----------
    rows
        Deals on landmarks.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    staff, sweeps = _read_staff(facts, snapshot), find_sweeps(facts)
    owner = facts.at("owner", rows)
    found = {column.name: np.full(len(rows), np.nan) for column in OWNER_COLUMNS}
    for day, places in by_landmark(rows):
        place = places[~np.isnan(owner[places])]
        if not len(place):
            continue
        codes = owner[place].astype(np.int64)
        quarter = int(rows.quarter_start[place[0]]), int(rows.quarter_end[place[0]])
        standing = standing_on(facts, day, sweeps)
        for name, values in _owner_state(facts, staff, standing, quarter).items():
            found[name][place] = values[codes]
    return found


def _owner_state(
    facts: DealFacts, staff: StaffBook, standing: Standing, quarter: tuple[int, int]
) -> dict[str, Floats]:
    """Return what is known of every owner on a landmark, by column, shape (owners,)."""
    owner = standing.last_open(facts, "owner")
    closed = standing.is_won | standing.is_lost
    due, slipped, pushed = _close_dates(facts, standing)

    def share(hits: Flags, trials: Flags) -> Floats:
        counts = (_count(facts, owner, hits & trials), _count(facts, owner, trials))
        return shrunk_share(*counts, weight=PSEUDO_DEALS)

    return {
        "owner_win_share": share(standing.is_won, closed),
        "owner_slip_share": share(slipped, due),
        "owner_push_share": share(pushed, closed | standing.is_open),
        "owner_open_count": _count(facts, owner, standing.is_open),
        "owner_tenure_days": _tenure(facts, staff, standing, owner),
        "owner_attainment_share": _attainment(facts, staff, standing, quarter),
    }


def _count(facts: DealFacts, owner: Floats, which: Flags) -> Floats:
    which = which & ~np.isnan(owner)
    codes = owner[which].astype(np.int64)
    return np.bincount(codes, minlength=len(facts.words["owner"])).astype(np.float64)


def _close_dates(facts: DealFacts, standing: Standing) -> tuple[Flags, Flags, Flags]:
    """Return whether each deal's first close date came due, was missed, and was ever pushed."""
    edits, rows = facts.fields["close_on"], standing.before
    pushes = np.cumsum(~edits.is_first & (edits.value > edits.before))
    first = np.searchsorted(edits.story, rows.story)
    last = edits.last(rows.story, rows.day)
    told = last >= 0
    first = np.where(told, first, -1)
    promised = taken(edits.value, first)
    pushed = taken(pushes, last) > taken(pushes, first)
    in_time = standing.closed_on <= promised
    won_in_time = standing.is_won & in_time
    # lost before it was due: the promise was never put to the test
    tested = (standing.is_open | standing.is_won | standing.is_lost) & ~(standing.is_lost & in_time)
    due = tested & (won_in_time | (promised < standing.day))
    return due, due & ~won_in_time, pushed


def _tenure(facts: DealFacts, staff: StaffBook, standing: Standing, owner: Floats) -> Floats:
    """Return days since each owner was hired or, where not told, since their first deal."""
    count = len(facts.words["owner"])
    created = np.floor(facts.at("created", standing.rows))
    since = np.full(count, np.inf)
    known = ~np.isnan(owner) & (created < standing.day)
    np.minimum.at(since, owner[known].astype(np.int64), created[known])
    seen = staff.posts.at(standing.day)
    seen = seen[staff.hired_on[seen] <= standing.day]
    last = last_of(staff.post_owner[seen], count)
    since[last >= 0] = staff.hired_on[seen][last[last >= 0]]
    return np.where(np.isinf(since), np.nan, standing.day - since)


def _attainment(
    facts: DealFacts, staff: StaffBook, standing: Standing, quarter: tuple[int, int]
) -> Floats:
    """Return what each owner won since the quarter began over their quota for it."""
    count = len(facts.words["owner"])
    seen = staff.quotas.at(standing.day)
    holds = (staff.quota_start[seen] <= standing.day) & (standing.day < staff.quota_end[seen])
    seen = seen[holds]
    last = last_of(staff.quota_owner[seen], count)
    has = np.flatnonzero(last >= 0)
    held = seen[last[has]]
    quota, currency = np.full(count, np.nan), np.full(count, ANY)
    length = staff.quota_end[held] - staff.quota_start[held]
    quota[has] = staff.quota_minor[held] * (quarter[1] - quarter[0]) / length
    currency[has] = staff.quota_currency[held]
    won = _won_minor(facts, standing, currency, quarter[0])
    return np.where(quota > 0, won / np.where(quota > 0, quota, 1), np.nan)


def _won_minor(facts: DealFacts, standing: Standing, currency: Ints, since: int) -> Floats:
    """Return the money that each owner won from a day on, in their quota's currency."""
    owner, amount = standing.last_open(facts, "owner"), facts.at("amount", standing.rows)
    told_in = facts.at("currency", standing.rows)
    lately = standing.is_won & (standing.closed_on >= since) & (standing.closed_on < standing.day)
    which = lately & ~np.isnan(owner) & ~np.isnan(amount)
    codes = owner[which].astype(np.int64)
    same = np.isnan(told_in[which]) | (currency[codes] == ANY) | (told_in[which] == currency[codes])
    won = np.bincount(codes[same], weights=amount[which][same], minlength=len(currency))
    return won.astype(np.float64)


def _read_staff(facts: DealFacts, snapshot: Snapshot) -> StaffBook:
    posts = read_visible(snapshot, "owners", ("owner_id", "hired_on"),
                         order=("effective_from",))  # fmt: skip
    quotas = read_visible(
        snapshot, "targets",
        ("level_name", "metric", "period_start_on", "period_end_on", "amount_minor", "currency"),
        keep=lambda rows: (rows.level == "owner") & rows.amount_minor.notnull()
        & rows.metric.isin(_METRICS.to_pylist()) & (rows.period_end_on > rows.period_start_on),
    )  # fmt: skip
    length = quotas.days("period_end_on") - quotas.days("period_start_on")
    # of several quotas that cover a day the shortest holds, then the one for bookings
    quotas = quotas.taken(np.lexsort((places_in(quotas.rows["metric"], _METRICS), -length)))
    words = facts.words
    return StaffBook(
        posts, posts.codes("owner_id", words["owner"]), posts.days("hired_on"),
        quotas, quotas.codes("level_name", words["owner"]), quotas.days("period_start_on"),
        quotas.days("period_end_on"), quotas.floats("amount_minor"),
        # none told is any; one that no deal is in is another
        np.where(quotas.has("currency"), quotas.codes("currency", words["currency"]), ANY),
    )  # fmt: skip
