"""All canonical tables of a world, each row with the instant from which it was known.

Only what was observable: no latent leaves this module. Rows whose own time lies after the end of
the world are left out; rows that reach the books late stay, known when they came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from lifecycle.fingerprints import known_micros, row_hashes
from lifecycle.tables.catalog import find_table
from lifecycle.world.billing import build_invoices, draw_invoices
from lifecycle.world.canonical import instants
from lifecycle.world.catalogue import build_products, build_tests
from lifecycle.world.contract_lines import build_changes, build_subscriptions, draw_known
from lifecycle.world.custom import build_attributes
from lifecycle.world.dirt import DirtRates
from lifecycle.world.meetings import build_costs, build_meetings
from lifecycle.world.orders import build_orders
from lifecycle.world.payments import build_payments
from lifecycle.world.people import (
    Doubles,
    build_accounts,
    build_contacts,
    build_doubles,
    draw_doubles,
)
from lifecycle.world.presets import WEEK_DAYS
from lifecycle.world.reviews import build_reviews
from lifecycle.world.seeds import Streams
from lifecycle.world.support import build_tickets, draw_tickets
from lifecycle.world.surveys import build_surveys
from lifecycle.world.trace import Trace
from lifecycle.world.usage import stream_usage

DOUBLED = {"tickets": "ticket_id", "surveys": "response_id", "activities": "activity_id"}
"""Tables whose facts a double draws to itself, and what names a fact there."""

Piece = tuple[str, pa.Table]


def build_facts(trace: Trace, rates: DirtRates | None = None) -> dict[str, pa.Table]:
    """Return the canonical tables by name, without ``batch_id``.

    Parameters
    ----------
    trace
        What happened.
    rates
        How dirty the records are; the declared rates unless given.
    """
    pieces: dict[str, list[pa.Table]] = {}
    for name, rows in stream_facts(trace, rates):
        pieces.setdefault(name, []).append(rows)
    return {
        name: pa.concat_tables(found, promote_options="default") for name, found in pieces.items()
    }


def stream_facts(trace: Trace, rates: DirtRates | None = None) -> Iterator[Piece]:
    """Yield the rows of :func:`build_facts` piece by piece; a table may come in several.

    Parameters
    ----------
    trace
        What happened.
    rates
        As for :func:`build_facts`.
    """
    rates = rates or DirtRates()
    doubles = draw_doubles(trace, rates)
    for name, rows in _whole_tables(trace, rates, doubles):
        if name in DOUBLED:
            rows = _with_doubles(trace, name, rows, doubles=doubles)
        yield name, last_at_each_instant(name, rows)
    for rows in stream_usage(trace):
        yield "usage", rows


def _whole_tables(trace: Trace, rates: DirtRates, doubles: Doubles) -> Iterator[Piece]:
    yield "products", build_products(trace)
    yield "accounts", build_accounts(trace)
    yield from build_doubles(trace, doubles).items()
    yield "contacts", build_contacts(trace)
    yield from _contracts(trace, rates)
    yield "attributes", build_attributes(trace)
    yield from build_tests(trace, rates).items()
    yield from _support(trace, rates)
    yield "activities", build_meetings(trace)
    yield "costs", build_costs(trace)
    yield from _walk_in(trace).items()
    yield from build_reviews(trace).items()
    yield from trace.pipeline.tables().items()


def _contracts(trace: Trace, rates: DirtRates) -> Iterator[Piece]:
    known = draw_known(trace, rates)
    yield "subscriptions", build_subscriptions(trace, known)
    yield "subscription_changes", build_changes(trace, known)
    invoices = draw_invoices(trace, rates)
    yield "invoices", build_invoices(trace, invoices)
    yield "payments", build_payments(trace, invoices)


def _support(trace: Trace, rates: DirtRates) -> Iterator[Piece]:
    tickets = draw_tickets(trace, rates)
    yield "tickets", build_tickets(trace, tickets, rates)
    yield "surveys", build_surveys(trace, tickets, rates)


def _walk_in(trace: Trace) -> dict[str, pa.Table]:
    rng = Streams(trace.params.seed).rng("observed orders")
    span = trace.params.weeks * WEEK_DAYS
    return build_orders(trace.params.start, span, accounts=trace.params.accounts, rng=rng)


def _with_doubles(trace: Trace, name: str, rows: pa.Table, *, doubles: Doubles) -> pa.Table:
    """Book half of an account's facts under its double, while there is one."""
    if not len(doubles.account) or "account_id" not in rows.column_names:
        return rows
    held = rows.column("account_id").combine_chunks()
    real = pa.array(trace.accounts.account_id[doubles.account], pa.string())
    place = _found(held, real)
    # all versions of one fact go the same way
    half = _half(rows.column(DOUBLED[name]).combine_chunks())
    first = _micros(rows.column("opened_at" if name == "tickets" else "known_at"))
    since, merged = (_micros(instants(trace.params.start, one)) for one in
                     (doubles.since, doubles.merged))  # fmt: skip
    safe = np.maximum(place, 0)
    moved = (place >= 0) & half & (first > since[safe] + 1) & (first < merged[safe])
    taken = doubles.ids.take(pa.array(safe))
    column = pa.compute.if_else(pa.array(moved), taken, held)
    return rows.set_column(rows.column_names.index("account_id"), "account_id", column)


def last_at_each_instant(name: str, rows: pa.Table) -> pa.Table:
    """Keep the last of several versions of one thing at one instant: the one that holds.

    Parameters
    ----------
    name
        The table; of events every row is kept.
    rows
        Its rows, later ones last.
    """
    table = find_table(name)
    if table.kind != "entity":
        return rows
    rows = rows.combine_chunks()
    keys = np.column_stack([row_hashes(rows, table.key), known_micros(rows).view(np.uint64)])
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    keys = keys[order]
    overtaken = order[:-1][(keys[1:] == keys[:-1]).all(axis=1)]
    if not len(overtaken):
        return rows
    kept = np.ones(rows.num_rows, bool)
    kept[overtaken] = False
    return rows.filter(pa.array(kept))


def _found(values: pa.Array, among: pa.Array) -> Any:
    return pa.compute.index_in(values, value_set=among).fill_null(-1).to_numpy()


def _half(ids: pa.Array) -> Any:
    """Choose half of the ids by the last digit of their number."""
    last = pa.compute.utf8_slice_codeunits(ids, start=-1)
    odd = pa.compute.is_in(last, value_set=pa.array(list("13579")))
    return odd.to_numpy(zero_copy_only=False)


def _micros(column: Any) -> Any:
    return column.cast(pa.int64()).to_numpy()
