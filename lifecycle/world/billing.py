"""Invoices that cover every service day to the cent, and the money that came in for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lifecycle.world.canonical import Bools, Floats, Ints, build_rows, calendar, picked, tags
from lifecycle.world.dates import as_days
from lifecycle.world.dirt import DirtRates, delayed
from lifecycle.world.presets import CURRENCY, WEEK_DAYS
from lifecycle.world.schedule import Documents, PriceSteps, billed, price_steps
from lifecycle.world.seeds import Streams
from lifecycle.world.trace import KINDS, Trace

STILL = ("notice", "notice_withdrawn", "renewal")
"""Movements that leave the price as it is."""
BILLING_RUN = 6 / 24
CREDIT_RUN = 18 / 24


@dataclass(frozen=True)
class Invoices:
    """Invoices and credit notes in order of issue, shape (n,) each.

    Attributes
    ----------
    line, account
        Rows of the trace.
    issued, known
        When issued, when in the books (days since start).
    due_day, starts_day, ends_day
        Last day to pay, service billed (days since start).
    amount_minor
        Signed.
    is_regular
        Billed in advance for a whole period.
    """

    line: Ints
    account: Ints
    issued: Floats
    known: Floats
    due_day: Ints
    starts_day: Ints
    ends_day: Ints
    amount_minor: Ints
    is_regular: Bools

    @property
    def ids(self) -> pa.Array:
        """Invoice ids, in order."""
        return tags("I", np.arange(len(self.line)) + 1)


def line_prices(trace: Trace) -> PriceSteps:
    """Return the price of every line, day by day, from the movements.

    Parameters
    ----------
    trace
        What happened.
    """
    moves = trace.movements
    moves = moves[~np.isin(moves["kind"], [KINDS.index(one) for one in STILL])]
    start = trace.params.start
    return price_steps(
        as_days(trace.lines.started_day, start),
        trace.lines.billing_months.astype(np.int64),
        line=moves["line"].astype(np.int64),
        day=as_days(moves["effective_day"], start),
        mrr_minor=moves["mrr_after_minor"],
    )


def draw_invoices(trace: Trace, rates: DirtRates) -> Invoices:
    """Bill every service period that overlaps the world; the first may be issued before it.

    Parameters
    ----------
    trace
        What happened.
    rates
        How many reach the books late.
    """
    rng = Streams(trace.params.seed).rng("dirt invoices")
    first, end = calendar(trace.params.start, np.array([0, trace.params.weeks * WEEK_DAYS]))
    papers = billed(line_prices(trace), first, end)
    starts = _offsets(papers.starts, first)
    issued = np.asarray(starts + np.where(papers.is_regular, BILLING_RUN, CREDIT_RUN), float)
    order = np.lexsort((papers.line, issued))
    papers, starts, issued = _taken(papers, order), starts[order], issued[order]
    terms = trace.lines.payment_terms_days[papers.line].astype(np.int64)
    known = delayed(issued + 1 / 24, rates.late_invoice_share, rates.late_invoice_days, rng=rng)
    return Invoices(
        papers.line,
        trace.lines.account[papers.line].astype(np.int64),
        issued,
        # what was issued before the start came in with the books of then
        np.where(issued < 0, issued + 1 / 24, known),
        starts + terms,
        starts,
        _offsets(papers.ends, first),
        papers.amount_minor,
        papers.is_regular,
    )


def build_invoices(trace: Trace, invoices: Invoices) -> pa.Table:
    """Return rows of ``invoices``.

    Parameters
    ----------
    trace
        What happened.
    invoices
        As drawn.
    """
    return build_rows(
        "invoices",
        trace.params.start,
        {
            "invoice_id": invoices.ids,
            "account_id": picked(trace.accounts.account_id, invoices.account),
            "subscription_id": picked(trace.lines.subscription_id, invoices.line),
            "issued_at": invoices.issued,
            "kind": picked(("invoice", "credit_note"), (invoices.amount_minor < 0).astype(int)),
            "amount_minor": invoices.amount_minor,
            "currency": CURRENCY,
            "due_on": invoices.due_day.astype(float),
            "period_start_on": invoices.starts_day.astype(float),
            "period_end_on": invoices.ends_day.astype(float),
            "known_at": invoices.known,
        },
    )


def _offsets(days: npt.NDArray[np.datetime64], first: np.datetime64) -> Ints:
    return (days - first).astype(np.int64)


def _taken(papers: Documents, order: Ints) -> Documents:
    return Documents(
        papers.line[order],
        papers.starts[order],
        papers.ends[order],
        papers.amount_minor[order],
        papers.is_regular[order],
    )
