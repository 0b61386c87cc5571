"""What is known of a deal's account on each landmark: its contracts, tickets, use and answers.

Facts of merged accounts count for the account that stands for them as known on the landmark. A
quantity is NaN while nothing of its kind is known of anyone, and for a deal without an account.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.deals.account_lines import LineBook, live_lines, read_line_book
from features.deals.account_signs import (
    ByDay,
    nps_by_day,
    open_tickets_by_day,
    purchases_by_day,
    use_trend_by_day,
)
from features.deals.context_columns import ACCOUNT_COLUMNS
from features.deals.days import Floats, Ints
from features.deals.facts import DealFacts, Rows
from features.deals.merged import Merges, accounts_of_deals, read_merges, stand_ins
from features.deals.standing import Standing, by_landmark, standing_on
from features.deals.sweeps import find_sweeps
from features.deals.visible import places_in
from lifecycle.snapshot import Snapshot


@dataclass(frozen=True)
class AccountBook:
    """Everything told of the accounts that deals are with, read once for all landmarks.

    Attributes
    ----------
    merges
        Which account stands for which; its ids are the accounts' codes.
    lines
        Contract lines.
    signs
        What else is told, by name, answered by landmark.
    """

    merges: Merges
    lines: LineBook
    signs: dict[str, ByDay]


def build_account_columns(facts: DealFacts, rows: Rows, snapshot: Snapshot) -> dict[str, Floats]:
    """Build the account's columns, each of shape (rows,); NaN for a deal without an account.

    Parameters
    ----------
    rows
        Deals on landmarks.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    book, sweeps = read_account_book(snapshot), find_sweeps(facts)
    words = places_in(facts.words["account"], book.merges.ids)
    account = facts.at("account", rows)
    found = {column.name: np.full(len(rows), np.nan) for column in ACCOUNT_COLUMNS}
    for day, places in by_landmark(rows):
        place = places[~np.isnan(account[places])]
        stands, standing = stand_ins(book.merges, day), standing_on(facts, day, sweeps)
        state = account_state(book, day, stands)
        state |= _deal_counts(facts, standing, stands[words], len(stands))
        codes = stands[words[account[place].astype(np.int64)]]
        for name, values in state.items():
            found[name][place] = values[codes]
        # the deal is not its own company
        found["account_open_deals_count"][place] -= standing.is_open[rows.deal[place]]
    return found


def read_account_book(snapshot: Snapshot) -> AccountBook:
    """Read what is told of the accounts of all deals.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    merges, near = read_merges(snapshot), accounts_of_deals(snapshot)
    ids = merges.ids
    signs = {
        "purchases": purchases_by_day(snapshot, ids, near),
        "tickets": open_tickets_by_day(snapshot, ids, near),
        "nps": nps_by_day(snapshot, ids, near),
        "trend": use_trend_by_day(snapshot, ids, near),
    }
    return AccountBook(merges, read_line_book(snapshot, ids), signs)


def account_state(book: AccountBook, day: int, stands: Ints) -> dict[str, Floats]:
    """Return what is known of every account on a landmark, shape (accounts,) each.

    Parameters
    ----------
    day
        The landmark, days since 1970-01-01.
    stands
        Of :func:`stand_ins`.

    Returns
    -------
    dict
        Columns of the frame by name, as far as they are the account's alone.
    """
    count = len(book.merges.ids)
    live = live_lines(book.lines, day)
    holder = stands[live.account]
    lines = np.bincount(holder, minlength=count)
    noticed = np.bincount(holder, weights=live.noticed, minlength=count)
    mrr = np.bincount(holder, weights=live.mrr_minor, minlength=count)
    purchases = book.signs["purchases"](day, stands)
    has_lines = len(book.lines.versions.at(day)) > 0
    known = has_lines | ~np.isnan(purchases)
    since = _first_started(book, day, stands)
    return {
        "account_is_customer": np.where(known, (lines > 0) | (purchases > 0), np.nan),
        "account_mrr_minor": mrr.astype(np.float64) if has_lines else np.full(count, np.nan),
        "account_tenure_days": day - since,
        "account_notice": ((lines > 0) & (noticed == lines)) * 1.0 if has_lines
        else np.full(count, np.nan),
        "account_tickets_open_count": book.signs["tickets"](day, stands),
        "account_usage_trend": book.signs["trend"](day, stands),
        "account_nps": book.signs["nps"](day, stands),
    }  # fmt: skip


def _deal_counts(
    facts: DealFacts, standing: Standing, holder: Ints, count: int
) -> dict[str, Floats]:
    """Return how many deals each account has open, won and lost, shape (count,) each.

    ``holder`` is the code of the account that stands for each account of a deal.
    """
    account = facts.at("account", standing.rows)
    found = {}
    for name, which in (
        ("account_open_deals_count", standing.is_open),
        ("account_won_count", standing.is_won),
        ("account_lost_count", standing.is_lost),
    ):
        of = account[which & ~np.isnan(account)].astype(np.int64)
        found[name] = np.bincount(holder[of], minlength=count).astype(np.float64)
    return found


def _first_started(book: AccountBook, day: int, stands: Ints) -> Floats:
    """Return the day on which each account's first line began, NaN before there is one."""
    seen = book.lines.versions.at(day)
    started = book.lines.version["started"][seen]
    holder = stands[book.lines.version["account"][seen].astype(np.int64)]
    first = np.full(len(book.merges.ids), np.inf)
    np.minimum.at(first, holder[started < day], started[started < day])
    return np.where(np.isinf(first), np.nan, first)
