"""What was agreed, sold, billed and paid: subscriptions, orders, invoices, payments, money."""

from __future__ import annotations

from lifecycle.tables.declare import (
    Table,
    code,
    currency,
    day,
    flag,
    id_column,
    instant,
    money,
    number,
    whole,
)

SUBSCRIPTIONS = Table(
    "subscriptions",
    "entity",
    ("subscription_id",),
    None,
    (
        id_column("subscription_id", "The contract line."),
        id_column("account_id", "Who holds it."),
        id_column("product_id", "What it gives.", null=True),
        day("started_on", "First day of the first term.", null=False),
        day("term_started_on", "First day of the present term."),
        day("term_ends_on", "First day after the present term: the renewal; null = open-ended."),
        whole("term_months", "months", "Length of a term."),
        flag("auto_renew", "Renews unless notice is given."),
        whole("notice_days", "days", "Notice period; the decision falls so many days before term."),
        whole("billing_months", "months", "Months per invoice."),
        whole("payment_terms_days", "days", "Days from invoice to due."),
        money("mrr_minor", "Monthly recurring revenue of the line; not negative."),
        currency(),
        number("seats_count", "count", "Seats or units licensed."),
        number("discount_share", "share", "Discount against list price."),
        number("uplift_share", "number", "Agreed price change at the next renewal; any sign."),
    ),
    "A contract line as it stood, version by version; what happened to it is in the changes.",
)

SUBSCRIPTION_CHANGES = Table(
    "subscription_changes",
    "event",
    ("change_id",),
    "changed_at",
    (
        id_column("change_id", "The change."),
        id_column("subscription_id", "The contract line."),
        id_column("account_id", "Who holds it."),
        code(
            "kind",
            "What was decided. `notice` is the decision to leave; the cancellations are its effect "
            "at term end, in mid-term, or for want of payment.",
            allowed=(
                "new",
                "renewal",
                "expansion",
                "contraction",
                "price_change",
                "notice",
                "notice_withdrawn",
                "nonrenewal",
                "midterm_cancel",
                "involuntary_cancel",
                "pause",
                "resume",
                "reactivation",
            ),
            null=False,
        ),
        instant("changed_at", "When it was decided or recorded; for a notice, when received."),
        day("effective_on", "First day on which it counts in MRR.", null=False),
        money("mrr_before_minor", "Monthly recurring revenue before; not negative."),
        money("mrr_after_minor", "Monthly recurring revenue after; not negative."),
        currency(),
        number("seats_before_count", "count", "Seats before."),
        number("seats_after_count", "count", "Seats after."),
        day("term_ends_on", "Renewal date after the change."),
        code("reason", "Why, as the source has it; never a feature."),
    ),
    "Every movement of a contract line; the movements add up to MRR.",
)

ORDERS = Table(
    "orders",
    "event",
    ("order_id",),
    "ordered_at",
    (
        id_column("order_id", "The document (invoice or receipt), not a line of it."),
        id_column("account_id", "Who bought; null = an anonymous sale.", null=True),
        instant("ordered_at", "When the order was placed."),
        code(
            "kind",
            "sale: amount > 0 · credit: goods or money back, amount < 0 · adjustment: any sign.",
            allowed=("sale", "credit", "adjustment"),
            null=False,
        ),
        money("amount_minor", "Amount of the document, signed."),
        currency(),
        number("units_count", "signed count", "Units in the document; negative in a credit."),
        whole("lines_count", "count", "Lines in the document."),
        whole("products_count", "count", "Distinct products in the document."),
        code("segment", "Segment (country group) at the time of sale."),
        code("country", "Country of sale, as the source names it."),
        code("channel", "Sales channel."),
    ),
    "One sales document. Purchase = a sale with amount > 0; revenue = the sum over all kinds.",
)

INVOICES = Table(
    "invoices",
    "event",
    ("invoice_id",),
    "issued_at",
    (
        id_column("invoice_id", "The invoice or credit note."),
        id_column("account_id", "Who owes."),
        id_column("subscription_id", "The contract line billed.", null=True),
        id_column("order_id", "The order billed.", null=True),
        instant("issued_at", "When it was issued."),
        code("kind", "invoice or credit_note.", allowed=("invoice", "credit_note"), null=False),
        money("amount_minor", "Net amount; negative in a credit note."),
        money("tax_minor", "Tax on top.", null=True),
        currency(),
        day("due_on", "Last day to pay in time."),
        day("period_start_on", "First day of the service billed."),
        day("period_end_on", "First day after the service billed."),
    ),
    "What was billed.",
)

PAYMENTS = Table(
    "payments",
    "event",
    ("payment_id",),
    "paid_at",
    (
        id_column("payment_id", "The payment or attempt."),
        id_column("account_id", "Who pays."),
        id_column("invoice_id", "What it pays.", null=True),
        instant("paid_at", "When the attempt or its outcome was booked."),
        code(
            "outcome",
            "What came of it.",
            allowed=("paid", "failed", "refunded", "disputed", "written_off"),
            null=False,
        ),
        money("amount_minor", "Amount tried; negative in a refund."),
        currency(),
        code("method", "Card, transfer, direct debit, …"),
    ),
    "Money in, failed attempts, refunds and disputes.",
)

COSTS = Table(
    "costs",
    "event",
    ("cost_id",),
    "incurred_at",
    (
        id_column("cost_id", "The cost."),
        instant("incurred_at", "When it was incurred (start of the month, if by month)."),
        code(
            "kind",
            "What it was for.",
            allowed=("marketing", "sales", "service", "delivery", "other"),
            null=False,
        ),
        money("amount_minor", "Amount; negative = given back."),
        currency(),
        code("channel", "Channel that it bought."),
        code("campaign", "Campaign or initiative."),
        code("segment", "Segment it was spent on."),
        id_column("account_id", "Account it was spent on.", null=True),
        id_column("product_id", "Product it was spent on.", null=True),
    ),
    "What it cost to win and to serve: CAC, net CLV, return on an initiative.",
)

EXCHANGE_RATES = Table(
    "exchange_rates",
    "entity",
    ("currency_from", "currency_to", "rate_on"),
    None,
    (
        code("currency_from", "ISO 4217 code converted from.", null=False),
        code("currency_to", "ISO 4217 code converted to.", null=False),
        day("rate_on", "The day it holds for.", null=False),
        number("rate", "rate", "Units of currency_to per unit of currency_from.", null=False),
    ),
    "Rates by day; a restated rate is a new version.",
)

TABLES = (
    SUBSCRIPTIONS,
    SUBSCRIPTION_CHANGES,
    ORDERS,
    INVOICES,
    PAYMENTS,
    COSTS,
    EXCHANGE_RATES,
)
