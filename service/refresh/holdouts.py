"""Random hold-outs: who of the accounts in question is to be left alone, drawn once and logged."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from ledger.engine import Ledger
from ledger.holdouts import (
    CONTACT,
    HELD_OUT,
    Holdout,
    draw_account,
    read_holdouts,
    write_holdouts,
)
from ledger.keys import load_pepper
from ledger.views import AtRiskRow
from service.refresh.place import Place
from service.refresh.routes import CONTRACTUAL
from service.refresh.treatments import Treatments, was_treated

BANDS_IN_QUESTION = ("high", "medium")
NONE, TREATED = "none", "treated"


def in_question(row: AtRiskRow) -> bool:
    """Say whether rescue work would be thought of: a contract of at least medium risk."""
    at_risk = row.route == CONTRACTUAL and row.status == "at_risk"
    return at_risk and row.band in BANDS_IN_QUESTION


def draw_holdouts(
    ledger: Ledger, rows: Sequence[AtRiskRow], *, day: date, place: Place
) -> dict[str, Holdout]:
    """Draw the accounts that came into question for the first time; return all draws.

    Raises
    ------
    LedgerError
        The pepper, whose digest is the key of the draws, cannot be made or read.
    """
    known = read_holdouts(ledger, place.campaign)
    wanted = [row.account_id for row in rows if in_question(row)]
    fresh = [account_id for account_id in wanted if account_id not in known]
    if not fresh:
        return known
    key = hmac.new(load_pepper(place.data_dir), b"truecast hold-out", hashlib.sha256).digest()
    drawn = [_draw(key, account_id, day=day, place=place) for account_id in fresh]
    write_holdouts(ledger, drawn)
    return known | {one.account_id: one for one in drawn}


def mark_treatments(
    rows: Sequence[AtRiskRow],
    drawn: dict[str, Holdout],
    *,
    treated: Treatments,
    span: tuple[date, date],
) -> list[AtRiskRow]:
    """Mark each row ``held_out``, ``treated`` (work begun in ``[start, end)``) or ``none``.

    An account that was held out stays so even if somebody contacted it: the draw must be kept.
    """
    start, end = span
    marked = []
    for row in rows:
        one = drawn.get(row.account_id)
        if one is not None and one.arm == HELD_OUT and one.assigned_on <= end:
            treatment = HELD_OUT
        elif was_treated(treated, row.account_id, start=start, end=end):
            treatment = TREATED
        else:
            treatment = NONE
        marked.append(replace(row, treatment=treatment))
    return marked


def _draw(key: bytes, account_id: str, *, day: date, place: Place) -> Holdout:
    number = draw_account(key, place.campaign, account_id)
    return Holdout(
        campaign=place.campaign,
        account_id=account_id,
        assigned_on=day,
        assigned_at=datetime.now(UTC),
        arm=HELD_OUT if number < place.holdout_share else CONTACT,
        draw=number,
        share=place.holdout_share,
        key_digest=hashlib.sha256(key).hexdigest(),
    )
