"""Accounts as they stood, doubles among them, and the people there, champions above all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lifecycle.world.canonical import Bools, Floats, Ints, build_rows, picked, tags
from lifecycle.world.dirt import DirtRates
from lifecycle.world.presets import INDUSTRIES, REGIONS, SEGMENTS, WEEK_DAYS, YEAR_DAYS
from lifecycle.world.seams import csm_name
from lifecycle.world.seeds import Streams
from lifecycle.world.trace import JUMPS, Trace

SIGNED_AT = 19 / 24
"""Time of day at which a new customer's record is made."""
MOVES_A_YEAR = 0.12
"""Changes of an account's success manager."""
TURNOVER_A_YEAR = 0.08
"""People other than champions who leave their company."""
ROLES = ("champion", "buyer", "user", "executive")
SENIORITY = ("manager", "director", "staff", "c_level")
CHAMPION, BUYER, USER, EXECUTIVE = range(4)
NOTICED_DAYS = (3.0, 28.0)
"""Shortest and longest time until we learn that somebody left."""
REPLACED_SHARE = 0.6


@dataclass(frozen=True)
class Doubles:
    """Second records of accounts, shape (n,) each; times in days since start.

    Attributes
    ----------
    account
        Row of the real account.
    since
        When the double was made.
    merged
        When it was found out; may lie after the end of the world.
    """

    account: Ints
    since: Floats
    merged: Floats

    @property
    def ids(self) -> pa.Array:
        """Ids of the doubles, in order."""
        return tags("D", self.account, width=7)


def name_company(numbers: Ints) -> pa.Array:
    """Return names for people to read, by running number; prospects are named alike.

    Parameters
    ----------
    numbers
        Running numbers, shape (n,).
    """
    return tags("Company ", numbers)


def account_numbers(trace: Trace) -> Ints:
    """Return the number in each account's id, shape (accounts,).

    Parameters
    ----------
    trace
        What happened.
    """
    return np.array([int(one[1:]) for one in trace.accounts.account_id], np.int64)


def first_known(trace: Trace) -> Floats:
    """Return when each account's record as a customer was made, shape (accounts,).

    Customers of the initial base had theirs before the start; the others' is made on the day on
    which they sign (until then sales keeps them as prospects).

    Parameters
    ----------
    trace
        What happened.
    """
    count, initial = len(trace.accounts.account_id), trace.params.initial_accounts
    signed = np.full(count, np.iinfo(np.int32).max, np.int64)
    np.minimum.at(signed, trace.movements["account"], trace.movements["decided_day"])
    is_new = np.arange(count) >= initial
    return np.asarray(np.where(is_new, signed, trace.accounts.created_day) + SIGNED_AT)


def build_accounts(trace: Trace) -> pa.Table:
    """Return rows of ``accounts``: a version at creation and one per change of its manager.

    Parameters
    ----------
    trace
        What happened.
    """
    rng = Streams(trace.params.seed).rng("observed accounts")
    accounts, span = trace.accounts, trace.params.weeks * WEEK_DAYS
    since = np.maximum(first_known(trace), 0)
    moves = rng.poisson(MOVES_A_YEAR * (span - since) / YEAR_DAYS)
    row = np.concatenate([np.arange(len(since)), np.repeat(np.arange(len(since)), moves)])
    moved = np.arange(len(row)) >= len(since)
    later = since[row] + 1 + rng.random(len(row)) * (span - since[row] - 1)
    known = np.where(moved, later, first_known(trace)[row])
    other = rng.integers(0, trace.params.csm_count, len(row))
    owner = np.where(moved, other, accounts.csm[row])
    kept = np.flatnonzero(known < span)
    kept = kept[np.lexsort((row[kept], known[kept]))]
    return _account_rows(
        trace, row[kept], owner=owner[kept], known=known[kept],
        ids=picked(accounts.account_id, row[kept]),
    )  # fmt: skip


def _account_rows(
    trace: Trace, row: Ints, *, owner: Ints, known: Floats, ids: pa.Array
) -> pa.Table:
    accounts = trace.accounts
    managers = [csm_name(number) for number in range(trace.params.csm_count)]
    return build_rows(
        "accounts",
        trace.params.start,
        {
            "account_id": ids,
            "name": name_company(account_numbers(trace)[row]),
            "segment": picked(SEGMENTS, accounts.segment[row]),
            "country": picked(REGIONS, accounts.region[row]),
            "industry": picked(INDUSTRIES, accounts.industry[row]),
            "owner_id": picked(managers, owner),
            "created_at": accounts.created_day[row] + 12 / 24,
            "known_at": known,
        },
    )


def draw_doubles(trace: Trace, rates: DirtRates) -> Doubles:
    """Draw which accounts exist twice for a time.

    Parameters
    ----------
    trace
        What happened.
    rates
        How many.
    """
    rng = Streams(trace.params.seed).rng("dirt accounts")
    span = trace.params.weeks * WEEK_DAYS
    count = len(trace.accounts.account_id)
    account = np.flatnonzero(rng.random(count) < rates.duplicate_share)
    since = np.maximum(trace.accounts.created_day[account], 0) + rng.uniform(20, 200, len(account))
    merged = since + rng.uniform(60, 400, len(account))
    made = since < span - 1
    return Doubles(account[made], since[made], merged[made])


def build_doubles(trace: Trace, doubles: Doubles) -> dict[str, pa.Table]:
    """Return the doubles' rows of ``accounts`` and their ``account_merges``.

    Parameters
    ----------
    trace
        What happened.
    doubles
        As drawn.
    """
    row = doubles.account
    found = doubles.merged < trace.params.weeks * WEEK_DAYS
    merges = {
        "merge_id": tags("X", row[found]),
        "account_id": doubles.ids.filter(pa.array(found)),
        "into_account_id": picked(trace.accounts.account_id, row[found]),
        "merged_at": doubles.merged[found],
        "known_at": doubles.merged[found] + 0.01,
    }
    owner = trace.accounts.csm[row].astype(np.int64)
    accounts = _account_rows(trace, row, owner=owner, known=doubles.since, ids=doubles.ids)
    return {
        "accounts": accounts,
        "account_merges": build_rows("account_merges", trace.params.start, merges),
    }


def build_contacts(trace: Trace) -> pa.Table:
    """Return rows of ``contacts``: people at creation, and a version when we learn that one left.

    A lost champion is replaced in six of ten cases, one to four months later, and always if the
    account later loses a champion again.

    Parameters
    ----------
    trace
        What happened.
    """
    rng = Streams(trace.params.seed).rng("observed contacts")
    account, role, number, since, left = (
        np.concatenate(pair)
        for pair in zip(_staff(trace, rng), _champions(trace, rng), strict=True)
    )
    learnt = left + rng.uniform(*NOTICED_DAYS, len(left))
    row = np.concatenate([np.arange(len(left)), np.flatnonzero(~np.isnan(left))])
    told = np.arange(len(row)) >= len(left)
    known = np.where(told, learnt[row], since[row] + 0.02)
    kept = np.flatnonzero(known < trace.params.weeks * WEEK_DAYS)
    kept = kept[np.lexsort((row[kept], known[kept]))]
    row, told, known = row[kept], told[kept], known[kept]
    return build_rows(
        "contacts",
        trace.params.start,
        {
            "contact_id": tags("K", account[row], number[row]),
            "account_id": picked(trace.accounts.account_id, account[row]),
            "role": picked(ROLES, role[row]),
            "seniority": picked(SENIORITY, role[row]),
            "is_champion": role[row] == CHAMPION,
            "is_sponsor": role[row] == EXECUTIVE,
            "created_at": since[row],
            "left_on": np.where(told, left[row], np.nan),
            "known_at": known,
        },
    )


_People = tuple[Ints, Ints, Ints, Floats, Floats]


def _staff(trace: Trace, rng: np.random.Generator) -> _People:
    """Draw buyer and user of every account, an executive for larger ones; who, when, until when."""
    count = len(trace.accounts.account_id)
    large = np.flatnonzero(trace.accounts.segment > 0)
    large = large[rng.random(len(large)) < 0.7]
    account = np.concatenate([np.arange(count), np.arange(count), large])
    role = np.repeat([BUYER, USER, EXECUTIVE], [count, count, len(large)])
    since = first_known(trace)[account] + rng.uniform(0, 20, len(account))
    stays = rng.exponential(YEAR_DAYS / TURNOVER_A_YEAR, len(account))
    # tickets name the user, who therefore stays
    left = np.where(role == USER, np.nan, np.maximum(since, 0) + stays)
    left[left >= trace.params.weeks * WEEK_DAYS] = np.nan
    return account, role, role, since, left


def _champions(trace: Trace, rng: np.random.Generator) -> _People:
    """Draw the champions of every account, one after the other."""
    count = len(trace.accounts.account_id)
    lost = trace.jumps[trace.jumps["kind"] == JUMPS.index("champion")]
    lost = lost[np.lexsort((lost["week"], lost["account"]))]
    account = lost["account"].astype(np.int64)
    day = lost["week"] * WEEK_DAYS + rng.integers(0, 5, len(lost))
    # each loss ends one champion; whoever stays at the end has no loss
    last = np.append(account[1:] != account[:-1], True)[: len(account)]
    heirs = ~last | (rng.random(len(account)) < REPLACED_SHARE)
    starts = np.minimum(day + rng.uniform(30, 120, len(day)), _next_day(day, last))
    who = np.concatenate([np.arange(count), account[heirs]])
    since = np.concatenate([first_known(trace), starts[heirs]])
    order = np.lexsort((since, who))
    who, since = who[order], since[order]
    place = np.arange(len(who)) - np.searchsorted(who, who)
    left = _left(who, place, losses=(account, day))
    number = np.where(place == 0, 0, 10 + place)
    return who, np.zeros(len(who), np.int64), number, since, left


def _next_day(day: Floats, last: Bools) -> Floats:
    """Return the middle between a loss and the account's next one; far away for the last."""
    if len(day) == 0:
        return day
    following = np.append(day[1:], 0.0)
    return np.where(last, np.inf, (day + following) / 2)


def _left(who: Ints, place: Ints, *, losses: tuple[Ints, Floats]) -> Floats:
    """Return the day on which each account's champion number ``place`` left; NaN = still there."""
    account, day = losses
    at = np.searchsorted(account, who) + place
    inside = at < len(account)
    at = np.minimum(at, max(len(account) - 1, 0))
    if len(account) == 0:
        return np.full(len(who), np.nan)
    return np.where(inside & (account[at] == who), day[at], np.nan)
