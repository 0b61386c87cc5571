"""The quarter's forecast as people read it in a terminal: tables, sentences and a text chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.books import TOTAL, Book, VintageRow
from ledger.engine import Ledger
from ledger.issued_books import StoredBook
from lifecycle.console import Console
from lifecycle.currencies import MINOR_DIGITS
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar
from models.forecast.raw import TARGETS
from service.charts import Range, draw_ranges
from service.forecast_record import read_before, read_record
from service.forecast_shapes import describe_node, dimensions_of, nodes_of

MOST_NODES = 40
MOST_LEVERS = 10
_ENDS = ("p10_minor", "p50_minor", "p90_minor", "mean_minor")


@dataclass(frozen=True)
class Shown:
    """What is asked to be shown.

    Parameters
    ----------
    currency
        Of all money.
    by
        Dimension of the nodes; ``None``: segment, where it is known.
    intervals, legs
        Also the 50, 80 and 95 % intervals; also every leg.
    calendar
        When quarters begin.
    """

    currency: str
    by: str | None = None
    intervals: bool = False
    legs: bool = False
    calendar: FiscalCalendar = CALENDAR_YEAR

    def dimension(self, book: Book) -> str | None:
        """Return the dimension to show of a book; ``None`` if it has none."""
        known = dimensions_of(book.rows)
        usual = "segment" if "segment" in known else next(iter(known), None)
        return self.by if self.by in known else None if self.by else usual

    def money(self, minor: float | None) -> str:
        """Return money in whole units of the currency, as people write it."""
        return "" if minor is None else f"{minor / 10 ** MINOR_DIGITS[self.currency]:,.0f}"


def served_row(book: Book, node: str = TOTAL) -> VintageRow:
    """Return the served row of a node."""
    rows = [row for row in book.rows if row.node == node]
    return next((row for row in rows if row.served), rows[0])


def tell_book(ledger: Ledger, book: Book, shown: Shown) -> dict[str, Any]:
    """Return a book as JSON values: head, total, nodes of the dimension and track record."""
    names = ("period", "week", "served_leg", "verdict", "weights", "notes", "judged_quarters")
    nodes = [TOTAL, *nodes_of(book, shown.dimension(book))]
    return {
        "definition": book.target,
        "covers": TARGETS[book.target],
        "origin": book.origin.isoformat(),
        "currency": book.currency,
        **{name: getattr(book, name) for name in names},
        "nodes": [describe_node(book, node, legs=shown.legs) for node in nodes],
        "track_record": read_record(ledger, book, shown.calendar),
    }


def show_books(console: Console, books: Sequence[Book], shown: Shown) -> None:
    """Show what each definition's quarter will bring, one line each, and why that leg speaks."""
    rows = [
        [one.target, one.period, one.week, row.leg, *_numbers(row, shown)]
        for one in books
        for row in [served_row(one)]
    ]
    titles = ["definition", "period", "week", "served", "P10", "P50", "P90", "mean", "to date"]
    console.table(f"The quarter as of {books[0].origin} ({shown.currency})", titles, rows)
    for one in books:
        if one.judged_quarters:
            console.say(f"{one.target} {one.period}: {one.verdict}")


def show_detail(console: Console, ledger: Ledger, book: Book, shown: Shown) -> None:
    """Show one book: nodes, parts of the mean, intervals, legs, its course and its record."""
    head = f"{book.target} {book.period}"
    console.say("")
    console.say(f"{head}: {TARGETS[book.target]}")
    console.say(book.verdict)
    _show_nodes(console, book, shown)
    parts = served_row(book).parts or {}
    rows = [[name, shown.money(value)] for name, value in parts.items()]
    console.table(f"{head}: what the mean is made of ({shown.currency})", ["part", "adds"], rows)
    if shown.intervals:
        _show_intervals(console, book, shown)
    if shown.legs:
        _show_legs(console, book, shown)
    _show_chances(console, book, shown)
    _show_course(console, read_before(ledger, book), book, shown)
    _show_record(console, read_record(ledger, book, shown.calendar), book)


def show_changes(console: Console, told: Mapping[str, Any], book: Book) -> None:
    """Show what moved a forecast: every part, and the units that moved it most."""
    shown = Shown(book.currency)
    rows = [
        [one["part"], shown.money(one["minor"]), one["meaning"], _movers(one["largest"], shown)]
        for one in told["parts"]
        if one["minor"]
    ]
    before, after, difference = (
        shown.money(told[f"{name}_minor"]) for name in ("before", "after", "difference")
    )
    title = f"{book.target} {book.period}: {told['since']} to {told['until']} ({book.currency})"
    console.table(title, ["part", "moved", "what it is", "most of it"], rows)
    console.say(f"mean {before} → {after}: {difference}")
    for note in told["notes"]:
        console.say(note)


def show_gap(console: Console, answer: Mapping[str, Any], book: Book) -> None:
    """Show how a forecast stands to its targets, what would close the gap, and what to know."""
    shown = Shown(book.currency)
    money = ("target_minor", "attained_minor", "p50_minor", "gap_minor")
    rows = [
        [one["target_id"], one["node"], *[shown.money(one[name]) for name in money],
         one["p_hit"], one.get("p_on_pace")]
        for one in answer.get("targets", [])
    ]  # fmt: skip
    head = f"{book.target} {book.period} as of {book.origin}"
    titles = ["target", "of", "amount", "in already", "P50", "gap", "P(hit)", "P(on pace)"]
    if rows:
        console.table(f"{head} against its targets ({book.currency})", titles, rows)
    names = ("title", "feasibility", "effort")
    levers = [
        [*[one[name] for name in names], shown.money(one["delta_p50_minor"]), one["delta_p_hit"]]
        for one in answer.get("levers", [])[:MOST_LEVERS]
    ]
    if levers:
        titles = ["lever", "feasible", "effort", "moves P50", "moves P(hit)"]
        console.table(f"{head}: levers, each alone ({book.currency})", titles, levers)
    plan, pipeline = answer.get("plan"), answer.get("pipeline") or {}
    if plan:
        _show_plan(console, plan, shown)
    apart = [
        f"target {one['target_id']} is not held against it: {one['why']}"
        for one in answer.get("left_out", [])[:MOST_LEVERS]
    ]
    for sentence in (pipeline.get("sentence"), *apart, *answer.get("notes", [])):
        if sentence:
            console.say(sentence)


def _show_plan(console: Console, plan: Mapping[str, Any], shown: Shown) -> None:
    rows = [
        [one["title"], one["effort"], *[shown.money(one[n]) for n in ("adds_minor", "p50_minor")],
         one["p_hit"]]
        for one in plan["steps"]
    ]  # fmt: skip
    titles = ["step", "effort", "adds", "P50 then", "P(hit) then"]
    console.table(f"The cheapest set, step by step ({shown.currency})", titles, rows)
    gap, left = (shown.money(plan[name]) for name in ("gap_minor", "left_minor"))
    told = "they close it" if plan["closes"] else f"{left} stays open"
    console.say(f"a gap of {gap} to P50: {told}")


def _show_nodes(console: Console, book: Book, shown: Shown) -> None:
    nodes = nodes_of(book, shown.dimension(book))
    if not nodes:
        return
    largest = sorted(nodes, key=lambda node: -abs(served_row(book, node).mean_minor))
    rows = [
        [node.partition("=")[2], *_numbers(served_row(book, node), shown)]
        for node in largest[:MOST_NODES]
    ]
    more = f", the largest {MOST_NODES} of {len(nodes)}" if len(nodes) > MOST_NODES else ""
    title = f"{book.target} {book.period} by {shown.dimension(book)}{more} ({shown.currency})"
    console.table(title, [str(shown.dimension(book)), "P10", "P50", "P90", "mean", "to date"], rows)


def _show_intervals(console: Console, book: Book, shown: Shown) -> None:
    nodes = [TOTAL, *nodes_of(book, shown.dimension(book))][:MOST_NODES]
    rows = [
        [node, *[f"{shown.money(one['low_minor'])} to {shown.money(one['high_minor'])}"
                 for one in describe_node(book, node, legs=False)["intervals"]]]
        for node in nodes
    ]  # fmt: skip
    console.table(f"{book.target} {book.period}: intervals", ["of", "50 %", "80 %", "95 %"], rows)


def _show_legs(console: Console, book: Book, shown: Shown) -> None:
    rows = [row for row in book.rows if row.node == TOTAL]
    table = [[row.leg, *_numbers(row, shown), book.weights.get(row.leg)] for row in rows]
    titles = ["leg", "P10", "P50", "P90", "mean", "to date", "weight"]
    console.table(f"{book.target} {book.period}: every leg at the total", titles, table)
    _draw(console, [Range(row.leg, *_span(row)) for row in rows], shown, told="leg by leg")


def _show_chances(console: Console, book: Book, shown: Shown) -> None:
    largest = sorted(book.chances, key=lambda one: (one.node != TOTAL, -one.target_minor))
    rows = [
        [one.target_id, one.node, shown.money(one.target_minor), f"{one.p_hit:.0%}"]
        for one in largest[:MOST_NODES]
    ]
    if rows:
        more = f", the largest {MOST_NODES} of {len(largest)}" if len(largest) > MOST_NODES else ""
        title = f"{book.target} {book.period}: chances to reach targets{more}"
        console.table(title, ["target", "of", "amount", "P(hit)"], rows)


def _show_course(console: Console, issued: Sequence[StoredBook], book: Book, shown: Shown) -> None:
    """Draw P10 to P90 of what was said of the quarter from each day so far, the newest last."""
    said = {one.book.origin: (one.book.week, one.book.rows[0]) for one in reversed(issued)}
    said[book.origin] = (book.week, served_row(book))
    rows = [Range(f"{origin} w{week}", *_span(row)) for origin, (week, row) in sorted(said.items())]
    _draw(console, rows, shown, told="by the day it was said")


def _draw(console: Console, rows: Sequence[Range], shown: Shown, *, told: str) -> None:
    if not console.json_mode:
        low, high = min(one.low for one in rows), max(one.high for one in rows)
        console.say(
            f"P10 ├ P50 ┃ ┤ P90 {told}, {shown.money(low)} to {shown.money(high)} {shown.currency}:"
        )
        for line in draw_ranges(rows):
            console.say(f"  {line}")


def _show_record(console: Console, record: Mapping[str, Any], book: Book) -> None:
    if record["at_this_week"] is None:
        console.say(f"no past quarter was judged at week {book.week}: run `truecast backtest`")
        return
    here = [record["at_this_week"], *record["rivals_at_this_week"]]
    names = ("leg", "n", "periods_count", "wape", "bias_share", "coverage80")
    title = f"How such forecasts did at week {book.week} of past quarters ({record['source']})"
    titles = ["leg", "n", "quarters", "WAPE", "bias", "in P10-P90"]
    console.table(title, titles, [[one[name] for name in names] for one in here])


def _numbers(row: VintageRow, shown: Shown) -> list[str]:
    return [*[shown.money(getattr(row, name)) for name in _ENDS], shown.money(row.to_date_minor)]


def _span(row: VintageRow) -> tuple[float, float, float]:
    return row.p10_minor, row.p50_minor, row.p90_minor


def _movers(largest: Sequence[Mapping[str, Any]], shown: Shown) -> str:
    return ", ".join(f"{one['unit']} {shown.money(one['minor'])}" for one in largest[:2])
