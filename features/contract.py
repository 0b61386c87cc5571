"""What an account's contracts say: renewals and deadlines, terms, price, moves, tenure."""

from __future__ import annotations

from typing import Any

import ibis

from features.clock import ContractClock
from features.days import day_of_event
from features.ends import GRACE_DAYS
from lifecycle.snapshot import Snapshot

MONTH_DAYS = 30
"""The least that a rate per month is taken over."""
STEPS = 10_000
"""Seats and margins are added up in whole ten-thousandths: such sums have no order."""
YEAR_DAYS = 365
_SOON_DAYS = (30, 90)
_FAR_DAYS = 100_000
_OF_LARGEST = (
    "term_months",
    "notice_days",
    "billing_months",
    "payment_terms_days",
    "discount_share",
    "uplift_share",
    "is_auto_renew",
)
"""Terms that an account takes from its largest line (ties: the smaller id)."""


def build_live_lines(spells: ibis.Table, margins: ibis.Table, clock: ContractClock) -> ibis.Table:
    """Build one row per line live on the eve of today, with its next renewal and deadline."""
    today = clock.today
    live = spells.filter(
        (spells.started_day < today) & (spells.ended_day.isnull() | (spells.ended_day >= today))
    )
    joined = live.left_join(margins, live.product_id == margins.margin_id)
    live = joined.select(*live.columns, "margin_share")
    term_days = _term_days(live.term_months)
    ahead = (live.term_ends_day - today).cast("float64")
    # A term that ended without news and renews by itself runs on in steps of its length.
    rolled = ahead + (-ahead / term_days).ceil().cast("float64") * term_days
    stale = (ahead < 0) & live.auto_renew.fill_null(True) & term_days.notnull()
    renewal = stale.ifelse(rolled.round().cast("float64"), ahead)
    noticed = live.decided_day.notnull()
    mrr = live.mrr_minor.cast("float64")
    live = live.mutate(
        renewal_days=renewal,
        notice_deadline_days=renewal - live.notice_days.fill_null(0).cast("float64"),
        is_auto_renew=_as_number(live.auto_renew),
        tenure_days=(today - live.started_day).cast("float64"),
        mrr=mrr,
        noticed_mrr=noticed.ifelse(mrr, 0),
        is_noticed=noticed.ifelse(1, 0),
        # What is decided needs no renewal; only when all is, its end is what comes next.
        next_days=noticed.ifelse(renewal + 2 * _FAR_DAYS, renewal.fill_null(_FAR_DAYS)),
        # Whole steps: sums that do not depend on the rows' order.
        seat_steps=(live.seats_count * STEPS).round().cast("float64"),
        margin_mrr=(live.margin_share * STEPS).round().cast("float64") * mrr,
        margin_base=live.margin_share.notnull().ifelse(mrr, ibis.null()),
    )
    size = [ibis.desc("mrr_minor"), "subscription_id"]
    return live.mutate(
        by_size=ibis.row_number().over(ibis.window(group_by="account_id", order_by=size)),
        by_turn=ibis.row_number().over(
            ibis.window(group_by="account_id", order_by=["next_days", *size])
        ),
    )


def _as_number(flag: Any) -> Any:
    """Return 1.0 or 0.0, null when not said; engines differ in casting truth values."""
    return flag.isnull().ifelse(ibis.null(), flag.ifelse(1, 0)).cast("float64")


def build_contracts(live: ibis.Table, by: tuple[str, ...]) -> ibis.Table:
    """Build the sums of the live lines: by account, or by account and line."""
    days, undecided = live.renewal_days, live.is_noticed == 0
    soon = {
        f"renewal_{n}d_mrr": live.mrr.sum(where=undecided & days.between(0, n - 1))
        for n in _SOON_DAYS
    }
    sums = live.group_by(*by).agg(
        **{name: live[name].cast("float64").argmin(live.by_size) for name in _OF_LARGEST},
        **soon,
        mrr_minor=live.mrr.sum(),
        lines_count=live.count(),
        seats_count=live.seat_steps.sum() / STEPS,
        renewal_days=days.argmin(live.by_turn),
        notice_deadline_days=live.notice_deadline_days.argmin(live.by_turn),
        tenure_days=live.tenure_days.max(),
        spell=live.spell.max(),
        noticed_lines=live.is_noticed.sum(),
        noticed_mrr=live.noticed_mrr.sum(),
        margin_share=live.margin_mrr.sum() / STEPS / live.margin_base.sum().nullif(0),
    )
    return sums.mutate(
        under_notice=(sums.noticed_lines == sums.lines_count).ifelse(1, 0),
        notice_mrr_share=sums.noticed_mrr / sums.mrr_minor.nullif(0),
        renewal_30d_share=sums.renewal_30d_mrr.fill_null(0) / sums.mrr_minor.nullif(0),
        renewal_90d_share=sums.renewal_90d_mrr.fill_null(0) / sums.mrr_minor.nullif(0),
        is_open_ended=sums.renewal_days.isnull().ifelse(1, 0),
        term_past_share=_term_past(sums),
        mrr_seat_minor=sums.mrr_minor / sums.seats_count.nullif(0),
    )


def _term_past(sums: ibis.Table) -> Any:
    past = 1 - sums.renewal_days / _term_days(sums.term_months)
    return (past < 0).ifelse(0, past)


def _term_days(months: Any) -> Any:
    # 30.4375 days a month, without a fraction: engines differ in its literals.
    return (months.cast("float64") * 487 / 16).nullif(0)


def build_past(spells: ibis.Table, clock: ContractClock) -> ibis.Table:
    """Build what an account's lines, ended ones too, say of its past."""
    ended = spells.ended_day < clock.today
    ended_age = clock.today - spells.ended_day
    return spells.group_by("account_id").agg(
        customer_days=(clock.today - spells.first_started_day).max(),
        last_ended_days=ended_age.min(where=ended),
        lines_ended_count=spells.count(where=ended),
        lines_ended_365d_count=spells.count(where=ended & (spells.ended_day >= clock.today - 365)),
    )


def build_move_sums(
    moves: ibis.Table, spells: ibis.Table, by: tuple[str, ...], clock: ContractClock
) -> ibis.Table:
    """Build the moves of MRR before today, by account or by account and line."""
    owners = spells.filter(spells.spell == 0).select("subscription_id", "account_id")
    moves = moves.join(owners, "subscription_id")
    moves = moves.filter(moves.moved_day < clock.today)
    newest_first = ibis.window(
        group_by=[*by, "kind"], order_by=[ibis.desc("moved_day"), "subscription_id"]
    )
    moves = moves.mutate(nth_of_kind=ibis.row_number().over(newest_first))
    age = clock.today - moves.moved_day
    delta = (moves.mrr_after_minor - moves.mrr_before_minor).cast("float64")
    up, down = moves.kind == "expansion", moves.kind == "contraction"
    price = moves.kind == "price_change"
    last_price = price & (moves.nth_of_kind == 0)
    return moves.group_by(*by).agg(
        mrr_moved_90d=delta.sum(where=age <= 90),
        mrr_moved_365d=delta.sum(where=age <= 365),
        renewals_count=moves.count(where=moves.kind == "renewal"),
        expansions_365d_count=moves.count(where=up & (age <= 365)),
        contractions_365d_count=moves.count(where=down & (age <= 365)),
        contraction_age_days=age.min(where=down),
        expansion_age_days=age.min(where=up),
        price_change_age_days=age.min(where=price),
        price_delta=delta.sum(where=last_price),
        price_before=moves.mrr_before_minor.cast("float64").sum(where=last_price),
    )


def add_move_features(wide: ibis.Table) -> ibis.Table:
    """Add what follows from the moves and the present MRR."""
    then_90d = wide.mrr_minor - wide.mrr_moved_90d.fill_null(0)
    then_365d = wide.mrr_minor - wide.mrr_moved_365d.fill_null(0)
    return wide.mutate(
        mrr_90d_ratio=_change(wide.mrr_minor, then_90d),
        mrr_365d_ratio=_change(wide.mrr_minor, then_365d),
        price_change_ratio=wide.price_delta / wide.price_before.nullif(0),
    )


def _change(now: Any, then: Any) -> Any:
    """Return the relative change; null where there was nothing then."""
    return (now - then) / (then > 0).ifelse(then, ibis.null())


def add_return(wide: ibis.Table) -> ibis.Table:
    """Add is_returned: nothing was live for more than the grace before what is live now."""
    gap = (wide.last_ended_days > wide.tenure_days + GRACE_DAYS).fill_null(False)
    return wide.mutate(is_returned=(gap | (wide.spell > 0)).ifelse(1, 0))


def build_margins(snapshot: Snapshot, clock: ContractClock) -> ibis.Table:
    """Build margin_id (a product's id) and margin_share."""
    products = snapshot.known("products", clock.as_of)
    return products.select("margin_share", margin_id="product_id")


def build_serve_costs(snapshot: Snapshot, clock: ContractClock) -> ibis.Table:
    """Build account_id and served_minor: what it cost to serve in the last 365 days."""
    costs = snapshot.known("costs", clock.as_of)
    serving = costs.kind.isin(("service", "delivery")) & costs.account_id.notnull()
    costs = costs.filter(
        serving & (costs.incurred_at < clock.as_of) & (costs.incurred_at >= clock.year_ago)
    )
    age = clock.today - day_of_event(snapshot, "costs", costs.incurred_at)
    return costs.group_by("account_id").agg(
        served_minor=costs.amount_minor.cast("float64").sum(where=age <= YEAR_DAYS)
    )
