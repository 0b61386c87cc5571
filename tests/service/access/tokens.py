"""An identity provider of our own: its keys, its tokens, and some forty that must not pass."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

from service.oidc import Issuer, KeySet

ISSUER = Issuer(
    "https://id.example", "truecast", "https://id.example/keys",
    {"cs-emea": "success:emea", "board": "leadership"},
)  # fmt: skip


@cache
def key(kid: str) -> Any:
    """The provider's keys, made once; `weak` has too few bits, `other` is nobody's."""
    if kid == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kid == "ed":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 1024 if kid == "weak" else 2048)


ALG = {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA", "weak": "RS256", "enc": "RS256"}


def publish() -> dict[str, Any]:
    """The published key set, as the provider serves it."""
    told = []
    for kid, alg in ALG.items():
        algorithm = get_default_algorithms()[alg]
        one = json.loads(algorithm.to_jwk(key(kid).public_key()))  # type: ignore[attr-defined]
        told.append({**one, "kid": kid, "alg": alg, "use": "enc" if kid == "enc" else "sig"})
    return {"keys": told}


def new_keys(calls: list[str] | None = None) -> KeySet:
    def read(place: str) -> dict[str, Any]:
        (calls if calls is not None else []).append(place)
        return publish()

    return KeySet(ISSUER.jwks, read)


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    told = {
        "iss": ISSUER.issuer, "aud": "truecast", "sub": "ann", "iat": now, "exp": now + 600,
        "groups": ["board"],
    }  # fmt: skip
    return {name: value for name, value in {**told, **changed}.items() if value is not None}


def token(kid: str = "rsa", *, head: dict[str, Any] | None = None, **changed: Any) -> str:
    header = {"kid": kid, "typ": "at+jwt", **(head or {})}
    told = json.dumps(claims(**changed)).encode()  # as it is: the library checks what it encodes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the weak key, which is the point
        return jwt.api_jws.encode(told, key(kid), ALG.get(kid, "RS256"), headers=header)


def by_hand(head: dict[str, Any], secret: bytes | None = None, **changed: Any) -> str:
    """A token that no library would make: any header, signed with a secret or not at all."""
    parts = [_text(json.dumps(one).encode()) for one in (head, claims(**changed))]
    body = ".".join(parts)
    mac = b"" if secret is None else hmac.digest(secret, body.encode(), hashlib.sha256)
    return f"{body}.{_text(mac)}"


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def bad_tokens() -> Iterator[tuple[str, str]]:
    """Name and text of tokens, each wrong in one way."""
    yield from wrong_claims()
    public = key("rsa").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    good = token()
    head, body, mac = good.split(".")
    for name in ("none", "None", "NONE"):
        yield f"alg {name}", by_hand({"alg": name, "typ": "at+jwt", "kid": "rsa"})
    confused = {"alg": "HS256", "typ": "at+jwt", "kid": "rsa"}
    yield "HS256 with the public key", by_hand(confused, public)
    yield "HS256 with nothing", by_hand(confused, b"")
    for alg in ("RS512", "PS256", "ES256", "EdDSA"):
        yield f"header says {alg}", by_hand({"alg": alg, "typ": "at+jwt", "kid": "rsa"}, public)
    for kind in ("id+jwt", "logout+jwt", ""):
        yield f"type {kind!r}", token(head={"typ": kind})
    yield "critical header", token(head={"crit": ["exp"], "exp": 1})
    yield "another's key", jwt.encode(claims(), key("other"), "RS256",
                                      headers={"kid": "rsa", "typ": "at+jwt"})  # fmt: skip
    yield "unknown kid", token("other")
    yield "a weak key", token("weak")
    yield "a key for encryption", token("enc")
    yield "no kid", jwt.encode(claims(), key("rsa"), "RS256", headers={"typ": "at+jwt"})
    mine = {"kid": "x", "typ": "at+jwt", "jwk": publish()["keys"][0]}
    yield "key inside", jwt.encode(claims(), key("other"), "RS256", headers=mine)
    yield "9 kB", token(filler="x" * 9_000)
    yield "signature cut", f"{head}.{body}."
    yield "signature changed", f"{head}.{body}.{mac[:-4]}AAAA"
    yield "body changed", f"{head}.{_text(json.dumps(claims(groups=['cs-emea'])).encode())}.{mac}"
    yield "not JSON", f"{_text(b'x')}.{body}.{mac}"
    yield "two dots", ".."


def wrong_claims() -> Iterator[tuple[str, str]]:
    """Tokens that are well signed and say what they must not."""
    now = int(time.time())
    wrong: dict[str, dict[str, Any]] = {
        "other issuer": {"iss": "https://id.example.evil"},
        "issuer with a slash": {"iss": "https://id.example/"},
        "issuers": {"iss": ["https://id.example"]},
        "no issuer": {"iss": None},
        "other audience": {"aud": "other"},
        "two audiences": {"aud": ["truecast", "other"]},
        "the same audience twice": {"aud": ["truecast", "truecast"]},
        "audience in capitals": {"aud": "Truecast"},
        "no audience": {"aud": None},
        "no audiences": {"aud": []},
        "expired by leeway and a second": {"iat": now - 600, "exp": now - 61},
        "not yet valid": {"nbf": now + 120},
        "issued in the future": {"iat": now + 120, "exp": now + 600},
        "lives for two hours": {"exp": now + 7_200},
        "ends before it begins": {"iat": now + 30, "exp": now},
        "no end": {"exp": None},
        "no beginning": {"iat": None},
        "end as text": {"exp": str(now + 600)},
        "endless": {"exp": 1e308},
        "no subject": {"sub": None},
        "empty subject": {"sub": ""},
        "subject is a number": {"sub": 7},
        "subject with a line break": {"sub": "ann\nroot"},
        "long subject": {"sub": "a" * 129},
    }
    for name, changed in wrong.items():
        yield name, token(**changed)
