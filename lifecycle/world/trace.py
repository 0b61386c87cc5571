"""What happened in a world, latents included: plain arrays, from which all tables are made.

Clock: days are whole numbers since ``params.start`` (negative before it), weeks likewise.
Column w of a weekly matrix is the state at the start of week w, day ``7 w``: it knows what happened
on days before it and nothing of the week itself; whatever is observed during week w is drawn
from column w. The last column, number ``weeks``, is the state in which the clock stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lifecycle.world.macro import MacroPath
from lifecycle.world.presets import PRODUCTS, WorldParams
from lifecycle.world.seams import PipelineTrace, TextArray

CodeArray = npt.NDArray[np.int8]
DayArray = npt.NDArray[np.int32]
MinorArray = npt.NDArray[np.int64]
SmallFloats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Records = npt.NDArray[np.void]

KINDS = (
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
    "reactivation",
)
CAUSES = ("nonrenewal", "midterm", "involuntary")
PRODUCT_ADDON = len(PRODUCTS) - 1
JUMPS = ("champion", "incident", "competitor")

MOVEMENT = np.dtype(
    [
        ("kind", np.int8),
        ("line", np.int32),
        ("account", np.int32),
        ("decided_day", np.int32),
        ("effective_day", np.int32),
        ("mrr_before_minor", np.int64),
        ("mrr_after_minor", np.int64),
        ("seats_before", np.float32),
        ("seats_after", np.float32),
        ("term_ends_day", np.int32),
        ("uplift_share", np.float32),
        ("deal", np.int32),
    ]
)
JUMP = np.dtype([("kind", np.int8), ("account", np.int32), ("week", np.int32)])


@dataclass(frozen=True)
class Accounts:
    """One row per contractual account that ever held a contract, arrays of shape (n,).

    Parameters
    ----------
    account_id
        As in the lake.
    segment, industry, region, channel
        Codes into ``SEGMENTS``, ``INDUSTRIES``, ``REGIONS`` (the country), ``CHANNELS``.
    csm
        Number of the customer success manager (``csm_name``): the owner of the account.
    created_day
        Day on which the account came into being: its lead, or before its first contract.
    created_week
        First week whose column counts the account; 0 for the initial base.
    fit
        How well the product suits them, about standard normal; raises health and adoption.
    frailty
        Lasting log-odds taste for leaving (standard normal, times ``risk.frailty``): no
        observable but a custom field or two should carry traces of it.
    term_months, notice_days
        Of all their lines; ``term_months`` 1 is the open monthly plan.
    auto_renew
        Whether a term goes on without a signature.
    serve_cost_minor
        Expected monthly cost to serve while a contract lives.
    """

    account_id: TextArray
    segment: CodeArray
    industry: CodeArray
    region: CodeArray
    channel: CodeArray
    csm: npt.NDArray[np.int16]
    created_day: DayArray
    created_week: DayArray
    fit: SmallFloats
    frailty: SmallFloats
    term_months: npt.NDArray[np.int16]
    notice_days: npt.NDArray[np.int16]
    auto_renew: Flags
    serve_cost_minor: SmallFloats


@dataclass(frozen=True)
class Weekly:
    """State at the start of every week, matrices of shape (n, weeks + 1).

    Before an account's ``created_week`` floats are NaN, amounts 0, flags false, days -1. Latents
    go on after an account left, because it may come back.

    Parameters
    ----------
    health
        ``base + champion + incident + competitor``: high is good, about standard normal.
    base
        The slow AR(1) part.
    champion, incident, competitor
        What is left of the jumps, never positive; each heals by its half-life.
    pay_trouble
        0 = pays as agreed; a spell starts at 1 and heals.
    uplift
        Price change (a share) agreed for the next renewal; known to the customer.
    mrr_minor
        MRR of all live lines; 0 when none. While noticed the old MRR is still paid.
    addon_mrr_minor
        Of it, the second line's.
    seats
        Seats licensed.
    term_ends_day
        First day after the present term (the renewal), every term included, monthly ones too.
    contract_started_day
        First day of the present contract (not term): tenure and later terms count from it.
    active
        Holds a live line: a line is live on day D if it started before D and did not end before D.
    noticed
        Gave notice of leaving altogether, and still holds a line.
    addon_noticed
        Gave notice of dropping the second line only, at the end of its term.
    """

    health: SmallFloats
    base: SmallFloats
    champion: SmallFloats
    incident: SmallFloats
    competitor: SmallFloats
    pay_trouble: SmallFloats
    uplift: SmallFloats
    mrr_minor: MinorArray
    addon_mrr_minor: MinorArray
    seats: SmallFloats
    term_ends_day: DayArray
    contract_started_day: DayArray
    active: Flags
    noticed: Flags
    addon_noticed: Flags


@dataclass(frozen=True)
class Lines:
    """One row per contract line, arrays of shape (m,).

    A base line and its add-on end their terms together. A comeback within 30 days goes on with the
    same line (movement ``reactivation``); a later one is a new line whose first movement is a
    ``reactivation`` instead of a ``new``.

    Parameters
    ----------
    subscription_id
        As in the lake.
    account
        Row of the account.
    product
        Code into ``PRODUCTS``; the last product is the add-on.
    started_day
        First day of the first term; before day 0 for the initial base.
    ended_day
        First day on which it no longer lives; the largest int32 while it lives.
    term_months, notice_days, billing_months, payment_terms_days
        As in the table ``subscriptions``; billing is 1 or 12 months in advance.
    auto_renew
        Renews unless notice is given.
    discount_share
        Against the list price, at the start.
    deal
        Row of the deal in the pipeline trace, -1 without.
    """

    subscription_id: TextArray
    account: DayArray
    product: CodeArray
    started_day: DayArray
    ended_day: DayArray
    term_months: npt.NDArray[np.int16]
    notice_days: npt.NDArray[np.int16]
    billing_months: npt.NDArray[np.int16]
    payment_terms_days: npt.NDArray[np.int16]
    auto_renew: Flags
    discount_share: SmallFloats
    deal: DayArray


@dataclass(frozen=True)
class Trace:
    """A whole world that happened.

    Parameters
    ----------
    params, macro
        What it was made from, and the common shocks.
    accounts, weekly, lines
        See the records above.
    movements
        Every event of every line (``MOVEMENT``), ordered by ``decided_day``, then as they fell:
        ``kind`` codes into ``KINDS``; ``decided_day`` is ``changed_at``; ``term_ends_day`` the
        renewal after the change; ``uplift_share`` the price change agreed for that renewal;
        ``deal`` -1 without one. The ``new`` of an initial line lies before day 0 and already has
        today's MRR: older movements are unknown to everybody. ``notice`` and ``renewal`` leave
        MRR as it is; the new price comes as ``price_change`` on the same day.
    jumps
        Every latent jump (``JUMP``), ``kind`` codes into ``JUMPS``, on a day of that week.
    pipeline
        What the pipeline did.
    """

    params: WorldParams
    macro: MacroPath
    accounts: Accounts
    weekly: Weekly
    lines: Lines
    movements: Records
    jumps: Records
    pipeline: PipelineTrace
