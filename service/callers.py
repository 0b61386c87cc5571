"""Who asks: a key or a user with a role, its scopes, and the rows and fields that it sees."""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from ledger.engine import Ledger
from ledger.keys import ApiKey, find_key_id, hash_key, note_use, read_key
from ledger.visible import Book, read_book_of
from lifecycle.errors import LedgerError
from service.deps import Service
from service.permissions import load_permissions
from service.problems import LOG

CACHE_SECONDS = 5.0
CACHE_COUNT = 1_024
USE_NOTED_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class Principal:
    """Who asks, and what that one may do and see.

    Attributes
    ----------
    name
        ``key:<id>`` or ``user:<subject>``, as the audit log names it.
    scopes
        What it may do: never more than its role's.
    book
        The rows it sees; ``None``: all rows.
    key_id
        What its cursors and idempotency keys belong to: the key's id, or the user's name.
    withheld
        Names of members that are empty in its answers.
    """

    name: str
    role: str
    scopes: frozenset[str]
    book: Book | None
    key_id: str
    withheld: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Found:
    """A key that was let in, when it was read, and who it is."""

    read_at: float
    key: ApiKey
    principal: Principal


class Door(Protocol):
    """What turns the text of a header into who asks."""

    def recall(self, service: Service, text: str, address: str) -> Principal | None:
        """Return who it is if that was found within the last 5 seconds, without reading."""

    def knows(self, service: Service, text: str) -> bool:
        """Say whether it was let in before, however long ago."""

    def find(self, service: Service, text: str, address: str) -> Principal | None:
        """Return who it is; ``None`` if it may not be used. It may read and wait."""

    def note_use(self, service: Service, text: str) -> None:
        """Keep that it is in use."""


class KeyCache:
    """Keys found lately, for at most 5 seconds: a revoked key is refused after that."""

    def __init__(self) -> None:
        self._found: dict[str, _Found] = {}

    def recall(self, service: Service, text: str, address: str) -> Principal | None:
        """Return who a key is if it was found within the last 5 seconds, without reading."""
        found = self._found.get(hash_key(service.pepper, text))
        if found is None or time.monotonic() - found.read_at > CACHE_SECONDS:
            return None
        return _admit(found, address)

    def knows(self, service: Service, text: str) -> bool:
        """Say whether a key was let in before, however long ago."""
        return hash_key(service.pepper, text) in self._found

    def note_use(self, service: Service, text: str) -> None:
        """Keep that a key is in use, once an hour; where that fails nobody is turned away."""
        digest = hash_key(service.pepper, text)
        found, now = self._found.get(digest), datetime.now(UTC)
        last = None if found is None else found.key.last_used_at
        if found is None or (last is not None and now - last < USE_NOTED_EVERY):
            return
        self._found[digest] = replace(found, key=replace(found.key, last_used_at=now))
        try:
            note_use(service.ledger, found.key.key_id, now)
        except LedgerError:
            LOG.warning("that key %s is in use could not be kept", found.key.key_id)

    def find(self, service: Service, text: str, address: str) -> Principal | None:
        """Return who a key is, read from the ledger; ``None`` if it may not be used from there."""
        digest = hash_key(service.pepper, text)
        key = _read_key(service, text, digest)
        if key is None:
            self._found.pop(digest, None)
            return None
        found = _Found(time.monotonic(), key, describe_key(service.ledger, key))
        if len(self._found) >= CACHE_COUNT:
            self._found.clear()
        self._found[digest] = found
        return _admit(found, address)


def describe_principal(
    name: str, role: str, key_id: str, *, scopes: frozenset[str] | None, book: Book | None
) -> Principal:
    """Return who somebody of a role is; ``scopes`` narrows the role's, and never widens them.

    A role that is limited by a book sees no row without one.
    """
    permissions = load_permissions()
    found = permissions.roles.get(role)
    mine = frozenset(() if found is None else found.scopes)
    if found is not None and found.book and book is None:
        book = Book("", frozenset())
    narrowed = mine if scopes is None else mine & scopes
    return Principal(name, role, narrowed, book, key_id, permissions.withheld(role))


def describe_key(ledger: Ledger, key: ApiKey) -> Principal:
    """Return who a key is, with its book as it is now."""
    book = None if key.book is None else read_book_of(ledger, key.book)
    return describe_principal(
        f"key:{key.key_id}", key.role, key.key_id, scopes=frozenset(key.scopes), book=book
    )


def is_within(address: str, cidrs: tuple[str, ...]) -> bool:
    """Say whether an address lies in one of the networks; without any, everybody does.

    Examples
    --------
    >>> is_within("10.1.2.3", ("10.0.0.0/8",)), is_within("11.0.0.1", ("10.0.0.0/8",))
    (True, False)
    """
    if not cidrs:
        return True
    try:
        place = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(place in ipaddress.ip_network(one) for one in cidrs)


def withhold(principal: Principal, row: Mapping[str, object]) -> dict[str, object]:
    """Return a row without what its reader's role does not see: empty or null instead."""
    hidden = principal.withheld
    return {name: _empty(value) if name in hidden else value for name, value in row.items()}


def _empty(value: object) -> object:
    return type(value)() if isinstance(value, list | dict) else None


def _admit(found: _Found, address: str) -> Principal | None:
    alive = found.key.lives(datetime.now(UTC)) and is_within(address, found.key.cidrs)
    return found.principal if alive else None


def _read_key(service: Service, text: str, digest: str) -> ApiKey | None:
    key_id = find_key_id(text)
    key = None if key_id is None else read_key(service.ledger, key_id)
    if key is None or not hmac.compare_digest(key.secret_hash, digest):
        return None
    return key
