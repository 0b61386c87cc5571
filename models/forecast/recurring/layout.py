"""From a book to the inputs of a simulation: who may leave when, what falls due, where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    return np.bincount(line, value, len(book)).astype(np.float64)


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
    due = _due(book, rates, rows, asked=asked)
    line, account = _names(facts, book, rows)
    since = max(book.day, asked.start)
    felt = float(asked.shocks)
    inputs = RecurringInputs(
        origin_day=book.day,
        start_day=asked.start,
        end_day=asked.end,
        nodes=nodes.names,
        line_id=line,
        account_id=account,
        places=nodes.places[rows],
        level=level[rows],
        start_share=np.zeros(len(rows)),
        **_steps(book, due, place),
        **_exits(book, rates, due, rows=rows, asked=asked),
        due_line=place[due.line],
        due_day=due.day,
        due_base=due.base,
        due_group=term_class(book.term_months[due.line]),
        due_value=due.before * 12.0 * ((due.day >= since) & (due.day < asked.end)),
        ratios=rates.ratios,
        **_moves(flow, nodes),
        revenue_to_date=nodes.sum(book.revenue(asked.start, since)),
        renewed_to_date=nodes.sum(renewed_value(book, asked.start, book.day)),
        customers_start=0.0,
        shock=rates.shock * felt,
        shock_sd=rates.shock_sd * felt,
        volume_sd=VOLUME_SD * felt,
    )
    return _with_start(inputs, book, rows)


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


def _moves(flow: Flow, nodes: Nodes) -> dict[str, Any]:
    names = ("day", "mrr", "weight", "is_new")
    found = {f"flow_{name}": getattr(flow, name) for name in names}
    return {"flow_places": nodes.places[flow.line], **found}


@dataclass(frozen=True)
class _Due:
    """Ends of terms ahead by line and day: MRR before and after the price change, (n,)."""

    line: Ints
    day: Ints
    before: Floats
    base: Floats


def _due(book: Book, rates: Rates, rows: Ints, *, asked: Asked) -> _Due:
    """Return ends of terms from the origin to the quarter's end, those of short terms repeated."""
    told = np.full(len(book), -1, np.int64)
    np.maximum.at(told, book.terms.line, book.terms.day)
    line = rows[~book.is_open()[rows] & (told[rows] > 0)]
    months = np.maximum(np.nan_to_num(book.term_months[line], nan=12.0), 2.0)
    length, day = months * MONTH_DAYS, told[line].astype(np.float64)
    # a term that ended without news went on
    day = day + np.ceil(np.maximum(book.day - day, 0.0) / length) * length
    before = book.levels(book.day)[line]
    uplift = np.where(np.isnan(book.uplift[line]), rates.price, book.uplift[line])
    found: list[_Due] = []
    while len(line):
        # an end that is booked ahead leaves nothing to renew
        kept = (day < asked.end) & (book.level_at(line, np.floor(day).astype(np.int64)) > 0)
        line, day, length = line[kept], day[kept], length[kept]
        before, base = before[kept], (before * (1.0 + uplift))[kept]
        found.append(_Due(line, np.floor(day).astype(np.int64), before, base))
        day, before, uplift = day + length, base, np.full(len(line), rates.price)
    none = np.empty(0, np.int64)
    found = found or [_Due(none, none, np.empty(0), np.empty(0))]
    place = np.full(len(book), -1, np.int64)
    place[rows] = np.arange(len(rows))
    line, when = (np.concatenate([getattr(one, name) for one in found]) for name in ("line", "day"))
    order = np.lexsort((when, place[line]))
    money = [np.concatenate([getattr(one, name) for one in found]) for name in ("before", "base")]
    return _Due(line[order], when[order], money[0][order], money[1][order])


def _steps(book: Book, due: _Due, place: Ints) -> dict[str, Any]:
    """Return steps that are known already: booked ahead, and prices agreed for renewals."""
    steps = book.steps
    ahead = (steps.day > book.day) & (place[steps.line] >= 0)
    line = np.concatenate([place[steps.line[ahead]], place[due.line]])
    day = np.concatenate([steps.day[ahead], due.day])
    delta = np.concatenate([steps.delta[ahead], due.base - due.before])
    order = np.lexsort((day, line))
    return {"step_line": line[order], "step_day": day[order], "step_delta": delta[order]}


@dataclass(frozen=True)
class _Ways:
    """Ways to leave of one kind: line, first and last day, chance or log-odds, (n,)."""

    line: Ints
    first: Ints
    last: Ints
    odds: Floats
    kind: int


def _exits(book: Book, rates: Rates, due: _Due, *, rows: Ints, asked: Asked) -> dict[str, Any]:
    """Return the ways to leave, by line and in the order in which they strike."""
    noticed = rows[book.ends_on[rows] < asked.end]
    told = book.ends_on[noticed]
    stays = np.full(len(noticed), 1.0 - rates.withdrawn_share)
    ways = [
        _Ways(noticed, told, told, _odds(stays), NOTICED),
        *_any_day(book, rates, rows, asked=asked),
        _at_term(book, rates, due),
    ]
    place = np.full(len(book), -1, np.int64)
    place[rows] = np.arange(len(rows))
    line = np.concatenate([place[one.line] for one in ways])
    order = np.argsort(line, kind="stable")
    kind = np.concatenate([np.full(len(one.line), one.kind) for one in ways])
    return {
        "exit_line": line[order],
        "exit_first": np.concatenate([one.first for one in ways])[order],
        "exit_last": np.concatenate([one.last for one in ways])[order],
        "exit_odds": np.concatenate([one.odds for one in ways])[order],
        "exit_kind": kind[order],
    }


def _any_day(book: Book, rates: Rates, rows: Ints, *, asked: Asked) -> list[_Ways]:
    """Return the ways that do not wait for the end of a term."""
    first, last = book.day, asked.end - 1
    is_open = book.is_open()
    found = []
    for way, some in ((AT_ONCE, rows[~is_open[rows]]), (OPEN_AT_ONCE, rows[is_open[rows]])):
        days = np.full(len(some), last - first + 1)
        chance = rates.leaving_share(book, some, way=way, days=days)
        begins = np.full(len(some), first)
        found.append(_Ways(some, begins, begins + days - 1, _odds(chance), SUDDEN))
    some = rows[is_open[rows] & (book.ends_on[rows] == NEVER)]
    # a notice that nobody gave yet takes effect a notice period from now at the earliest
    begins = first + np.nan_to_num(book.notice_days[some], nan=float(NOTICE_DAYS)).astype(np.int64)
    some, begins = some[begins <= last], begins[begins <= last]
    chance = rates.leaving_share(book, some, way=BY_NOTICE, days=last - begins + 1)
    found.append(_Ways(some, begins, np.full(len(some), last), _odds(chance), OPEN))
    return found


def _at_term(book: Book, rates: Rates, due: _Due) -> _Ways:
    """Return leaving at the end of a term, of lines without a notice on record."""
    undecided = book.ends_on[due.line] == NEVER
    line, day = due.line[undecided], due.day[undecided]
    odds = rates.renewal_log_odds(book, line, np.full(len(line), book.day + 1))
    notice = np.nan_to_num(book.notice_days[line]).astype(np.int64)
    passed = book.day - (day - notice)
    # past the deadline only those can still leave whose notice is not on record yet
    late = np.where((notice > 0) & (passed > 0), rates.unseen_share(passed), 1.0)
    return _Ways(line, day, day, odds + np.log(np.maximum(late, CERTAIN)), RENEWAL)


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
