"""API keys: shown once, kept as an HMAC, limited in time, revocable.

``truecast_live_<8-character id>_<43 characters of base64url>_<6-character checksum>``: the prefix
is for secret scanners, the checksum lets them drop false hits. A key has 256 random bits, so a fast
HMAC-SHA-256 under a pepper is enough; a slow hash would be a ready-made way to stop the service.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import RowMapping, insert, select, update

from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.tables import api_keys
from lifecycle.errors import LedgerError, UsageError

PEPPER_FILE = "pepper"
PEPPER_BYTES = 32
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

    def lives(self, now: datetime) -> bool:
        """Say whether it may be used at an instant."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True)
class KeyRequest:
    """What a new key may do, for whom, and for how long (days, at most 366)."""

    role: str
    scopes: Sequence[str]
    label: str = ""
    created_by: str = ""
    days: int = DEFAULT_LIFE_DAYS


def load_pepper(folder: Path, *, create: bool = True) -> bytes:
    """Return the data directory's pepper; made at first use, readable by its owner only.

    With ``create=False`` (a web process) a missing one is an error.

    Raises
    ------
    LedgerError
        It cannot be made or read, is too short, or others may read it.
    """
    path = folder / PEPPER_FILE
    try:
        if create:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _create_pepper(path)
        mode, pepper = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise LedgerError(
            f"the pepper file cannot be used ({error.strerror})",
            "a readable file in the data directory",
            "make a first key with `truecast keys create`, or correct --data-dir",
        ) from error
    if mode & 0o077 or len(pepper) < PEPPER_BYTES:
        raise LedgerError(
            f"the pepper file has mode {mode & 0o777:o} and {len(pepper)} bytes",
            f"mode 600 and at least {PEPPER_BYTES} bytes",
            "chmod 600 it; an emptied one must be restored, or all keys made anew",
        )
    return pepper


def hash_key(pepper: bytes, text: str) -> str:
    """Return the HMAC-SHA-256 (hex) under which a key is kept."""
    return hmac.new(pepper, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def find_key_id(text: str) -> str | None:
    """Return the id inside a key's text; ``None`` if the form or the checksum is wrong."""
    match = _FORM.fullmatch(text)
    if match is None or _checksum(text.rpartition("_")[0]) != match[3]:
        return None
    return match[1]


def create_key(ledger: Ledger, pepper: bytes, request: KeyRequest) -> tuple[str, ApiKey]:
    """Make a key and return its text (never to be seen again) with its record.

    Raises
    ------
    UsageError
        Its life is not 1-366 days.
    """
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
    )
    row = {**vars(key), "scopes": dump_document(list(key.scopes), "a key's scopes")}
    with ledger.writing() as connection:
        connection.execute(insert(api_keys), row)
    return text, key


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


def revoke_key(ledger: Ledger, key_id: str) -> ApiKey:
    """End a key's life now; a key already revoked stays as it is.

    Raises
    ------
    UsageError
        There is no such key.
    """
    with ledger.writing() as connection:
        connection.execute(
            update(api_keys)
            .where(api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=datetime.now(UTC))
        )
    key = read_key(ledger, key_id)
    if key is None:
        raise UsageError(f"no key {key_id[:20]!r}", "a key's id", "see `truecast keys list`")
    return key


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(**{**row, "scopes": tuple(parse_document(row["scopes"]))})


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 36)
        digits = _ALPHABET[rest] + digits
    return digits


def _create_pepper(path: Path) -> None:
    """Write a whole file under another name first: a reader never meets a half pepper."""
    if path.exists():
        return
    draft = path.with_name(f".{PEPPER_FILE}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(handle, secrets.token_bytes(PEPPER_BYTES))
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(draft, path)  # fails if another process was first: its pepper holds
    except FileExistsError:
        pass
    finally:
        draft.unlink()
