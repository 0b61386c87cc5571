"""How deals come to be: leads, opportunities and their changes, activities, targets, stages."""

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

CATEGORIES = ("commit", "best_case", "pipeline", "omitted", "closed")

CLOSE_YEARS = (1990, 2100)
"""First and last year of a believable expected close.

1900-01-01 and 2999-12-31 are how people write that they do not know: kept as a fact, and unknown
to the features.
"""

LEADS = Table(
    "leads",
    "entity",
    ("lead_id",),
    "created_at",
    (
        id_column("lead_id", "The lead."),
        id_column("account_id", "The account it became or belongs to.", null=True),
        id_column("contact_id", "The person.", null=True),
        id_column("owner_id", "Who follows it up.", null=True),
        instant("created_at", "When it came in."),
        code("source", "Where it came from."),
        code("channel", "Marketing channel."),
        code("campaign", "Campaign or landing page."),
        code("segment", "Segment."),
        code("country", "Country as the source names it."),
        code(
            "status",
            "State in this version.",
            allowed=("open", "qualified", "converted", "disqualified"),
        ),
        instant("qualified_at", "When it was accepted by sales.", null=True),
        instant("converted_at", "When it became a customer or a deal.", null=True),
        id_column("opportunity_id", "The deal it became.", null=True),
    ),
    "A first contact that may become a deal.",
)

OPPORTUNITIES = Table(
    "opportunities",
    "entity",
    ("opportunity_id",),
    "created_at",
    (
        id_column("opportunity_id", "The deal."),
        id_column("account_id", "With whom.", null=True),
        id_column("lead_id", "Where it began.", null=True),
        id_column("owner_id", "Whose deal it is.", null=True),
        id_column("product_id", "Main product.", null=True),
        code(
            "kind",
            "New business, expansion or renewal: each has its own model.",
            allowed=("new_business", "expansion", "renewal"),
        ),
        instant(
            "created_at",
            "When it was opened; absent where the source has no dates: such a deal is never seen "
            "open.",
            null=True,
        ),
        code("source", "Where it came from."),
        code("stage", "Stage in this version, as the source names it."),
        code("category", "Forecast category in this version.", allowed=CATEGORIES),
        money("amount_minor", "Expected amount in this version.", null=True),
        currency(null=True),
        day(
            "close_on",
            "Expected close in this version; on a closed deal, the close. Outside 1990-2100 "
            "it is kept, and unknown to the features.",
        ),
        code("outcome", "State in this version.", allowed=("open", "won", "lost")),
        instant("closed_at", "When it was won or lost.", null=True),
        instant("next_step_at", "When the next step is due.", null=True),
        code("competitor", "Competitor named."),
        number("discount_share", "share", "Discount asked for."),
        whole("term_months", "months", "Contract length offered."),
    ),
    "A deal as it stood, version by version; how it moved is in the changes.",
)

OPPORTUNITY_CHANGES = Table(
    "opportunity_changes",
    "event",
    ("change_id",),
    "changed_at",
    (
        id_column("change_id", "The change."),
        id_column("opportunity_id", "The deal."),
        instant("changed_at", "When the field was changed."),
        code(
            "field",
            "Which field moved; its values stand in the pair of columns of its type.",
            allowed=(
                "created",
                "stage",
                "amount",
                "close_on",
                "category",
                "owner",
                "outcome",
                "next_step",
                "other",
            ),
            null=False,
        ),
        code("text_before", "Stage, category, owner id or outcome before."),
        code("text_after", "Stage, category, owner id or outcome after."),
        money("amount_before_minor", "Amount before.", null=True),
        money("amount_after_minor", "Amount after.", null=True),
        currency(null=True),
        day("close_before_on", "Expected close before."),
        day("close_after_on", "Expected close after."),
        id_column("changed_by", "Owner who changed it.", null=True),
    ),
    "Each move of a deal's stage, amount, close date, category, owner or outcome.",
)

ACTIVITIES = Table(
    "activities",
    "event",
    ("activity_id",),
    "occurred_at",
    (
        id_column("activity_id", "The activity."),
        id_column("account_id", "With which account.", null=True),
        id_column("opportunity_id", "About which deal.", null=True),
        id_column("lead_id", "About which lead.", null=True),
        id_column("contact_id", "With whom.", null=True),
        id_column("owner_id", "By whom.", null=True),
        code("kind", "email, call, meeting, sequence, campaign, chat, …", null=False),
        code("direction", "in: from them · out: from us.", allowed=("in", "out")),
        code("outcome", "held, no_show, answered, bounced, …"),
        instant("occurred_at", "When it took place."),
        number("duration_minutes", "minutes", "How long."),
        whole("people_count", "count", "People of theirs who took part."),
        number("sentiment", "number", "Tone in -1..1, if the source measures it."),
    ),
    "Contact between us and them.",
)

TARGETS = Table(
    "targets",
    "entity",
    ("target_id",),
    None,
    (
        id_column("target_id", "The target or quota."),
        code(
            "level",
            "Whose target it is.",
            allowed=("company", "segment", "region", "team", "owner", "product", "initiative"),
            null=False,
        ),
        code("level_name", "Segment, region, team, owner id, product id; null for the company."),
        code("metric", "bookings, revenue, new_mrr, pipeline, retention, …", null=False),
        day("period_start_on", "First day.", null=False),
        day("period_end_on", "First day after.", null=False),
        money("amount_minor", "The target, when it is money.", null=True),
        currency(null=True),
        number("amount", "number", "The target, when it is not money."),
        money("pay_at_target_minor", "On-target earnings of the owner.", null=True),
    ),
    "Plans and quotas, as they stood.",
)

STAGE_MAPS = Table(
    "stage_maps",
    "entity",
    ("pipeline", "source_stage", "effective_from"),
    None,
    (
        code("pipeline", "The source's pipeline.", null=False),
        code("source_stage", "The stage as the source names it.", null=False),
        day("effective_from", "First day on which the name means this.", null=False),
        day("effective_to", "First day on which it no longer does."),
        code("stage", "Our name, stable over renames.", null=False),
        whole("position", "count", "Place in the order, from 0.", null=False),
        number("win_share", "share", "The source's own stage probability."),
        flag("is_won", "Means won.", null=False),
        flag("is_lost", "Means lost.", null=False),
    ),
    "What each stage's name meant, and when.",
)

TABLES = (LEADS, OPPORTUNITIES, OPPORTUNITY_CHANGES, ACTIVITIES, TARGETS, STAGE_MAPS)
