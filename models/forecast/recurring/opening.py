"""How a book is opened: what was told of lines until a day, laid out as levels, terms and ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from features.deals.days import NEVER, Floats, Ints
from features.deals.visible import last_of
from features.ends import NOTICE_DAYS
from models.forecast.recurring.book import Book, Steps, Terms
from models.forecast.recurring.facts import (
    ALIVE_CODES,
    END_CODES,
    NOTICE,
    Changes,
    Flags,
    Profiles,
    RecurringFacts,
    Versions,
)

Rows = TypeVar("Rows", Versions, Changes)


def open_book(facts: RecurringFacts, day: int, *, currency: int) -> Book:
    """Return the book as known on a day.

    Parameters
    ----------
    day
        Number of the day; nothing known later is looked at.
    currency
        Code of the company's currency, -1 = that of most lines; lines in another are left out and
        counted.
    """
    versions, changes = facts.versions.at(day), facts.changes.at(day)
    told = versions.currency[versions.currency >= 0]
    if currency < 0 and len(told):
        currency = int(np.bincount(told).argmax())
    foreign = (versions.currency >= 0) & (versions.currency != currency)
    place = np.full(facts.count("line"), -1, np.int64)
    place[np.unique(np.concatenate([versions.line, changes.line]))] = 0
    place[versions.line[foreign]] = -1
    place[facts.test_lines.at(day).one] = -1
    account = _holders(facts, day, versions, changes)
    place[np.isin(account, facts.test_accounts.at(day).one)] = -1
    code = np.flatnonzero(place >= 0)
    place[code] = np.arange(len(code))
    versions, changes = _placed(versions, place), _placed(changes, place)
    changes = changes.take((changes.currency < 0) | (changes.currency == currency))
    lines = _Told.of(versions, len(code))
    terms = _find_terms(changes, lines)
    steps = _build_steps(changes, lines)
    ends = _announced(changes, lines, terms)
    return Book(
        day, code, account[code], lines.ints("product"),
        *_profiles(facts.profiles.at(day), account[code], facts.count("account")),
        lines.floats("started"), lines.floats("term_months"), lines.floats("notice_days"),
        lines.floats("uplift"), np.where(ends > day, ends, NEVER), _ended(steps, ends, day), terms,
        changes, int(foreign.sum()),
    )  # fmt: skip


@dataclass(frozen=True)
class _Told:
    """The version of each line of the book, where there is one."""

    versions: Versions
    row: Ints

    @classmethod
    def of(cls, versions: Versions, count: int) -> _Told:
        return cls(versions, last_of(versions.line, count))

    def floats(self, name: str) -> Floats:
        found = np.append(getattr(self.versions, name).astype(np.float64), np.nan)
        return np.asarray(found[self.row])

    def ints(self, name: str) -> Ints:
        return np.asarray(np.append(getattr(self.versions, name), -1)[self.row])


def _placed(rows: Rows, place: Ints) -> Rows:
    kept = rows.take(place[rows.line] >= 0)
    kept.line[:] = place[kept.line]
    return kept


def _holders(facts: RecurringFacts, day: int, versions: Versions, changes: Changes) -> Ints:
    """Return the account of each line of the facts after the merges known, -1 = nobody."""
    held = np.full(facts.count("line"), -1, np.int64)
    held[versions.line] = versions.account
    into = np.arange(facts.count("account") + 1)
    merges = facts.merges.at(day)
    into[merges.one] = merges.other
    for _ in range(3):  # chains of eight, as features.merges follows them
        into = into[into]
    into[-1] = -1
    return np.asarray(into[held])


def _profiles(profiles: Profiles, account: Ints, count: int) -> tuple[Ints, Ints, Ints]:
    row = np.append(last_of(profiles.account, count), -1)[account]
    return tuple(
        np.append(getattr(profiles, name), -1)[row] for name in ("segment", "region", "owner")
    )


def _build_steps(changes: Changes, told: _Told) -> Steps:
    """Lay the changes of money out as levels, what stood before the first of them included."""
    money = changes.take((changes.kind < NOTICE) & ~np.isnan(changes.after))
    moves_on = (money.line[1:] != money.line[:-1]) | (money.day[1:] != money.day[:-1])
    last = np.append(moves_on, True)[: len(money.line)]
    first = np.append(True, money.line[1:] != money.line[:-1])[: len(money.line)]
    opening = np.nan_to_num(told.floats("mrr"))
    started = told.floats("started")
    opening[money.line[first]] = np.nan_to_num(money.before[first])
    begins = np.full(len(opening), np.inf)
    begins[money.line[first]] = money.day[first]
    old = np.flatnonzero((opening > 0) & (started < begins))
    line = np.concatenate([old, money.line[last]])
    day = np.concatenate([started[old].astype(np.int64), money.day[last]])
    level = np.concatenate([opening[old], money.after[last]])
    kind = np.concatenate([np.full(len(old), -1), money.kind[last]])
    return _in_order(line, day, level, kind)


def _in_order(line: Ints, day: Ints, level: Floats, kind: Ints) -> Steps:
    order = np.lexsort((day, line))
    line, day, level, kind = line[order], day[order], level[order], kind[order]
    before = np.append(0.0, level[:-1])[: len(level)]
    before[np.append(True, line[1:] != line[:-1])[: len(line)]] = 0.0
    return Steps(line, day, level, level - before, kind)


def _find_terms(changes: Changes, told: _Told) -> Terms:
    # an end tells which term it ends, and that is no new one
    rows = changes.take(np.isfinite(changes.term_end) & ~np.isin(changes.kind, END_CODES))
    alone = np.isfinite(told.floats("term_end"))
    alone[rows.line] = False
    lone = np.flatnonzero(alone)
    line = np.concatenate([rows.line, lone])
    when = np.concatenate([rows.day, np.nan_to_num(told.floats("started")[lone]).astype(np.int64)])
    end = np.concatenate([rows.term_end, told.floats("term_end")[lone]]).astype(np.int64)
    order = np.lexsort((np.arange(len(line)), when, line))
    line, when, end = line[order], when[order], end[order]
    same = np.append(line[1:] == line[:-1], False)
    again = same & (np.append(end[1:], 0) == end)  # told once more: the last telling counts
    moved = same & (np.append(when[1:], 0) < end)
    kept = ~again & ~moved & (end > when)
    return Terms(line[kept], end[kept])


def _announced(changes: Changes, told: _Told, terms: Terms) -> Ints:
    """Return the day each line ends by a notice since its last sign of life, ``NEVER`` = none."""
    count = len(told.row)
    alive = np.isin(changes.kind, ALIVE_CODES)
    gone = np.isin(changes.kind, END_CODES)
    notice = changes.kind == NOTICE
    order = np.lexsort((~alive, changes.day, changes.made, changes.line))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    since = _latest(changes.line, rank, alive, count=count)
    asked = _latest(changes.line, rank, notice, count=count)
    ended = _latest(changes.line, rank, gone, count=count)
    left = np.flatnonzero((asked > since) & (ended < since.clip(0)))
    row = order[asked[left]]
    made = np.floor(changes.made[row]).astype(np.int64)
    ahead = _next_term(terms, left, made, count=count)
    days = np.nan_to_num(told.floats("notice_days")[left])
    period = np.where(days > 0, days, NOTICE_DAYS).astype(np.int64)
    end = np.where(ahead < NEVER, ahead, made + period)
    ends = np.full(count, NEVER, np.int64)
    ends[left] = np.where(changes.day[row] > made, changes.day[row], end)
    return ends


def _latest(line: Ints, rank: Ints, which: Flags, *, count: int) -> Ints:
    found = np.full(count, -1, np.int64)
    np.maximum.at(found, line[which], rank[which])
    return found


def _next_term(terms: Terms, line: Ints, after: Ints, *, count: int) -> Ints:
    """Return the first told end of a term later than a day, ``NEVER`` without one."""
    found = np.full(count, NEVER, np.int64)
    since = np.full(count, NEVER, np.int64)
    since[line] = after
    ahead = terms.day > since[terms.line]
    np.minimum.at(found, terms.line[ahead], terms.day[ahead])
    return found[line]


def _ended(steps: Steps, ends: Ints, day: int) -> Steps:
    """Add the ends that were announced for a day that has come, though nobody booked them yet."""
    due = np.flatnonzero(ends <= day)
    last = last_of(steps.line, len(ends))[due]
    due = due[(last >= 0) & (steps.level[last] > 0) & (steps.day[last] < ends[due])]
    return _in_order(
        np.concatenate([steps.line, due]), np.concatenate([steps.day, ends[due]]),
        np.concatenate([steps.level, np.zeros(len(due))]),
        np.concatenate([steps.kind, np.full(len(due), END_CODES[0])]),
    )  # fmt: skip
