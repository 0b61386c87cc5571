"""Who was drawn at random to be left alone: the only fair comparison for rescue work.

An account is drawn once per campaign, when it first comes into question, and keeps its arm. The
draw is a keyed digest of campaign and account: nobody without the key can foresee or steer it, and
with the key anybody can check it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime

from sqlalchemy import select

from ledger.engine import Ledger
from ledger.rows import write_rows
from ledger.tables import holdouts

HELD_OUT, CONTACT = "held_out", "contact"
_BITS = 64


@dataclass(frozen=True)
class Holdout:
    """One draw.

    Attributes
    ----------
    assigned_on
        Day of the refresh at which the account first came into question.
    arm
        ``held_out`` (leave alone) or ``contact`` (rescue work as usual).
    draw, share
        The number drawn, in [0, 1), and the share held out: below it means held out.
    key_digest
        SHA-256 (hex) of the key that drew; the key itself is not kept here.
    """

    campaign: str
    account_id: str
    assigned_on: date
    assigned_at: datetime
    arm: str
    draw: float
    share: float
    key_digest: str


_NAMES = [field.name for field in fields(Holdout)]


def draw_account(key: bytes, campaign: str, account_id: str) -> float:
    """Return the number in [0, 1) that a key draws for an account of a campaign.

    Examples
    --------
    >>> 0 <= draw_account(b"k", "retention", "A1") < 1
    True
    """
    text = f"truecast hold-out\0{campaign}\0{account_id}".encode()
    drawn = hmac.new(key, text, hashlib.sha256).digest()
    # 53 bits: what a float holds exactly, so that 1.0 is never reached by rounding
    return (int.from_bytes(drawn[: _BITS // 8], "big") >> 11) / float(1 << 53)


def write_holdouts(ledger: Ledger, rows: Iterable[Holdout]) -> int:
    """Append draws; return how many.

    Raises
    ------
    ConflictError
        An account was drawn before in its campaign.
    """
    return write_rows(ledger, holdouts, (asdict(row) for row in rows))


def read_campaigns(ledger: Ledger) -> list[str]:
    """Return the names of the campaigns that drew anybody, sorted."""
    query = select(holdouts.c.campaign).distinct().order_by(holdouts.c.campaign)
    with ledger.reading() as connection:
        return list(connection.execute(query).scalars())


def read_holdouts(ledger: Ledger, campaign: str) -> dict[str, Holdout]:
    """Return the draws of a campaign by account id."""
    query = select(*[holdouts.c[name] for name in _NAMES]).where(holdouts.c.campaign == campaign)
    with ledger.reading() as connection:
        return {row.account_id: Holdout(*row) for row in connection.execute(query)}
