"""From a book to the inputs of a simulation: who may leave when, what falls due, where it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.days import day_number
from features.deals.days import NEVER, Floats, Ints
from features.ends import NOTICE_DAYS
from lifecycle.periods import Quarter
from models.forecast.nodes import Nodes, build_nodes
from models.forecast.recurring.book import Book
from models.forecast.recurring.facts import RecurringFacts
from models.forecast.recurring.flow import VOLUME_SD, Flow
from models.forecast.recurring.hazards import AT_ONCE, BY_NOTICE, OPEN_AT_ONCE, Rates, term_class
from models.forecast.recurring.inputs import (
    NOTICED,
    OPEN,
    RENEWAL,
    SUDDEN,
    RecurringInputs,
)

MONTH_DAYS = 365.25 / 12.0
DIMENSIONS = ("segment", "region", "owner", "product")
CERTAIN = 1e-6


@dataclass(frozen=True)
class Asked:
    """What is asked for: the quarter's days, and whether shocks are felt."""

    quarter: Quarter
    shocks: bool = True

    @property
    def start(self) -> int:
        """First day, as a number."""
        return day_number(self.quarter.start)

    @property
    def end(self) -> int:
        """First day after, as a number."""
        return day_number(self.quarter.end)


def nodes_of(book: Book, facts: RecurringFacts) -> Nodes:
    """Return the nodes of all lines ever told, as their accounts stood on the book's day."""
    return build_nodes({name: _texts(book, facts, name) for name in DIMENSIONS})


def _texts(book: Book, facts: RecurringFacts, name: str) -> list[str | None]:
    words = [*facts.words[name].to_pylist(), None]
    return [words[code] for code in getattr(book, name)]


def due_terms(book: Book, first: int, last: int) -> tuple[Ints, Ints]:
    """Return line and day of ends of terms in ``[first, last)``, of lines that lived until then."""
    terms = book.terms
    kept = (terms.day >= first) & (terms.day < last) & ~book.is_open()[terms.line]
    return terms.line[kept], terms.day[kept]


def renewed_value(book: Book, first: int, last: int) -> Floats:
    """Return the annual value of terms that ended in ``[first, last)`` and went on, (lines,).

    The MRR of the eve counts: what the renewal adds or drops is expansion or contraction.
    """
    line, day = due_terms(book, first, last)
    value = np.where(book.level_at(line, day) > 0, book.level_at(line, day - 1) * 12.0, 0.0)
    return np.bincount(line, weights=value, minlength=len(book))


def lay_out(
    facts: RecurringFacts, book: Book, rates: Rates, *, flow: Flow, asked: Asked
) -> RecurringInputs:
    """Lay out what a simulation needs.

    Parameters
    ----------
    facts
        For names.
    book, rates
        As known on the origin.
    flow
        Moves that may come, as rows of the book.
    asked
        The quarter.
    """
    nodes = nodes_of(book, facts)
    level = book.levels(book.day)
    rows = np.flatnonzero(level > 0)
    rows = rows[np.lexsort((rows, book.account[rows]))]
    place = np.full(len(book), -1, np.int64)
    place[rows] = np.arange(len(rows))
    due = _due(book, rates, rows, asked)
    step = _steps(book, due, rows)
    exits = _exits(book, rates, due, rows=rows, asked=asked)
    names = _names(facts, book, rows)
    is_on = place[due["line"]] if len(rows) else due["line"]
    inputs = RecurringInputs(
        book.day, asked.start, asked.end, nodes.names, *names, nodes.places[rows], level[rows],
        np.zeros(len(rows)), *_sorted(place[step[0]], step[1], step[2]),
        *_sorted(place[exits[0]], *exits[1:]),
        is_on, due["day"], due["base"], due["group"], due["value"], rates.ratios,
        nodes.places[flow.line], flow.day, flow.mrr, flow.weight, flow.is_new,
        nodes.sum(book.revenue(asked.start, max(book.day, asked.start))),
        nodes.sum(renewed_value(book, asked.start, min(book.day, asked.end))),
        0.0, rates.shock if asked.shocks else 0.0, rates.shock_sd if asked.shocks else 0.0,
        VOLUME_SD if asked.shocks else 0.0,
    )  # fmt: skip
    return _with_start(inputs, book, rows)


def _sorted(line: Ints, *columns: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.generic], ...]:
    order = np.argsort(line, kind="stable")
    return (line[order], *(one[order] for one in columns))


def _names(
    facts: RecurringFacts, book: Book, rows: Ints
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    line = np.array(facts.words["line"].take(pa.array(book.code[rows])).to_pylist(), dtype=object)
    held = book.account[rows]
    account = facts.words["account"].take(pa.array(np.maximum(held, 0))).to_pylist()
    # a line that nobody holds stands for itself
    named = [
        name if code >= 0 else own for name, code, own in zip(account, held, line, strict=True)
    ]
    return line, np.array(named, dtype=object)


def _due(book: Book, rates: Rates, rows: Ints, asked: Asked) -> Mapping[str, Ints | Floats]:
    """Return ends of terms from the origin to the quarter's end, later ones of short terms too."""
    is_term = ~book.is_open()
    told = np.full(len(book), -1, np.int64)
    np.maximum.at(told, book.terms.line, book.terms.day)
    months = np.maximum(np.nan_to_num(book.term_months, nan=12.0), 2.0)
    level = book.levels(book.day)
    lines, days, bases, firsts = [], [], [], []
    line = rows[is_term[rows] & (told[rows] > 0)]
    day, base = told[line].astype(np.float64), level[line]
    length = months[line] * MONTH_DAYS
    behind = day < book.day  # a term that ended unrecorded went on
    day = np.where(behind, day + np.ceil((book.day - day) / length) * length, day)
    uplift = np.where(np.isnan(book.uplift[line]), rates.price, book.uplift[line])
    first = True
    while len(line):
        kept = day < asked.end
        line, day, base, length, uplift = (one[kept] for one in (line, day, base, length, uplift))
        base = base * (1.0 + uplift)
        for into, one in zip(
            (lines, days, bases, firsts), (line, day, base, np.full(len(line), first)), strict=True
        ):
            into.append(one)
        day, uplift, first = day + length, np.full(len(line), rates.price), False
    line, day, base = (np.concatenate(one) if one else np.empty(0) for one in (lines, days, bases))
    line, day = line.astype(np.int64), np.floor(day).astype(np.int64)
    place = np.full(len(book), -1, np.int64)
    place[rows] = np.arange(len(rows))
    order = np.lexsort((day, place[line]))
    line, day, base = line[order], day[order], base[order]
    before = np.append(0.0, base[:-1])[: len(base)]
    again = np.append(False, line[1:] == line[:-1])[: len(line)]
    before = np.where(again, before, level[line])
    inside = (day >= max(book.day, asked.start)) & (day < asked.end)
    return {
        "line": line, "day": day, "base": base, "before": before,
        "group": term_class(book.term_months[line]), "value": before * 12.0 * inside,
    }  # fmt: skip


def _steps(book: Book, due: Mapping[str, Ints | Floats], rows: Ints) -> tuple[Ints, Ints, Floats]:
    """Return steps that are known already: booked ahead, and prices agreed for renewals."""
    steps = book.steps
    alive = np.zeros(len(book), bool)
    alive[rows] = True
    ahead = (steps.day > book.day) & alive[steps.line]
    price = due["base"] - due["before"]
    line = np.concatenate([steps.line[ahead], due["line"]]).astype(np.int64)
    day = np.concatenate([steps.day[ahead], due["day"]]).astype(np.int64)
    return line, day, np.concatenate([steps.delta[ahead], price])


def _exits(
    book: Book, rates: Rates, due: Mapping[str, Ints | Floats], *, rows: Ints, asked: Asked
) -> tuple[Ints, Ints, Ints, Floats, Ints]:
    """Return ways to leave: line, first and last day, log-odds, kind."""
    first, last = book.day, asked.end - 1
    is_open = book.is_open()
    noticed = rows[book.ends_on[rows] < asked.end]
    sure = _odds(np.full(len(noticed), 1.0 - rates.withdrawn_share))
    parts = [(noticed, book.ends_on[noticed], book.ends_on[noticed], sure, NOTICED)]
    for way, some in ((AT_ONCE, rows[~is_open[rows]]), (OPEN_AT_ONCE, rows[is_open[rows]])):
        days = np.full(len(some), max(last - first + 1, 1))
        chance = rates.leaving_share(book, some, way=way, days=days)
        begins = np.full(len(some), first)
        parts.append((some, begins, begins + days - 1, _odds(chance), SUDDEN))
    some = rows[is_open[rows] & (book.ends_on[rows] == NEVER)]
    # a notice that nobody gave yet takes effect a notice period from now at the earliest
    told = np.nan_to_num(book.notice_days[some], nan=float(NOTICE_DAYS)).astype(np.int64)
    some, begins = some[first + told <= last], (first + told)[first + told <= last]
    chance = rates.leaving_share(book, some, way=BY_NOTICE, days=last - begins + 1)
    parts.append((some, begins, np.full(len(some), last), _odds(chance), OPEN))
    parts.append(_renewal_exits(book, rates, due))
    columns = [np.concatenate([part[n] for part in parts]) for n in range(4)]
    kind = np.concatenate([np.full(len(part[0]), part[4]) for part in parts])
    line, begins, ends, odds = columns
    return line.astype(np.int64), begins.astype(np.int64), ends.astype(np.int64), odds, kind


def _renewal_exits(
    book: Book, rates: Rates, due: Mapping[str, Ints | Floats]
) -> tuple[Ints, Ints, Ints, Floats, int]:
    line, day = due["line"].astype(np.int64), due["day"].astype(np.int64)
    open_yet = book.ends_on[line] == NEVER
    line, day = line[open_yet], day[open_yet]
    odds = rates.renewal_log_odds(book, line, np.full(len(line), book.day + 1))
    notice = np.nan_to_num(book.notice_days[line]).astype(np.int64)
    passed = book.day - (day - notice)
    # past the deadline only those can still leave whose notice is not on record yet
    late = np.where((notice > 0) & (passed > 0), rates.unseen_share(passed), 1.0)
    return line, day, day, odds + np.log(np.maximum(late, CERTAIN)), RENEWAL


def _odds(chance: Floats) -> Floats:
    safe = np.clip(chance, CERTAIN, 1 - CERTAIN)
    return np.asarray(np.log(safe / (1 - safe)))


def _with_start(inputs: RecurringInputs, book: Book, rows: Ints) -> RecurringInputs:
    """Add what the customers of the quarter's start paid then."""
    if book.day < inputs.start_day or not len(rows):
        return inputs
    then = book.levels(inputs.start_day - 1)
    holder = np.where(book.account < 0, len(book) + np.arange(len(book)), book.account)
    _, account = np.unique(holder, return_inverse=True)
    paid = np.bincount(account, weights=then)[account[rows]]
    end = inputs.ending()
    whole = np.bincount(account[rows], weights=end, minlength=int(account.max()) + 1)[account[rows]]
    share = np.where(whole > 0, paid * end / np.maximum(whole, 1e-9), 0.0)
    return RecurringInputs(
        **{**vars(inputs), "start_share": share, "customers_start": float(then.sum())}
    )
