"""Money that came in: payment trouble, which also ends contracts, shows here first.

Cards and debits are tried on the day of the invoice and again in later weeks; each try fails with
the trouble of its own week. Transfers come around the due day, later with trouble and, a little,
with poor health. What is open when a line ends for want of payment is written off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lifecycle.world.billing import Invoices
from lifecycle.world.canonical import Floats, Ints, build_rows, picked, tags
from lifecycle.world.presets import CURRENCY, WEEK_DAYS
from lifecycle.world.seeds import Streams
from lifecycle.world.trace import KINDS, Trace

METHODS = ("card", "direct_debit", "transfer")
METHOD_SHARES = ((0.55, 0.25, 0.20), (0.15, 0.25, 0.60), (0.0, 0.1, 0.9))
"""By segment."""
OUTCOMES = ("paid", "failed", "refunded", "disputed", "written_off")
PAID, FAILED, REFUNDED, DISPUTED, WRITTEN_OFF = range(5)
RETRY_DAYS = (0.15, 3.15, 7.15, 14.15, 21.15)
BASE_FAILURE, TROUBLE_FAILURE = 0.012, 0.75
WRITE_OFF_DAYS = 30.0


@dataclass(frozen=True)
class _Tries:
    """Payments of any outcome, in pieces that are joined at the end."""

    invoice: list[Ints]
    at: list[Floats]
    outcome: list[Ints]

    def add(self, invoice: Ints, at: Floats, outcome: int) -> None:
        self.invoice.append(invoice)
        self.at.append(at)
        self.outcome.append(np.full(len(invoice), outcome))


def build_payments(trace: Trace, invoices: Invoices) -> pa.Table:
    """Return rows of ``payments`` booked before the clock stopped.

    Parameters
    ----------
    trace
        What happened.
    invoices
        As drawn.
    """
    rng = Streams(trace.params.seed).rng("observed payments")
    limits = np.cumsum(METHOD_SHARES, axis=1)[trace.accounts.segment]
    method = (rng.random((len(limits), 1)) > limits).sum(axis=1).clip(0, 2)
    habit = rng.gamma(1.2, 4.0, len(limits))
    ended = _unpaid_ends(trace)[invoices.line]
    tries = _Tries([], [], [])
    owed = np.flatnonzero(invoices.amount_minor > 0)
    by_transfer = method[invoices.account[owed]] == METHODS.index("transfer")
    _pay_by_card(trace, invoices, which=owed[~by_transfer], tries=tries, rng=rng)
    _pay_by_transfer(trace, invoices, which=owed[by_transfer], habit=habit, tries=tries)
    _refund(invoices, ended, tries=tries, rng=rng)
    return _rows(trace, invoices, tries=tries, ended=ended, method=method)


def _unpaid_ends(trace: Trace) -> Floats:
    """Return by line the day it ended for want of payment; NaN if it did not."""
    days = np.full(len(trace.lines.account), np.nan)
    found = trace.movements[trace.movements["kind"] == KINDS.index("involuntary_cancel")]
    days[found["line"]] = found["effective_day"]
    return days


def _state(matrix: npt.NDArray[Any], account: Ints, at: Floats) -> Floats:
    week = np.clip(np.floor(at / WEEK_DAYS), 0, matrix.shape[1] - 1).astype(np.int64)
    return np.asarray(np.nan_to_num(matrix[account, week].astype(float)))


def _pay_by_card(
    trace: Trace, invoices: Invoices, *, which: Ints, tries: _Tries, rng: np.random.Generator
) -> None:
    for delay in RETRY_DAYS:
        at = invoices.issued[which] + delay
        trouble = _state(trace.weekly.pay_trouble, invoices.account[which], at)
        fails = rng.random(len(which)) < np.minimum(BASE_FAILURE + TROUBLE_FAILURE * trouble, 0.95)
        tries.add(which[~fails], at[~fails], PAID)
        tries.add(which[fails], at[fails], FAILED)
        which = which[fails]
    # in the end by hand, or not at all
    comes = rng.random(len(which)) < 0.8
    late = invoices.issued[which] + rng.uniform(28, 70, len(which))
    tries.add(which[comes], late[comes], PAID)
    tries.add(which[~comes], late[~comes] + WRITE_OFF_DAYS, WRITTEN_OFF)


def _pay_by_transfer(
    trace: Trace, invoices: Invoices, *, which: Ints, habit: Floats, tries: _Tries
) -> None:
    rng = Streams(trace.params.seed).rng("observed transfers")
    account, issued = invoices.account[which], invoices.issued[which]
    trouble = _state(trace.weekly.pay_trouble, account, issued)
    unwell = np.maximum(-_state(trace.weekly.health, account, issued), 0)
    slow = habit[account] * rng.gamma(2, 0.5, len(which)) * (1 + 0.5 * unwell)
    stuck = 30 * trouble * rng.random(len(which))
    due = invoices.due_day[which] + 0.6
    at = np.maximum(due - rng.uniform(3, 9, len(which)) + slow + stuck, issued + 0.3)
    disputed = rng.random(len(which)) < 0.004 + 0.008 * unwell
    tries.add(which[disputed], issued[disputed] + rng.uniform(2, 15, disputed.sum()), DISPUTED)
    tries.add(which, at + np.where(disputed, 20, 0), PAID)


def _refund(invoices: Invoices, ended: Floats, *, tries: _Tries, rng: np.random.Generator) -> None:
    credit = np.flatnonzero((invoices.amount_minor < 0) & np.isnan(ended))
    tries.add(credit, invoices.issued[credit] + rng.uniform(5, 20, len(credit)), REFUNDED)


def _rows(
    trace: Trace, invoices: Invoices, *, tries: _Tries, ended: Floats, method: Ints
) -> pa.Table:
    """Join the tries; what is still open when a line ends unpaid is written off instead."""
    invoice, at = np.concatenate(tries.invoice), np.concatenate(tries.at)
    outcome = np.concatenate(tries.outcome)
    after_end = (at > ended[invoice]) & (invoices.issued[invoice] <= ended[invoice])
    lost = after_end & ((outcome == PAID) | (outcome == WRITTEN_OFF))
    outcome = np.where(lost, WRITTEN_OFF, outcome)
    at = np.where(lost, np.maximum(ended[invoice], 0) + WRITE_OFF_DAYS, at)
    span = trace.params.weeks * WEEK_DAYS
    kept = np.flatnonzero((at < span) & ~(after_end & ~lost))
    kept = kept[np.lexsort((invoice[kept], at[kept]))]
    invoice, at, outcome = invoice[kept], at[kept], outcome[kept]
    account = invoices.account[invoice]
    return build_rows(
        "payments",
        trace.params.start,
        {
            "payment_id": tags("Y", np.arange(len(kept)) + 1),
            "account_id": picked(trace.accounts.account_id, account),
            "invoice_id": invoices.ids.take(pa.array(invoice)),
            "paid_at": at,
            "outcome": picked(OUTCOMES, outcome),
            "amount_minor": invoices.amount_minor[invoice],
            "currency": CURRENCY,
            "method": picked(METHODS, method[account]),
            # the bank's statement comes the next morning
            "known_at": np.floor(at) + 1 + 5 / 24,
        },
    )
