"""Did rescue work help? Accounts drawn to be contacted beside those held out, each counted once.

Only the comparison of the two drawn arms is free of choice: whom people contacted is their choice,
so treated beside untreated accounts says nothing about cause, and is shown for the record only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, func, select

from ledger.engine import Ledger
from ledger.holdouts import CONTACT, HELD_OUT
from ledger.proportions import newcombe, wilson
from ledger.tables import holdouts, score_outcomes

ENOUGH_COUNT = 200
_READ = ("treated", "happened", "value", "expected_loss_minor", "value_if_kept_minor")


@dataclass(frozen=True)
class Arm:
    """What became of one group of drawn accounts.

    Attributes
    ----------
    name
        ``held_out``; ``contact`` and, of these, ``contact_treated`` and ``contact_untreated``.
    n, left_count
        Accounts whose first score after the draw has matured, and how many of them left.
    leave_rate, leave_rate_low, leave_rate_high
        Share that left, with its 95 % Wilson interval.
    mean_risk
        Mean risk that was issued: the arms should agree in it, for they were drawn at random.
    expected_loss_minor, lost_minor
        Sum of expected losses, and of the values that did leave.
    """

    name: str
    n: int
    left_count: int
    leave_rate: float | None
    leave_rate_low: float
    leave_rate_high: float
    mean_risk: float | None
    expected_loss_minor: float
    lost_minor: float


@dataclass(frozen=True)
class RescueReport:
    """One campaign's arms and the difference between contact and held out.

    Attributes
    ----------
    drawn_count, held_out_count, waiting_count
        Accounts drawn, held out among them, and drawn ones whose score has not matured yet.
    difference, difference_low, difference_high
        Leave rate of contact less that of held out, 95 % (Newcombe); negative: contact helped.
    verdict
        In words, what may be concluded.
    """

    campaign: str
    drawn_count: int
    held_out_count: int
    waiting_count: int
    arms: list[Arm]
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    verdict: str


def read_rescue(ledger: Ledger, campaign: str, *, model: str = "churn") -> RescueReport:
    """Compare the arms of a campaign over each account's first matured score after its draw.

    Where a model speaks over several horizons the shortest one (days) counts.
    """
    row, drawn = score_outcomes.c, holdouts.c
    later = and_(row.account_id == drawn.account_id, row.as_of >= drawn.assigned_on)
    wanted = [row[name] for name in _READ]
    query = (
        select(drawn.account_id, drawn.arm, *wanted)
        .join(score_outcomes, later)
        .where(drawn.campaign == campaign, row.model == model)
        .order_by(drawn.account_id, row.as_of, row.horizon_days)
    )
    counts = select(drawn.arm, func.count()).where(drawn.campaign == campaign).group_by(drawn.arm)
    with ledger.reading() as connection:
        drawn_counts = {arm: int(n) for arm, n in connection.execute(counts)}
        first: dict[str, Row[Any]] = {}
        for one in connection.execute(query):
            first.setdefault(one.account_id, one)
    arms = _arms(list(first.values()))
    total = sum(drawn_counts.values())
    difference = _difference(arms[0], arms[1])
    least, low, high = difference or (None, None, None)
    return RescueReport(
        campaign=campaign,
        drawn_count=total,
        held_out_count=drawn_counts.get(HELD_OUT, 0),
        waiting_count=total - len(first),
        arms=arms,
        difference=least,
        difference_low=low,
        difference_high=high,
        verdict=_verdict(arms[0], arms[1], difference),
    )


def _arms(rows: list[Row[Any]]) -> list[Arm]:
    contact = [one for one in rows if one.arm == CONTACT]
    return [
        _arm(HELD_OUT, (one for one in rows if one.arm == HELD_OUT)),
        _arm(CONTACT, contact),
        _arm("contact_treated", (one for one in contact if one.treated)),
        _arm("contact_untreated", (one for one in contact if not one.treated)),
    ]


def _arm(name: str, found: Iterable[Row[Any]]) -> Arm:
    rows = list(found)
    n, left = len(rows), sum(bool(one.happened) for one in rows)
    low, high = wilson(left, n)
    return Arm(
        name,
        n,
        left,
        left / n if n else None,
        low,
        high,
        sum(one.value for one in rows) / n if n else None,
        sum(one.expected_loss_minor or 0.0 for one in rows),
        sum(one.value_if_kept_minor or 0.0 for one in rows if one.happened),
    )


def _difference(held_out: Arm, contact: Arm) -> tuple[float, float, float] | None:
    if not held_out.n or not contact.n:
        return None
    return newcombe((contact.left_count, contact.n), (held_out.left_count, held_out.n))


def _verdict(held_out: Arm, contact: Arm, difference: tuple[float, float, float] | None) -> str:
    if difference is None:
        return "nothing can be said yet: one arm has no account whose horizon has passed"
    if min(held_out.n, contact.n) < ENOUGH_COUNT:
        return (
            f"too few to conclude: {contact.n} drawn for contact and {held_out.n} held out; "
            f"{ENOUGH_COUNT} of each are wanted. The list says who is at risk, not who can be kept"
        )
    if difference[2] < 0:
        return "fewer accounts left where contact was allowed than where they were left alone"
    if difference[1] > 0:
        return "more accounts left where contact was allowed than where they were left alone"
    return "no difference between contact and held out can be seen"
