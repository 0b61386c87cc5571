"""Contract lines of accounts as they stood on each landmark: live or not, for how much, decided.

A shorter reading than `features.lines` (whose query answers for one day): of what was known by a
landmark the latest sign of life or of leaving holds for a line, and its MRR is what the latest
move in force says, else its version. Test accounts are not looked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.deals.days import Floats, Ints
from features.deals.visible import VisibleRows, last_of, places_in, read_visible
from features.ends import ALIVE, ENDS, NOTICE_DAYS, TO_ZERO
from features.moves import ORDER
from lifecycle.snapshot import Snapshot

_LINE = ("account_id", "started_on", "term_ends_on", "notice_days", "mrr_minor")
_CHANGE = ("subscription_id", "kind", "effective_on", "term_ends_on", "mrr_after_minor")


@dataclass(frozen=True)
class LineBook:
    """Everything told of contract lines, by line code.

    Attributes
    ----------
    count
        Number of lines.
    versions, signals, moves
        The lines' versions; changes that say whether they live; changes of their MRR.
    version, signal, move
        Columns of each as arrays, aligned with its rows; ``line`` is the line's code.
    """

    count: int
    versions: VisibleRows
    signals: VisibleRows
    moves: VisibleRows
    version: dict[str, Floats | Ints]
    signal: dict[str, Floats | Ints]
    move: dict[str, Floats | Ints]


@dataclass(frozen=True)
class LiveLines:
    """Lines live on the eve of a landmark, shape (k,) each.

    Attributes
    ----------
    account
        Code of the holder.
    mrr_minor
        Monthly recurring revenue (minor units).
    noticed
        Decided to end.
    """

    account: Ints
    mrr_minor: Floats
    noticed: Ints


def read_line_book(snapshot: Snapshot, accounts: pa.Array) -> LineBook:
    """Read the lines of some accounts and all their changes.

    Parameters
    ----------
    accounts
        Ids; their places are the accounts' codes.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    versions = read_visible(snapshot, "subscriptions", _LINE)
    versions = versions.kept(versions.codes("account_id", accounts) >= 0)
    ids = pc.unique(versions.rows["subscription_id"]).sort()
    changes = read_visible(snapshot, "subscription_changes", _CHANGE)
    changes = changes.kept(changes.codes("subscription_id", ids) >= 0)
    signals = _signals_of(changes)
    moves = changes.kept(places_in(changes.rows["kind"], pa.array(ORDER)) >= 0)
    order = np.argsort(moves.days("effective_on"), kind="stable")
    moves = moves.taken(order)
    return LineBook(
        len(ids), versions, signals, moves,
        version={
            "line": versions.codes("subscription_id", ids),
            "account": versions.codes("account_id", accounts),
            "started": versions.days("started_on"),
            "term_ends": versions.days("term_ends_on"),
            "notice_days": versions.floats("notice_days"),
            "mrr_minor": versions.floats("mrr_minor"),
        },
        signal={
            "line": signals.codes("subscription_id", ids),
            "changed": signals.days("changed_at"),
            "effective": signals.days("effective_on"),
            "term_ends": signals.days("term_ends_on"),
            "alive": _is_of(signals, ALIVE).astype(np.int64),
            "notice": _is_of(signals, ("notice",)).astype(np.int64),
        },
        move={
            "line": moves.codes("subscription_id", ids),
            "effective": moves.days("effective_on"),
            "after": np.where(_is_of(moves, ENDS), 0.0, moves.floats("mrr_after_minor")),
        },
    )  # fmt: skip


def live_lines(book: LineBook, day: int) -> LiveLines:
    """Return the lines live on the eve of a landmark, as known before it.

    Parameters
    ----------
    day
        The landmark, days since 1970-01-01.
    """
    state = _present(book, day)
    ends = _ends(book, day, state)
    mrr = _money(book, day, state["mrr_minor"])
    live = (state["started"] < day) & ~(ends < day) & (mrr > 0)
    noticed = (~np.isnan(ends)).astype(np.int64)
    return LiveLines(state["account"][live].astype(np.int64), mrr[live], noticed[live])


def _present(book: LineBook, day: int) -> dict[str, Floats]:
    """Return each line's version on a day, shape (lines,); NaN where it was not yet known."""
    seen = book.versions.at(day)
    state = {name: np.full(book.count, np.nan) for name in book.version}
    for name, column in book.version.items():
        state[name][book.version["line"][seen].astype(np.int64)] = column[seen]
    return state


def _ends(book: LineBook, day: int, state: dict[str, Floats]) -> Floats:
    """Return the last day of each line that is decided to end, shape (lines,), else NaN."""
    seen = book.signals.at(day)
    sign = {name: column[seen] for name, column in book.signal.items()}
    last = last_of(sign["line"].astype(np.int64), book.count)
    ends = np.full(book.count, np.nan)
    told = np.flatnonzero(last >= 0)
    of = {name: column[last[told]] for name, column in sign.items()}
    period = state["notice_days"][told]
    period = np.where(period > 0, period, NOTICE_DAYS)
    announced = of["changed"] + period
    for later in (state["term_ends"][told], of["term_ends"], of["effective"]):
        announced = np.where(later > of["changed"], later, announced)
    end = np.where(of["notice"] == 1, announced, of["effective"])
    ends[told] = np.where(of["alive"] == 1, np.nan, end)
    return ends


def _money(book: LineBook, day: int, version_minor: Floats) -> Floats:
    seen = book.moves.at(day)
    seen = seen[book.move["effective"][seen] < day]
    last = last_of(book.move["line"][seen].astype(np.int64), book.count)
    moved = np.flatnonzero(last >= 0)
    mrr = version_minor.copy()
    mrr[moved] = book.move["after"][seen][last[moved]]
    return mrr


def _signals_of(changes: VisibleRows) -> VisibleRows:
    """Return the changes that say whether a line lives, as they were made; life goes first."""
    gone = _is_of(changes, TO_ZERO) & (changes.floats("mrr_after_minor") <= 0)
    is_signal = _is_of(changes, (*ALIVE, *ENDS, "notice")) | gone
    signals = changes.kept(is_signal)
    at = signals.rows["changed_at"].cast(pa.int64()).to_numpy()
    order = np.lexsort((~_is_of(signals, ALIVE), at))
    return signals.taken(order)


def _is_of(told: VisibleRows, kinds: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return places_in(told.rows["kind"], pa.array(kinds)) >= 0
