"""People by bearer token: a JWT of the company's own identity provider, and what its groups mean.

Nothing in a token chooses how it is checked: algorithms, issuer and audience are settings, and the
key comes from the provider's published set alone.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.visible import read_book_of
from lifecycle.errors import TruecastError, UsageError
from service.callers import CACHE_COUNT, CACHE_SECONDS, Principal, describe_principal
from service.deps import Service
from service.permissions import load_permissions
from service.problems import LOG

LONGEST_TOKEN = 8_000
LONGEST_SUBJECT = 128
LONGEST_NAMED = 64
LONGEST_LIFE_SECONDS = 3_600
LEEWAY_SECONDS = 60
SET_SECONDS = 600.0
SET_WITHOUT_ISSUER_SECONDS = 3_600.0
REREAD_SECONDS = 60.0
FETCH_SECONDS = 5.0
LARGEST_SET_BYTES = 262_144
SMALLEST_RSA_BITS = 2_048
TYPES = {"at+jwt", "application/at+jwt", "jwt"}
ALGORITHMS = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}
"""The one algorithm for each kind of key."""
NO_ROLE = "none"


@dataclass(frozen=True)
class Issuer:
    """The identity provider.

    Attributes
    ----------
    issuer, audience
        What ``iss`` and ``aud`` must be, exactly.
    jwks
        Address (https, or http on this machine) or file of its published keys.
    groups
        Role, or ``role:book``, by group; of several the first one here counts.
    claim
        Which claim lists the groups.
    """

    issuer: str
    audience: str
    jwks: str
    groups: Mapping[str, str]
    claim: str = "groups"


def check_issuer(issuer: Issuer) -> Issuer:
    """Return an issuer that can be used.

    Raises
    ------
    UsageError
        Something is missing, keys would come over an open line, or a group's role is unknown.
    """
    if not (issuer.issuer and issuer.audience and issuer.jwks):
        raise UsageError("OIDC settings are incomplete", "issuer, audience and jwks", "set all")
    near = ("http://127.0.0.1", "http://[::1]", "http://localhost")
    if issuer.jwks.startswith("http:") and not issuer.jwks.startswith(near):
        raise UsageError("keys over plain http", "https or a file", "correct oidc_jwks")
    for group, meant in issuer.groups.items():
        role, _, book = meant.partition(":")
        if load_permissions().check_role(role).book and not book:
            raise UsageError(f"group {group[:40]} without a book", f"{role}:<book>", "name one")
    return issuer


def read_jwks(place: str) -> dict[str, Any]:
    """Read a published key set from its address or file; redirects are not followed."""
    if place.startswith(("https://", "http://")):
        opener = urllib.request.build_opener(_NoRedirect)
        with opener.open(place, timeout=FETCH_SECONDS) as answer:
            content = answer.read(LARGEST_SET_BYTES + 1)
    else:
        content = Path(place).read_bytes()
    if len(content) > LARGEST_SET_BYTES:
        raise ValueError("the key set is too large")
    found: dict[str, Any] = json.loads(content)
    return found


class KeySet:
    """The provider's keys: read anew after 10 minutes or for an unknown one, at most once a minute.

    While the provider cannot be reached, the last keys hold for an hour.
    """

    def __init__(self, place: str, read: Callable[[str], dict[str, Any]] = read_jwks) -> None:
        self._place, self._read = place, read
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._read_at = self._tried_at = -math.inf

    def find(self, kid: str) -> Any | None:
        """Return a key (``jwt.PyJWK``) by its id; ``None`` if it is not published, or not now."""
        with self._lock:
            now = time.monotonic()
            due = kid not in self._keys or now - self._read_at > SET_SECONDS
            if due and now - self._tried_at >= REREAD_SECONDS:
                self._tried_at = now
                self._renew(now)
            if now - self._read_at > SET_WITHOUT_ISSUER_SECONDS:
                return None
            return self._keys.get(kid)

    def _renew(self, now: float) -> None:
        try:
            told = self._read(self._place)["keys"]
            self._keys = {one["kid"]: key for one in told if (key := _read_key(one)) is not None}
            self._read_at = now
        except Exception as error:  # whatever it is, the keys known before go on
            LOG.warning("the identity provider's keys cannot be read: %s", type(error).__name__)


class TokenReader:
    """Tokens checked lately, for at most 5 seconds: a book that changes is seen after that."""

    def __init__(self, issuer: Issuer, keys: KeySet | None = None) -> None:
        self._issuer = check_issuer(issuer)
        self._keys = keys or KeySet(issuer.jwks)
        self._found: dict[bytes, tuple[float, Principal]] = {}

    def recall(self, service: Service, text: str, address: str) -> Principal | None:
        """Return who a token is if it was checked within the last 5 seconds."""
        until, found = self._found.get(_digest(text), (0.0, None))
        return found if time.monotonic() < until else None

    def knows(self, service: Service, text: str) -> bool:
        """Say whether a token was let in before."""
        return _digest(text) in self._found

    def note_use(self, service: Service, text: str) -> None:
        """Keep nothing: a person's visits are the provider's to note."""

    def find(self, service: Service, text: str, address: str) -> Principal | None:
        """Return who a token is; ``None`` if any of its parts is not as it must be."""
        claims = self._check(text)
        if claims is None:
            self._found.pop(_digest(text), None)
            return None
        found = self._describe(service, claims)
        if len(self._found) >= CACHE_COUNT:
            self._found.clear()
        left = min(CACHE_SECONDS, claims["exp"] + LEEWAY_SECONDS - time.time())
        self._found[_digest(text)] = (time.monotonic() + left, found)
        return found

    def _check(self, text: str) -> dict[str, Any] | None:
        import jwt

        if len(text) > LONGEST_TOKEN:
            return None
        try:
            head = jwt.get_unverified_header(text)
            key = self._choose_key(head)
            if key is None:
                return None
            claims: dict[str, Any] = jwt.decode(
                text,
                key.key,
                algorithms=[ALGORITHMS[key.key_type]],
                audience=self._issuer.audience,
                issuer=self._issuer.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, TruecastError):
            return None
        return claims if _is_plain(claims, self._issuer.audience) else None

    def _choose_key(self, head: Mapping[str, Any]) -> Any | None:
        """Return the key that a header names, if it may be used with the header's algorithm."""
        kid, kind = head.get("kid"), head.get("typ")
        if "crit" in head or not isinstance(kid, str) or not isinstance(kind, str):
            return None
        if kind.lower() not in TYPES or head.get("alg") not in ALGORITHMS.values():
            return None
        key = self._keys.find(kid)
        return None if key is None or ALGORITHMS[key.key_type] != head["alg"] else key

    def _describe(self, service: Service, claims: Mapping[str, Any]) -> Principal:
        told = claims.get(self._issuer.claim)
        mine = {one for one in told if isinstance(one, str)} if isinstance(told, list) else set()
        meant = [role for group, role in self._issuer.groups.items() if group in mine]
        role, _, book = (meant[0] if meant else NO_ROLE).partition(":")
        seen = read_book_of(service.ledger, book) if book else None
        name = f"user:{_name(claims['sub'])}"
        return describe_principal(name, role, name, scopes=None, book=seen)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing: keys come from where the settings say."""


def _read_key(told: Mapping[str, Any]) -> Any | None:
    """Return one published key; ``None`` if it is not for signatures, unknown or too weak."""
    import jwt

    kind = told.get("kty")
    if kind not in ALGORITHMS or told.get("use", "sig") != "sig" or "kid" not in told:
        return None
    if told.get("alg", ALGORITHMS[kind]) != ALGORITHMS[kind]:
        return None
    try:
        key = jwt.PyJWK(dict(told), algorithm=ALGORITHMS[kind])
    except jwt.PyJWTError:
        return None
    return key if getattr(key.key, "key_size", SMALLEST_RSA_BITS) >= _least_bits(kind) else None


def _least_bits(kind: str) -> int:
    return SMALLEST_RSA_BITS if kind == "RSA" else 0


def _is_plain(claims: Mapping[str, Any], audience: str) -> bool:
    """Say whether the claims are of the plain kinds, for one audience, and for an hour at most."""
    moments = [claims["iat"], claims["exp"], claims.get("nbf", claims["iat"])]
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in moments):
        return False
    subject = claims["sub"]
    return (
        claims["aud"] in (audience, [audience])
        and isinstance(subject, str)
        and 1 <= len(subject) <= LONGEST_SUBJECT
        and subject.isprintable()
        and 0 < claims["exp"] - claims["iat"] <= LONGEST_LIFE_SECONDS
    )


def _name(subject: str) -> str:
    """Return how a person is named: by a digest where it is an e-mail address, or long.

    The ledger's columns hold a name of 100 characters; cut off, two people might become one.
    """
    if "@" in subject or len(subject) > LONGEST_NAMED:
        return hashlib.sha256(subject.encode()).hexdigest()[:32]
    return subject


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
