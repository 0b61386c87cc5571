"""Every column of the deal frame: name, unit, meaning, family, whether one can act on it.

A row is a deal open on a landmark day D, as known before D began. Windows look back over the days
``[D - n, D)`` in the company's zone. A value that is undefined (nothing told, a ratio over nothing,
too few deals to learn from) is NaN; a count of nothing is 0.
"""

from __future__ import annotations

from features.columns import Column, Family, Unit
from features.deals.context_columns import (
    ACCOUNT_COLUMNS,
    OWNER_COLUMNS,
    PATH_COLUMNS,
    WINDOWS_DAYS,
)

_DEALS = "opportunities, opportunity_changes"
_MAPPED = "opportunities, opportunity_changes, stage_maps"
_DONE = "activities"


def _of(
    family: Family, source: str, *columns: tuple[str, Unit, str], actionable: bool = False
) -> tuple[Column, ...]:
    return tuple(
        Column(name, unit, meaning, family, actionable, source) for name, unit, meaning in columns
    )


KEY_COLUMNS = (
    *_of(
        "id", _DEALS,
        ("opportunity_id", "id", "The deal."),
        ("account_id", "id", "With whom."),
        ("owner_id", "id", "Whose deal it is."),
        ("as_of", "id", "The landmark day."),
        ("kind", "id", "New business or expansion; renewals are not in the frame."),
        ("currency", "id", "Currency of the amount."),
        ("product_id", "id", "Main product."),
        ("close_on", "id", "The day on which the deal is expected to close."),
        ("next_step_on", "id", "The day on which the next step is due."),
    ),
    *_of("id", "owners", ("team", "id", "The owner's team.")),
)  # fmt: skip
"""What names a row or stands beside it; never a feature."""

_TEXTS = (
    *_of("stage", _MAPPED, ("stage", "text", "Stage by our name, stable over renames.")),
    *_of("stage", _DEALS, ("category", "text", "Forecast category that the seller gave it.")),
    *_of("account", "opportunities", ("source", "text", "Where the deal came from.")),
    *_of("account", "accounts", ("segment", "text", "The account's segment.")),
)

_STAGE = _of(
    "stage", _MAPPED,
    ("stage_position", "count", "The stage's place in the order, from 0."),
    ("stage_win_share", "share", "The sales system's own chance to win in this stage."),
    ("stage_moves_count", "count", "Moves from one open stage to another."),
    ("stage_regressions_count", "count", "Moves back to an earlier stage."),
    ("stage_skips_count", "count", "Moves forward that left a stage out."),
    ("stage_loops_count", "count", "Returns to a stage where the deal had been before."),
    ("reopened_count", "count", "How often the deal was opened again after it was closed."),
)  # fmt: skip

_CATEGORY = _of(
    "stage", _DEALS,
    ("is_commit", "flag", "The seller commits to it."),
    ("is_best_case", "flag", "The seller calls it best case."),
    ("is_omitted", "flag", "The seller leaves it out of the forecast."),
    ("category_changes_count", "count", "Changes of the forecast category."),
    ("category_days", "days", "Days since the forecast category was set."),
)  # fmt: skip

_TIMING = _of(
    "timing", _MAPPED,
    ("stage_age_days", "days", "Days in the present stage."),
    ("age_days", "days", "Days since the deal was created."),
    ("stage_age_vs_won", "ratio", "Days in the stage over the median stay there of deals won by "
     "then."),
    ("stage_overdue_won_p90", "flag", "Longer in the stage than nine in ten of the deals won by "
     "then."),
    ("forward_days", "days", "Days since the last move to a later stage, or since creation."),
    actionable=True,
)  # fmt: skip

_CLOSE = _of(
    "close_date", _DEALS,
    ("close_days", "days", "Days to the expected close; negative when it has passed."),
    ("close_in_quarter", "flag", "The expected close lies in this quarter, or has passed."),
    ("overdue_days", "days", "Days since the expected close passed; 0 before."),
    ("close_past_quarter_days", "days", "Days from the quarter's end to the expected close."),
    ("close_placeholder", "flag", "The expected close is the last day of a month."),
    ("close_quarter_end", "flag", "The expected close is the last day of a fiscal quarter."),
    ("push_count", "count", "How often the expected close was moved to a later day."),
    ("push_days", "days", "Days by which the expected close was moved later, added up."),
    ("pull_count", "count", "How often the expected close was moved to an earlier day."),
    ("pull_days", "days", "Days by which the expected close was moved earlier, added up."),
    ("close_move_days", "days", "Days by which the last edit moved the expected close."),
    ("close_mean_days", "days", "Days to the mean of all close dates told so far."),
    ("close_firm_days", "days", "Days to the last close date told that is no placeholder."),
    ("close_edit_days", "days", "Days since the expected close was last edited."),
    ("next_step_days", "days", "Days to the next step; negative when it has passed."),
    actionable=True,
)  # fmt: skip

_AMOUNT = _of(
    "amount", _DEALS,
    ("amount_minor", "minor", "Expected amount, in the deal's own currency."),
    ("amount_log", "log", "Logarithm of the expected amount."),
    ("amount_z", "ratio", "Logarithm of the amount against other deals of the segment and "
     "currency, in standard deviations."),
    ("amount_edits_count", "count", "How often the amount was edited."),
    ("amount_ups_count", "count", "How often the amount was raised."),
    ("amount_downs_count", "count", "How often the amount was lowered."),
    ("amount_change_log", "log", "Logarithm of the amount over the first one told."),
    ("amount_edit_days", "days", "Days since the amount was last edited."),
    ("discount_share", "share", "Discount asked for."),
    ("term_months", "count", "Contract length offered, in months."),
    ("has_competitor", "flag", "A competitor is named."),
)  # fmt: skip

_ACTIVITY = (
    *(
        Column(f"activities_{days}d_count", "count", f"Contacts in the last {days} days.",
               "activity", actionable=True, source=_DONE)
        for days in WINDOWS_DAYS
    ),
    *_of(
        "activity", _DONE,
        ("activities_count", "count", "Contacts ever."),
        ("two_way_28d_count", "count", "Replies, held meetings and answered calls in the last 28 "
         "days."),
        ("two_way_week_rate", "rate", "Replies, held meetings and answered calls per week of the "
         "deal's life."),
        ("two_way_peer_ratio", "ratio", "What comes back a week, over the mean of open deals in "
         "the same stage."),
        ("two_way_28d_peer_ratio", "ratio", "What came back a week in the last 28 days, over the "
         "mean of open deals in the same stage."),
        ("two_way_share", "share", "Share of contacts that came back: replies, held meetings, "
         "answered calls."),
        ("silence_days", "days", "Days since the last contact, or since creation."),
        ("two_way_silence_days", "days", "Days since anything came back, or since creation."),
        ("replies_28d_count", "count", "Replies of theirs in the last 28 days."),
        ("replies_56d_count", "count", "Replies of theirs in the last 56 days."),
        ("outreach_28d_count", "count", "What we sent or called in the last 28 days."),
        ("calls_28d_count", "count", "Calls in the last 28 days."),
        ("reply_hours", "ratio", "Mean hours until they answered what we had sent."),
        ("meetings_28d_count", "count", "Meetings held in the last 28 days."),
        ("meetings_held_count", "count", "Meetings held ever."),
        ("no_shows_count", "count", "Meetings to which they did not come."),
        ("next_meeting", "flag", "A meeting is booked."),
        ("sentiment_mean", "ratio", "Mean tone of contacts, from -1 to 1."),
        ("sentiment_28d_mean", "ratio", "Mean tone of contacts in the last 28 days."),
        actionable=True,
    ),
)  # fmt: skip

_PEOPLE = (
    *_of(
        "people", _DONE,
        ("contacts_count", "count", "Distinct people of theirs in contact."),
        ("people_max_count", "count", "Most people of theirs in one contact."),
        actionable=True,
    ),
    *_of(
        "people", "activities, contacts",
        ("senior_contacts_count", "count", "Distinct people in contact who decide, sign or buy: "
         "executives, directors, sponsors, legal, procurement."),
        actionable=True,
    ),
)  # fmt: skip

_OWNER = _of(
    "owner", _DEALS,
    ("owner_changes_count", "count", "How often the deal was handed to another owner."),
    ("owner_days", "days", "Days with the present owner."),
)  # fmt: skip

_EDIT = _of(
    "timing", _DEALS,
    ("edit_days", "days", "Days since anything of the deal was edited."),
    actionable=True,
)  # fmt: skip

_KIND = _of(
    "account", "opportunities",
    ("is_expansion", "flag", "It is for a customer that buys more."),
)  # fmt: skip

_CALENDAR = _of(
    "calendar", "as of",
    ("quarter_week", "count", "Week of the fiscal quarter, 0 to 12 (13 in a quarter of 14 weeks)."),
    ("weeks_left", "count", "Weeks of the quarter still to come after this one."),
    ("quarter_days_left", "days", "Days left in the quarter, this one included."),
    ("quarter_month", "count", "Month in which the quarter begins, to the nearest, 1 to 12."),
)  # fmt: skip

DEAL_COLUMNS: tuple[Column, ...] = (
    *KEY_COLUMNS, *_TEXTS, *_STAGE, *_KIND, *_CATEGORY, *_OWNER, *_EDIT, *_TIMING, *_CLOSE,
    *_AMOUNT, *_ACTIVITY, *_PEOPLE, *_CALENDAR, *OWNER_COLUMNS, *ACCOUNT_COLUMNS, *PATH_COLUMNS,
)  # fmt: skip
"""Columns of the deal frame, in frame order; custom fields come after them."""

DEAL_TEXTS: tuple[str, ...] = tuple(column.name for column in _TEXTS)
"""Columns that are text and no key."""

DEAL_DATES: tuple[str, ...] = ("as_of", "close_on", "next_step_on")
"""Keys that are days."""
