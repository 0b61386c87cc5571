"""People come in by tokens of one provider, made for us, now; nothing else opens the door."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.visible import Book, write_book
from lifecycle.errors import UsageError
from service import oidc
from service.app import create_app
from service.denials import Failures
from service.deps import Options
from service.oidc import KeySet, TokenReader, check_issuer, read_jwks
from tests.ledger.story import address
from tests.service.access.story import TESTER, Company
from tests.service.access.tokens import ISSUER, bad_tokens, new_keys, publish, token
from tests.service.conftest import Client


def _reader(company: Company, text: str) -> Any:
    reader = TokenReader(ISSUER, new_keys())
    return reader.find(company.all_rows.app.state.service, text, "10.0.0.1")


@pytest.fixture
def client(company: Company) -> Client:
    app = create_app(address(company.folder), Options(company.folder), ISSUER)
    app.state.tokens = TokenReader(ISSUER, new_keys())
    return Client(app, "none")


def _status(client: Client, text: str, path: str = "/v1/at-risk") -> int:
    client.app.state.failures = Failures()
    return client.get(path, headers={"authorization": f"Bearer {text}"}).status_code


@pytest.mark.parametrize("kid", ["rsa", "ec", "ed"])
def test_a_good_token_of_each_kind_opens_its_roles_routes(client: Client, kid: str) -> None:
    assert _status(client, token(kid)) == 200
    assert _status(client, token(kid), "/v1/deals") == 403


def test_some_forty_bad_tokens_open_nothing(client: Client) -> None:
    found = {name: _status(client, text) for name, text in bad_tokens()}
    assert len(found) >= 40
    assert found == dict.fromkeys(found, 401)


@pytest.mark.parametrize("fault", ["_is_plain", "LONGEST_LIFE_SECONDS", "TYPES", "LONGEST_TOKEN"])
def test_the_planted_fault_is_caught(
    company: Company, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    planted: dict[str, Any] = {"_is_plain": lambda *_: True, "LONGEST_LIFE_SECONDS": 10**6,
                               "TYPES": {"at+jwt", "id+jwt"}, "LONGEST_TOKEN": 10**6}  # fmt: skip
    monkeypatch.setattr(oidc, fault, planted[fault])
    assert any(_reader(company, text) is not None for _, text in bad_tokens())


def test_the_leeway_is_a_minute_and_no_more(company: Company) -> None:
    now = int(time.time())
    assert _reader(company, token(iat=now - 600, exp=now - 55)) is not None
    assert _reader(company, token(nbf=now + 55)) is not None


def test_an_unknown_group_has_no_role(client: Client) -> None:
    for groups in (["strangers"], [], "board", None, [["board"]]):
        assert _status(client, token(groups=groups)) == 403


def test_a_group_may_name_a_book(company: Company) -> None:
    write_book(company.ledger, Book("emea", frozenset({("region", "emea")})), TESTER)
    found = _reader(company, token(groups=["cs-emea", "other"]))
    assert (found.role, found.book.pairs) == ("success", {("region", "emea")})


def test_an_address_as_subject_is_kept_from_the_logs(company: Company) -> None:
    assert _reader(company, token(sub="ann")).name == "user:ann"
    assert "ann@" not in _reader(company, token(sub="ann@example.com")).name


class _Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr(oidc.time, "monotonic", lambda: self.now)


def test_a_storm_of_unknown_keys_reads_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, calls = _Clock(monkeypatch), list[str]()
    keys = new_keys(calls)
    for number in range(600):
        clock.now += 0.5
        assert keys.find(f"k{number}") is None
    assert len(calls) <= 6


def test_known_keys_hold_an_hour_without_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, down = _Clock(monkeypatch), False

    def read(_: str) -> dict[str, Any]:
        if down:
            raise OSError("down")
        return publish()

    keys = KeySet(ISSUER.jwks, read)
    assert keys.find("rsa") is not None
    down = True
    clock.now += 3_599
    assert keys.find("rsa") is not None
    clock.now += 2
    assert keys.find("rsa") is None
    down = False
    clock.now += 61
    assert keys.find("rsa") is not None


def test_keys_may_lie_in_a_file_of_bounded_size(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"keys": []}')
    assert read_jwks(str(path)) == {"keys": []}
    path.write_text(" " * 300_000)
    with pytest.raises(ValueError, match="large"):
        read_jwks(str(path))


@pytest.mark.parametrize(
    "changed",
    [{"audience": ""}, {"jwks": "http://id.example/keys"}, {"groups": {"a": "king"}},
     {"groups": {"a": "sales"}}],
)  # fmt: skip
def test_an_issuer_that_cannot_be_used_fails_the_start(changed: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        check_issuer(replace(ISSUER, **changed))
