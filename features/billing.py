"""How an account pays: late and failed payments, days beyond terms, credits, disputes."""

from __future__ import annotations

from typing import Any

import ibis

from features.clock import ContractClock
from features.days import day_of_date, day_of_event
from features.merges import with_survivors
from lifecycle.snapshot import Snapshot


def build_billing(
    snapshot: Snapshot, clock: ContractClock, merges: ibis.Table | None
) -> tuple[ibis.Table, ibis.Table]:
    """Build one row per account: from its invoices, and from its payments.

    Invoices of the last 400 days are read. An invoice counts as paid on the day of the first
    payment of it that succeeded; without one it is open. It is late when it was paid after its
    due day, or is open after it; without a due day it is never late.
    """
    payments = _known_payments(snapshot, clock)
    invoices = _add_lateness(_known_invoices(snapshot, clock, merges), payments, clock)
    return _sum_invoices(invoices), _sum_payments(with_survivors(payments, merges))


def build_earned(snapshot: Snapshot, clock: ContractClock, merges: ibis.Table | None) -> ibis.Table:
    """Build one row per account: revenue ever billed and earned by the day, straight-line by day.

    An invoice without a service period is earned when issued; each is rounded to minor units, so
    that the sum does not depend on the rows' order.
    """
    invoices = snapshot.known("invoices", clock.as_of)
    start, end = day_of_date(invoices.period_start_on), day_of_date(invoices.period_end_on)
    days = (end - start).cast("float64").nullif(0)
    passed = ibis.greatest((clock.today - start).cast("float64"), 0) / days
    share = ibis.least(passed, 1).fill_null(1)
    rows = invoices.mutate(earned=(invoices.amount_minor * share).round().cast("float64"))
    rows = rows.filter(rows.issued_at < clock.as_of).select("account_id", "earned")
    rows = with_survivors(rows, merges)
    return rows.group_by("account_id").agg(revenue_total_minor=rows.earned.sum())


def _known_invoices(
    snapshot: Snapshot, clock: ContractClock, merges: ibis.Table | None
) -> ibis.Table:
    invoices = snapshot.known("invoices", clock.as_of)
    invoices = invoices.filter(
        (invoices.issued_at < clock.as_of) & (invoices.issued_at >= clock.year_ago)
    )
    rows = invoices.select(
        "account_id",
        "invoice_id",
        amount=invoices.amount_minor.cast("float64"),
        is_credit=invoices.kind == "credit_note",
        due_day=day_of_date(invoices.due_on),
        age_days=clock.today - day_of_event(snapshot, "invoices", invoices.issued_at),
    )
    return with_survivors(rows, merges)


def _known_payments(snapshot: Snapshot, clock: ContractClock) -> ibis.Table:
    payments = snapshot.known("payments", clock.as_of)
    payments = payments.filter(
        (payments.paid_at < clock.as_of) & (payments.paid_at >= clock.year_ago)
    )
    paid_day = day_of_event(snapshot, "payments", payments.paid_at)
    return payments.select(
        "account_id",
        "outcome",
        paid_invoice_id="invoice_id",
        paid_day=paid_day,
        age_days=clock.today - paid_day,
    )


def _add_lateness(invoices: ibis.Table, payments: ibis.Table, clock: ContractClock) -> ibis.Table:
    good = payments.filter((payments.outcome == "paid") & payments.paid_invoice_id.notnull())
    paid = good.group_by("paid_invoice_id").agg(paid_day=good.paid_day.min())
    joined = invoices.left_join(paid, invoices.invoice_id == paid.paid_invoice_id)
    joined = joined.select(*invoices.columns, "paid_day")
    settled = ibis.coalesce(joined.paid_day, clock.today)
    beyond = (settled - joined.due_day).cast("float64")
    due = ~joined.is_credit & joined.due_day.notnull() & (joined.due_day < clock.today)
    late = (beyond > 0).ifelse(beyond, 0)
    return joined.mutate(
        beyond_days=due.ifelse(late, ibis.null()),
        due_age_days=clock.today - joined.due_day,
        is_open=due & joined.paid_day.isnull(),
    )


def _sum_invoices(rows: ibis.Table) -> ibis.Table:
    late = rows.beyond_days > 0
    recent, year = rows.due_age_days <= 90, rows.due_age_days <= 365
    sums = rows.group_by("account_id").agg(
        invoices_365d_count=rows.count(where=~rows.is_credit & (rows.age_days <= 365)),
        due_90d_count=rows.beyond_days.count(where=recent),
        due_365d_count=rows.beyond_days.count(where=year),
        late_90d_count=rows.count(where=late & recent),
        late_365d_count=rows.count(where=late & year),
        beyond_terms_90d_days=rows.beyond_days.mean(where=recent),
        beyond_terms_365d_days=rows.beyond_days.mean(where=year),
        overdue_minor=rows.amount.sum(where=rows.is_open),
        overdue_days=rows.beyond_days.max(where=rows.is_open),
        credit_notes_365d_count=rows.count(where=rows.is_credit & (rows.age_days <= 365)),
        credited_365d_minor=-rows.amount.sum(where=rows.is_credit & (rows.age_days <= 365)),
    )
    return sums.mutate(
        late_365d_share=sums.late_365d_count.cast("float64") / sums.due_365d_count.nullif(0)
    )


def _sum_payments(rows: ibis.Table) -> ibis.Table:
    def counted(outcome: str, days: int) -> Any:
        return rows.count(where=(rows.outcome == outcome) & (rows.age_days <= days))

    return rows.group_by("account_id").agg(
        failed_90d_count=counted("failed", 90),
        failed_365d_count=counted("failed", 365),
        disputes_365d_count=counted("disputed", 365) + counted("written_off", 365),
        failed_age_days=rows.age_days.min(where=rows.outcome == "failed"),
    )
