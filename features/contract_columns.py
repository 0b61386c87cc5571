"""Every column of the contract frame: name, unit, meaning, family, whether one can act on it.

Windows look back from the as-of day D over the days ``[D - n, D)`` in the company's zone; those of
usage are whole weeks that end with the last span known of any account. A value that is undefined
(no such history, a ratio over nothing) is NaN; a count of nothing is 0.
"""

from __future__ import annotations

from features.columns import Column, Family, Unit

USAGE_DAYS = (28, 84, 182, 364)
_ROLES = {
    "active": "Active users",
    "events": "Events a week",
    "key": "Use of the key feature a week",
    "admin": "Logins of administrators a week",
    "breadth": "Distinct features in use",
}


def _of(
    family: Family, source: str, *columns: tuple[str, Unit, str], actionable: bool = False
) -> tuple[Column, ...]:
    return tuple(
        Column(name, unit, meaning, family, actionable, source) for name, unit, meaning in columns
    )


_ID = (Column("account_id", "id", "The account.", "id", source="subscriptions"),)
LINE = Column("subscription_id", "id", "The contract line.", "id", source="subscriptions")

_LINES = "subscriptions, subscription_changes"
_MOVES = "subscription_changes"

_RENEWAL = _of(
    "renewal", _LINES,
    ("under_notice", "flag", "All its live lines are decided to end."),
    ("notice_mrr_share", "share", "Share of MRR decided to end."),
    ("renewal_days", "days", "Days to the next renewal of a line that is not decided; NaN "
     "open-ended; negative when a term ran out without news and does not renew by itself."),
    ("notice_deadline_days", "days", "Days to the notice deadline of that renewal; negative once "
     "it has passed."),
    ("renewal_30d_share", "share", "Share of MRR up for renewal in the next 30 days."),
    ("renewal_90d_share", "share", "Share of MRR up for renewal in the next 90 days."),
    ("is_open_ended", "flag", "No line that may stay has a term."),
    ("is_auto_renew", "flag", "The largest line renews unless notice is given; NaN not said."),
    ("term_past_share", "share", "Share of the largest line's term that has passed."),
)  # fmt: skip

_CONTRACT = _of(
    "contract", _LINES,
    ("lines_count", "count", "Live lines."),
    ("seats_count", "count", "Seats licensed; 0 when not said."),
    ("term_months", "ratio", "Months of the largest line's term."),
    ("notice_days", "days", "Notice period of the largest line."),
    ("billing_months", "ratio", "Months per invoice of the largest line."),
    ("payment_terms_days", "days", "Days from invoice to due of the largest line."),
    ("margin_share", "share", "Gross margin of its products, weighted by MRR; NaN unknown."),
    ("serve_cost_minor", "minor", "What serving it cost per month in the last 12; NaN unknown."),
)  # fmt: skip

_PRICE = _of(
    "price", _LINES,
    ("mrr_minor", "minor", "Monthly recurring revenue of its live lines."),
    ("mrr_seat_minor", "minor", "Monthly recurring revenue per seat."),
    ("price_peer_ratio", "ratio", "Price per seat over the mean of its segment."),
    ("discount_share", "share", "Discount of the largest line against list price."),
    ("uplift_share", "ratio", "Price change agreed for the largest line's next renewal."),
    ("price_change_ratio", "ratio", "Last price change, relative to the price before."),
    ("price_change_age_days", "days", "Days since the last price change."),
    actionable=True,
)  # fmt: skip

_BILLING = _of(
    "billing", "invoices, payments",
    ("invoices_365d_count", "count", "Invoices of the last 365 days."),
    ("late_90d_count", "count", "Invoices due in the last 90 days and not paid in time."),
    ("late_365d_count", "count", "Invoices due in the last 365 days and not paid in time."),
    ("late_365d_share", "share", "Share of the invoices due in the last 365 days that were not "
     "paid in time."),
    ("beyond_terms_90d_days", "days", "Mean days beyond terms of invoices due in 90 days."),
    ("beyond_terms_365d_days", "days", "Mean days beyond terms of invoices due in 365 days."),
    ("overdue_minor", "minor", "Money overdue now."),
    ("overdue_days", "days", "Days that the oldest open invoice is overdue; NaN none is."),
    ("failed_90d_count", "count", "Payments that failed in the last 90 days."),
    ("failed_365d_count", "count", "Payments that failed in the last 365 days."),
    ("failed_age_days", "days", "Days since a payment last failed, within 400."),
    ("credit_notes_365d_count", "count", "Credit notes of the last 365 days."),
    ("credited_365d_minor", "minor", "Money credited in the last 365 days."),
    ("revenue_total_minor", "minor", "Revenue billed and earned ever, straight-line by day."),
    ("disputes_365d_count", "count", "Payments disputed or written off in the last 365 days."),
    actionable=True,
)  # fmt: skip


def _usage() -> tuple[Column, ...]:
    levels = [
        (f"{role}_{n}d_rate", "rate", f"{what}, over {n} days.")
        for role, what in _ROLES.items()
        for n in USAGE_DAYS
    ]
    others: list[tuple[str, Unit, str]] = [
        ("seat_use_28d_ratio", "ratio", "Active users over seats licensed, over 28 days."),
        ("seat_use_84d_ratio", "ratio", "Active users over seats licensed, over 84 days."),
        (
            "seat_use_peer_ratio",
            "ratio",
            "Active users over seats of 28 days, over the mean of its country.",
        ),
        ("events_seat_28d_ratio", "ratio", "Events a week per seat, over 28 days."),
        ("events_seat_84d_ratio", "ratio", "Events a week per seat, over 84 days."),
        ("active_peak_ratio", "ratio", "Active users of 28 days over their highest in a year."),
        ("idle_days", "days", "Days since the last span with any use, within 364."),
        ("idle_84d_share", "share", "Share of 84 days without any use."),
        ("key_idle_days", "days", "Days since the key feature was last used, within 364."),
        ("admin_idle_days", "days", "Days since an administrator last logged in, within 364."),
        ("has_usage", "flag", "Its use was measured at all in the last year."),
    ]
    return _of("usage", "usage", *((n, "rate", m) for n, _, m in levels), *others, actionable=True)


_TREND = (
    *_of(
        "trend", "usage",
        *(
            (f"{role}_{short}_{long}_log", "log", f"{what}: {short} against {long}, log-ratio.")
            for role, what in _ROLES.items()
            for short, long in (("28d", "84d"), ("84d", "182d"), ("84d", "364d"))
        ),
        ("active_peer_28d_84d_log", "log", "Active users, 28d against 84d, less the mean of its "
         "country: what no holiday explains."),
        ("active_peer_84d_364d_log", "log", "The same, 84d against 364d."),
        ("usage_slope_ratio", "ratio", "How much later than evenly its events of 182 days fell, "
         "from -1 to 1."),
        actionable=True,
    ),
    *_of(
        "trend", _MOVES,
        ("mrr_90d_ratio", "ratio", "Change of MRR over 90 days, relative."),
        ("mrr_365d_ratio", "ratio", "Change of MRR over 365 days, relative."),
        ("expansions_365d_count", "count", "Expansions of the last 365 days."),
        ("contractions_365d_count", "count", "Contractions of the last 365 days."),
        ("expansion_age_days", "days", "Days since the last expansion."),
        ("contraction_age_days", "days", "Days since the last contraction."),
    ),
)  # fmt: skip

_SUPPORT = _of(
    "support", "tickets",
    *((f"tickets_{n}d_count", "count", f"Tickets opened in the last {n} days.")
      for n in (30, 90, 180, 365)),
    *((f"severe_tickets_{n}d_count", "count", f"High or urgent tickets of the last {n} days.")
      for n in (30, 90, 180)),
    ("tickets_seat_90d_ratio", "ratio", "Tickets of the last 90 days per seat."),
    ("tickets_open_count", "count", "Tickets open now."),
    ("severe_open_count", "count", "High or urgent tickets open now."),
    ("ticket_open_days", "days", "Age of the oldest open ticket; NaN none is open."),
    ("ticket_age_days", "days", "Days since the last ticket, within 400."),
    ("reopened_180d_count", "count", "Times that tickets of the last 180 days were reopened."),
    ("late_reply_180d_count", "count", "Tickets of the last 180 days answered too late."),
    ("ticket_sentiment_180d_ratio", "ratio", "Mean tone of the tickets of 180 days, -1 to 1."),
    actionable=True,
)  # fmt: skip

_SURVEY = _of(
    "survey", "surveys",
    ("nps_score", "ratio", "Last answer to would-you-recommend, 0 to 10, within 400 days."),
    ("nps_change", "ratio", "Last answer less the one before."),
    ("nps_age_days", "days", "Days since that answer; 400 when there is none."),
    ("nps_missing", "flag", "No such answer in the last 400 days."),
    ("satisfaction_365d_ratio", "ratio", "Mean of other scores of the last 365 days, 0 to 10."),
    ("asked_365d_count", "count", "Surveys answered or closed in the last 365 days."),
    ("answered_365d_share", "share", "Share of them that was answered."),
    ("last_survey_silent", "flag", "The last one stayed without an answer."),
)  # fmt: skip

_RELATIONSHIP = _of(
    "relationship", "activities, contacts, interventions",
    ("meeting_age_days", "days", "Days since we last met or spoke, within 400."),
    ("meetings_90d_count", "count", "Meetings and calls of the last 90 days."),
    ("meetings_365d_count", "count", "Meetings and calls of the last 365 days."),
    ("missed_180d_count", "count", "Meetings of the last 180 days to which they did not come."),
    ("activities_90d_count", "count", "Contacts of any kind in the last 90 days."),
    ("inbound_90d_count", "count", "Contacts begun by them in the last 90 days."),
    ("meeting_people_ratio", "ratio", "Mean number of their people per meeting in a year."),
    ("meeting_sentiment_ratio", "ratio", "Mean tone of the meetings of 180 days, -1 to 1."),
    ("contacts_count", "count", "People known there."),
    ("champions_count", "count", "Champions there."),
    ("sponsors_count", "count", "Executive sponsors there."),
    ("contacts_left_180d_count", "count", "People who left it in the last 180 days."),
    ("champions_left_180d_count", "count", "Champions who left it in the last 180 days."),
    ("champion_left_days", "days", "Days since a champion last left."),
    ("champion_lost", "flag", "It had a champion and has none."),
    ("treated_90d_count", "count", "Rescue work begun in the last 90 days."),
    actionable=True,
)  # fmt: skip

_COMMERCIAL = _of(
    "commercial", "opportunities, opportunity_changes",
    ("expansion_open_count", "count", "Expansion deals open."),
    ("expansion_open_minor", "minor", "Their amount."),
    ("expansion_open_days", "days", "Age of the oldest of them."),
    ("renewal_deal_open_count", "count", "Renewal deals open."),
    ("renewal_deal_close_days", "days", "Days to the next expected close of them."),
    ("deal_pushes_count", "count", "Times that the close of its open deals was put off."),
    ("deal_discount_share", "share", "Largest discount asked for in its open deals."),
    ("expansion_won_365d_count", "count", "Expansion deals won in the last 365 days."),
    ("expansion_lost_180d_count", "count", "Expansion deals lost in the last 180 days."),
    ("expansion_lost_365d_count", "count", "Expansion deals lost in the last 365 days."),
    ("competitor_180d_count", "count", "Its deals, open or closed within 180 days, that name a "
     "competitor."),
    actionable=True,
)  # fmt: skip

_TENURE = _of(
    "tenure", _LINES,
    ("tenure_days", "days", "Days since its oldest live line began, before the data if so."),
    ("customer_days", "days", "Days since its first line ever began."),
    ("renewals_count", "count", "Renewals on record."),
    ("is_returned", "flag", "A live line had ended and came back."),
    ("lines_ended_count", "count", "Lines that ended."),
    ("lines_ended_365d_count", "count", "Lines that ended in the last 365 days."),
)  # fmt: skip

_CONTEXT = (
    *_of(
        "context", "accounts",
        ("segment", "text", "The account's segment."),
        ("industry", "text", "Its line of business."),
        ("country", "text", "Its country."),
    ),
    *_of(
        "context", _LINES,
        ("segment_ended_365d_share", "share", "Lines of the segment that ended in the last 365 "
         "days, over those live or ended in them."),
        ("company_ended_90d_share", "share", "The same for all accounts and 90 days."),
        ("company_ended_ratio", "ratio", "Rate at which lines ended in 90 days over that of 365."),
    ),
    *_of(
        "context", "as of",
        ("month_sin", "ratio", "Season: sine of the month's place in the year."),
        ("month_cos", "ratio", "Season: cosine of the month's place in the year."),
    ),
)  # fmt: skip

CONTRACT_COLUMNS: tuple[Column, ...] = (
    *_ID, *_RENEWAL, *_CONTRACT, *_PRICE, *_BILLING, *_usage(), *_TREND, *_SUPPORT, *_SURVEY,
    *_RELATIONSHIP, *_COMMERCIAL, *_TENURE, *_CONTEXT,
)  # fmt: skip
"""Columns of the contract frame for accounts, in frame order; custom fields follow them."""

ZERO_WHEN_ABSENT = frozenset(
    {column.name for column in CONTRACT_COLUMNS if column.unit == "count"}
    | {"overdue_minor", "credited_365d_minor", "expansion_open_minor", "notice_mrr_share"}
    | {"last_survey_silent", "champion_lost"}
)
"""Where an account without such rows has none of it, instead of nothing being known."""


def attribute_column(name: str) -> Column:
    """Return the column of a custom field by its name in the frame.

    Examples
    --------
    >>> attribute_column("number:employees").meaning
    'Custom field employees.'
    """
    kind, _, field = name.partition(":")
    unit: Unit = "ratio" if kind == "number" else "text"
    return Column(name, unit, f"Custom field {field}.", "attributes", source="attributes")
