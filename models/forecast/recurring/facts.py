"""All that was told of contract lines, read once and laid out so that every earlier day can ask.

A row is seen on day d when it was known before d began and not yet replaced or made void by then.
So what an engine answers for a past day is what it would have answered standing there. Days are
numbers since 1970-01-01 in the company's zone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.days import day_number
from features.deals.days import NEVER, Floats, Ints, local_days
from features.deals.reading import whole, words_of
from features.deals.visible import VisibleRows, places_in, read_visible
from features.ends import ALIVE, ENDS
from features.lines import TEST_FLAGS
from features.moves import ORDER
from lifecycle.snapshot import Snapshot

Flags = npt.NDArray[np.bool_]

NOTICE = len(ORDER)
"""Code of a notice, beside the places of ``features.moves.ORDER``."""

KIND_CODES = {**{kind: place for place, kind in enumerate(ORDER)}, "notice": NOTICE}
WITHDRAWN = NOTICE + 1
KIND_CODES["notice_withdrawn"] = WITHDRAWN
ALIVE_CODES = tuple(KIND_CODES[kind] for kind in ALIVE)
END_CODES = tuple(KIND_CODES[kind] for kind in ENDS)
_TRUE = ("true", "t", "yes", "y", "1")


@dataclass(frozen=True)
class Seen:
    """Rows of one table by column, with the days ``[from_day, to_day)`` that see each, (n,)."""

    from_day: Ints
    to_day: Ints

    def at(self, day: int) -> Self:
        """Return the rows seen on a day, in the order they are in."""
        kept = (self.from_day <= day) & (day < self.to_day)
        return type(self)(*(getattr(self, one.name)[kept] for one in fields(self)))

    def take(self, rows: npt.NDArray[Any]) -> Self:
        """Return chosen rows, in that order."""
        return type(self)(*(getattr(self, one.name)[rows] for one in fields(self)))


@dataclass(frozen=True)
class Changes(Seen):
    """Changes of lines by line, first day that counts, ends last; each of shape (n,).

    ``made`` is the instant of the change (days with fraction), ``before`` and ``after`` are MRR
    (minor units), ``term_end`` is NaN where none is told, ``kind`` a code of ``KIND_CODES``.
    """

    line: Ints
    day: Ints
    made: Floats
    kind: Ints
    before: Floats
    after: Floats
    term_end: Floats
    currency: Ints


@dataclass(frozen=True)
class Versions(Seen):
    """Lines as told, by line; NaN where nothing is told, codes -1; each of shape (n,)."""

    line: Ints
    account: Ints
    product: Ints
    started: Floats
    term_end: Floats
    term_months: Floats
    notice_days: Floats
    mrr: Floats
    uplift: Floats
    currency: Ints


@dataclass(frozen=True)
class Profiles(Seen):
    """Accounts as told; codes into words, -1 where nothing is told; each of shape (n,)."""

    account: Ints
    segment: Ints
    region: Ints
    owner: Ints


@dataclass(frozen=True)
class Pairs(Seen):
    """One account into another (merges), or a marked account or line and -1; shape (n,)."""

    one: Ints
    other: Ints


@dataclass(frozen=True)
class RecurringFacts:
    """Facts of contract lines.

    Attributes
    ----------
    today
        The snapshot's day: no origin lies after it.
    words
        Texts by name, in order of their codes: ``line``, ``account``, ``product``, ``segment``,
        ``region`` (the account's country), ``owner``, ``currency``.
    changes, versions, profiles, merges
        As told; merges in the order in which they happened.
    test_accounts, test_lines
        What attributes mark as no customer.
    """

    today: int
    words: dict[str, pa.Array]
    changes: Changes
    versions: Versions
    profiles: Profiles
    merges: Pairs
    test_accounts: Pairs
    test_lines: Pairs

    def count(self, word: str) -> int:
        """Return how many texts there are of a name."""
        return len(self.words[word])


_CHANGE_COLUMNS = ("subscription_id", "account_id", "kind", "changed_at", "effective_on",
                   "mrr_before_minor", "mrr_after_minor", "term_ends_on", "currency")  # fmt: skip
_LINE_COLUMNS = ("subscription_id", "account_id", "product_id", "started_on", "term_ends_on",
                 "term_months", "notice_days", "mrr_minor", "uplift_share", "currency")  # fmt: skip


def read_recurring_facts(snapshot: Snapshot) -> RecurringFacts:
    """Read what was known of contract lines before ``snapshot.as_of``.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    tables = {
        "changes": read_visible(snapshot, "subscription_changes", _CHANGE_COLUMNS),
        "lines": read_visible(snapshot, "subscriptions", _LINE_COLUMNS),
        "accounts": read_visible(
            snapshot, "accounts", ("account_id", "segment", "country", "owner_id")
        ),
        "merges": read_visible(snapshot, "account_merges", ("account_id", "into_account_id")),
        "tests": read_visible(
            snapshot, "attributes", ("entity", "entity_id", "name", "number", "text"),
            keep=lambda rows: rows.name.lower().isin(TEST_FLAGS),
        ),
    }  # fmt: skip
    words = _words(tables)
    marked = tables["tests"]
    return RecurringFacts(
        day_number(snapshot.day), words, _changes(tables["changes"], words),
        _versions(tables["lines"], words), _profiles(tables["accounts"], words),
        _merges(tables["merges"], words["account"]), _tests(marked, "account", words),
        _tests(marked, "subscription", words),
    )  # fmt: skip


def _words(tables: dict[str, VisibleRows]) -> dict[str, pa.Array]:
    sources = {
        "line": (("changes", "subscription_id"), ("lines", "subscription_id")),
        "account": (("lines", "account_id"), ("changes", "account_id"), ("accounts", "account_id"),
                    ("merges", "account_id"), ("merges", "into_account_id")),
        "product": (("lines", "product_id"),),
        "segment": (("accounts", "segment"),),
        "region": (("accounts", "country"),),
        "owner": (("accounts", "owner_id"),),
        "currency": (("lines", "currency"), ("changes", "currency")),
    }  # fmt: skip
    return {
        name: words_of(*(whole(tables[table].rows[column]) for table, column in columns))
        for name, columns in sources.items()
    }


def _changes(rows: VisibleRows, words: dict[str, pa.Array]) -> Changes:
    kinds = pa.array(list(KIND_CODES))
    kind = np.array([*KIND_CODES.values(), -1])[places_in(rows.rows["kind"], kinds)]
    found = Changes(
        rows.from_day, np.minimum(rows.to_day, NEVER), rows.codes("subscription_id", words["line"]),
        np.nan_to_num(rows.days("effective_on"), nan=-1.0).astype(np.int64),
        local_days(rows.rows["changed_at"], rows.zone), kind,
        rows.floats("mrr_before_minor"), _afterwards(rows, kind), rows.days("term_ends_on"),
        rows.codes("currency", words["currency"]),
    )  # fmt: skip
    gone = np.isin(found.kind, END_CODES)
    # the order of features.moves: a line that changes its plan on the day it ends, ends
    kept = np.flatnonzero((found.line >= 0) & (found.day >= 0) & (found.kind >= 0))
    keys = (np.arange(len(gone)), found.kind, found.made, gone, found.day, found.line)
    return found.take(kept[np.lexsort(tuple(key[kept] for key in keys))])


def _afterwards(rows: VisibleRows, kind: Ints) -> Floats:
    return np.where(np.isin(kind, END_CODES), 0.0, rows.floats("mrr_after_minor"))


def _versions(rows: VisibleRows, words: dict[str, pa.Array]) -> Versions:
    found = Versions(
        rows.from_day, rows.to_day, rows.codes("subscription_id", words["line"]),
        rows.codes("account_id", words["account"]), rows.codes("product_id", words["product"]),
        rows.days("started_on"), rows.days("term_ends_on"), rows.floats("term_months"),
        rows.floats("notice_days"), rows.floats("mrr_minor"), rows.floats("uplift_share"),
        rows.codes("currency", words["currency"]),
    )  # fmt: skip
    return found.take(np.argsort(found.line, kind="stable"))


def _profiles(rows: VisibleRows, words: dict[str, pa.Array]) -> Profiles:
    return Profiles(
        rows.from_day, rows.to_day, rows.codes("account_id", words["account"]),
        rows.codes("segment", words["segment"]), rows.codes("country", words["region"]),
        rows.codes("owner_id", words["owner"]),
    )  # fmt: skip


def _merges(rows: VisibleRows, accounts: pa.Array) -> Pairs:
    one, other = (rows.codes(name, accounts) for name in ("account_id", "into_account_id"))
    return Pairs(rows.from_day, rows.to_day, one, other).take((one >= 0) & (one != other))


def _tests(rows: VisibleRows, entity: str, words: dict[str, pa.Array]) -> Pairs:
    of = np.array(rows.rows["entity"].to_pylist(), dtype=object) == entity
    text = [str(one).lower() in _TRUE for one in rows.rows["text"].to_pylist()]
    true = of & (np.array(text, dtype=bool) | (np.nan_to_num(rows.floats("number")) != 0))
    code = rows.codes("entity_id", words["account" if entity == "account" else "line"])
    pairs = Pairs(rows.from_day, rows.to_day, code, np.full(len(code), -1))
    return pairs.take(true & (code >= 0))
