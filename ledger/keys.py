"""API keys: shown once, kept as an HMAC, limited in time, revocable.

``truecast_live_<8-character id>_<43 characters of base64url>_<6-character checksum>``: the prefix
is for secret scanners, the checksum lets them drop false hits. A key has 256 random bits, so a fast
HMAC-SHA-256 under a pepper is enough; a slow hash would be a ready-made way to stop the service.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, insert, select, update

from ledger.audit import Actor, AuditEntry, append_audit, digest_of
from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.pepper import PEPPER_FILE as PEPPER_FILE
from ledger.pepper import load_pepper as load_pepper
from ledger.tables import api_keys
from lifecycle.errors import UsageError

LONGEST_LIFE_DAYS = 366
DEFAULT_LIFE_DAYS = 90
_FORM = re.compile(r"truecast_(?:live|test)_([a-z0-9]{8})_([A-Za-z0-9_-]{43})_([0-9a-z]{6})")
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class ApiKey:
    """One key as it is kept: never its secret.

    Attributes
    ----------
    secret_hash
        HMAC-SHA-256 (hex) of the whole key under the pepper.
    expires_at, revoked_at
        UTC instants; ``revoked_at`` is ``None`` while it lives.
    book
        Name of the book whose rows it sees; ``None``: all rows its role sees.
    cidrs
        Networks from which it may be used; without any, from everywhere.
    last_used_at
        UTC instant of a use, noted at most once an hour; ``None`` before the first.
    follows
        Id of the key that it was rotated from.
    """

    key_id: str
    secret_hash: str
    role: str
    scopes: tuple[str, ...]
    label: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    book: str | None = None
    cidrs: tuple[str, ...] = ()
    last_used_at: datetime | None = None
    follows: str | None = None

    def lives(self, now: datetime) -> bool:
        """Say whether it may be used at an instant."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True)
class KeyRequest:
    """What a new key may do and see, for whom, and for how long (days, at most 366)."""

    role: str
    scopes: Sequence[str]
    label: str = ""
    created_by: str = ""
    days: int = DEFAULT_LIFE_DAYS
    book: str | None = None
    cidrs: Sequence[str] = ()
    follows: str | None = None


def hash_key(pepper: bytes, text: str) -> str:
    """Return the HMAC-SHA-256 (hex) under which a key is kept."""
    return hmac.new(pepper, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def find_key_id(text: str) -> str | None:
    """Return the id inside a key's text; ``None`` if the form or the checksum is wrong."""
    match = _FORM.fullmatch(text)
    if match is None or _checksum(text.rpartition("_")[0]) != match[3]:
        return None
    return match[1]


def create_key(
    ledger: Ledger, pepper: bytes, request: KeyRequest, *, by: Actor | None = None
) -> tuple[str, ApiKey]:
    """Make a key and return its text (never to be seen again) with its record.

    Parameters
    ----------
    by
        Who made it, for the audit log; ``created_by`` if left out.

    Raises
    ------
    UsageError
        Its life is not 1-366 days, or its book or one of its networks cannot be used.
    """
    _check_networks(request.cidrs)
    if not 1 <= request.days <= LONGEST_LIFE_DAYS:
        raise UsageError(
            f"a key for {request.days} days", f"1 to {LONGEST_LIFE_DAYS}", "correct --days"
        )
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    body = f"truecast_live_{key_id}_{secrets.token_urlsafe(32)}"
    text = f"{body}_{_checksum(body)}"
    now = datetime.now(UTC)
    key = ApiKey(
        key_id=key_id,
        secret_hash=hash_key(pepper, text),
        role=request.role,
        scopes=tuple(request.scopes),
        label=request.label[:100],
        created_by=request.created_by[:100],
        created_at=now,
        expires_at=now + timedelta(days=request.days),
        revoked_at=None,
        book=request.book,
        cidrs=tuple(request.cidrs),
        follows=request.follows,
    )
    with ledger.writing() as connection:
        connection.execute(insert(api_keys), _row(key))
        made = AuditEntry(by or Actor(key.created_by), "keys.create", f"key:{key_id}")
        append_audit(connection, replace(made, after_hash=_digest(key)))
    return text, key


def rotate_key(
    ledger: Ledger, pepper: bytes, key_id: str, *, by: Actor, days: int = DEFAULT_LIFE_DAYS
) -> tuple[str, ApiKey]:
    """Make a second living key with the rights of one that lives; revoke the old one when unused.

    Raises
    ------
    UsageError
        There is no such living key, or it was rotated before and both still live.
    """
    now = datetime.now(UTC)
    old = read_key(ledger, key_id)
    if old is None or not old.lives(now):
        raise UsageError(f"no living key {key_id[:20]!r}", "a key's id", "see `truecast keys list`")
    if any(one.follows == key_id and one.lives(now) for one in read_keys(ledger)):
        raise UsageError(
            f"key {key_id} was rotated before", "at most two living keys", f"revoke {key_id} first"
        )
    names = ("role", "scopes", "label", "book", "cidrs")
    same = {name: getattr(old, name) for name in names}
    wanted = KeyRequest(**same, created_by=by.name, days=days, follows=key_id)
    return create_key(ledger, pepper, wanted, by=by)


def read_key(ledger: Ledger, key_id: str) -> ApiKey | None:
    """Return one key's record; ``None`` if there is none."""
    with ledger.reading() as connection:
        query = select(api_keys).where(api_keys.c.key_id == key_id)
        row = connection.execute(query).mappings().first()
    return None if row is None else _key(row)


def read_keys(ledger: Ledger) -> list[ApiKey]:
    """Return all keys, newest first, revoked ones too."""
    with ledger.reading() as connection:
        query = select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.key_id)
        return [_key(row) for row in connection.execute(query).mappings()]


def revoke_key(ledger: Ledger, key_id: str, *, by: Actor | None = None) -> ApiKey:
    """End a key's life now; a key already revoked stays as it is.

    Raises
    ------
    UsageError
        There is no such key.
    """
    return _change_key(ledger, key_id, "keys.revoke", by, revoked_at=datetime.now(UTC))


def assign_book(ledger: Ledger, key_id: str, book: str, *, by: Actor) -> ApiKey:
    """Let a key see the rows of a book that is there.

    Raises
    ------
    UsageError
        There is no such key.
    """
    return _change_key(ledger, key_id, "books.assign", by, book=book)


def note_use(ledger: Ledger, key_id: str, now: datetime) -> None:
    """Keep that a key was used at an instant; called at most once an hour and key."""
    with ledger.writing() as connection:
        connection.execute(
            update(api_keys).where(api_keys.c.key_id == key_id).values(last_used_at=now)
        )


def _change_key(
    ledger: Ledger, key_id: str, action: str, by: Actor | None, **values: Any
) -> ApiKey:
    with ledger.writing() as connection:
        query = select(api_keys).where(api_keys.c.key_id == key_id)
        row = connection.execute(query).mappings().first()
        if row is None:
            raise UsageError(f"no key {key_id[:20]!r}", "a key's id", "see `truecast keys list`")
        key = _key(row)
        if key.revoked_at is not None:
            return key
        changed = replace(key, **values)
        connection.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(**values))
        entry = AuditEntry(by or Actor("unknown"), action, f"key:{key_id}")
        entry = replace(entry, before_hash=_digest(key), after_hash=_digest(changed))
        append_audit(connection, entry)
    return changed


def _digest(key: ApiKey) -> str:
    """Digest what a key may do, without its secret's hash."""
    return digest_of({**vars(key), "secret_hash": None, "last_used_at": None})


def _row(key: ApiKey) -> dict[str, Any]:
    lists = {name: dump_document(list(getattr(key, name)), name) for name in ("scopes", "cidrs")}
    return {**vars(key), **lists}


def _key(row: RowMapping) -> ApiKey:
    lists = {name: tuple(parse_document(row[name]) or ()) for name in ("scopes", "cidrs")}
    return ApiKey(**{**row, **lists})


def _check_networks(cidrs: Sequence[str]) -> None:
    for one in cidrs:
        try:
            ipaddress.ip_network(one)
        except ValueError as error:
            raise UsageError(
                f"network {one[:60]!r}", "an address or a CIDR such as 10.0.0.0/8", "correct --cidr"
            ) from error


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 36)
        digits = _ALPHABET[rest] + digits
    return digits
