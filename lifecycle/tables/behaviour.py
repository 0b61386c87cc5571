"""What accounts did and said, and what we did about it: usage, tickets, surveys, rescue work."""

from __future__ import annotations

from lifecycle.tables.declare import (
    Table,
    code,
    currency,
    flag,
    id_column,
    instant,
    money,
    number,
    whole,
)

USAGE = Table(
    "usage",
    "event",
    ("usage_id",),
    "used_at",
    (
        id_column("usage_id", "The measurement; a mapping may join it from other columns."),
        id_column("account_id", "Who used it."),
        id_column("subscription_id", "Under which contract line.", null=True),
        id_column("product_id", "Which product.", null=True),
        id_column("contact_id", "By whom, when measured per person.", null=True),
        code(
            "metric",
            "What is counted: logins, active users, a feature, …",
            null=False,
        ),
        instant("used_at", "Start of the span that is counted."),
        number("span_days", "days", "Length of the span: 1 = daily, 7 = weekly.", null=False),
        number("quantity", "count", "How much in the span.", null=False),
    ),
    "Use of the product by metric and span.",
)

TICKETS = Table(
    "tickets",
    "entity",
    ("ticket_id",),
    "opened_at",
    (
        id_column("ticket_id", "The ticket."),
        id_column("account_id", "Who asked."),
        id_column("contact_id", "By whom.", null=True),
        id_column("product_id", "About what.", null=True),
        instant("opened_at", "When it was opened."),
        code(
            "severity",
            "low, normal, high or urgent.",
            allowed=("low", "normal", "high", "urgent"),
        ),
        code("topic", "Kind of request; offboarding topics may never be features."),
        code("status", "State in this version.", allowed=("open", "pending", "solved", "closed")),
        instant("first_replied_at", "First answer by a person.", null=True),
        instant("reply_due_at", "Answer promised by.", null=True),
        instant("solved_at", "Last time it was solved.", null=True),
        whole("reopened_count", "count", "Times it was opened again."),
        number("sentiment", "number", "Tone in -1..1, if the source measures it."),
    ),
    "A support ticket, version by version, so that a solved date is not seen before it was known.",
)

SURVEYS = Table(
    "surveys",
    "event",
    ("response_id",),
    "answered_at",
    (
        id_column("response_id", "The answer, or the invitation that stayed without one."),
        id_column("account_id", "Who was asked."),
        id_column("contact_id", "The person.", null=True),
        code("kind", "nps, csat or ces.", allowed=("nps", "csat", "ces"), null=False),
        code("outcome", "answered or unanswered.", allowed=("answered", "unanswered"), null=False),
        instant("invited_at", "When it was asked.", null=True),
        instant("answered_at", "When it was answered, or closed without an answer."),
        number("score", "number", "The score on the scale of its kind; null when unanswered."),
        number("scale_top", "number", "Highest score possible (NPS: 10)."),
    ),
    "Satisfaction asked and answered; silence is kept, because it says something.",
)

INTERVENTIONS = Table(
    "interventions",
    "event",
    ("intervention_id",),
    "started_at",
    (
        id_column("intervention_id", "The piece of work."),
        id_column("account_id", "For whom."),
        id_column("opportunity_id", "For which deal.", null=True),
        id_column("owner_id", "By whom.", null=True),
        instant("started_at", "When it was begun, or the account was held out."),
        code("kind", "call, visit, training, offer, discount, executive, …", null=False),
        code("campaign", "Programme or initiative that it is part of."),
        flag("is_holdout", "Drawn at random to be left alone, for comparison.", null=False),
        code("outcome", "What came of it, as known at that time."),
        money("cost_minor", "What it cost.", null=True),
        currency(null=True),
    ),
    "Rescue and growth work, with its random hold-out group.",
)

TABLES = (USAGE, TICKETS, SURVEYS, INTERVENTIONS)
