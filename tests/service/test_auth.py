from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.keys import find_key_id, revoke_key
from service import callers
from service.permissions import load_permissions
from tests.service.conftest import Client, make_key, open_client

GUARDED = [
    "/v1/at-risk",
    "/v1/accounts/A01",
    "/v1/scores/churn?id=A01",
    "/v1/forecasts/2012Q1",
    "/v1/accuracy",
    "/v1/deals",
    "/v1/deals/O1",
    "/v1/scores/deal_win?id=O1",
    "/v1/owners/bias",
    "/v1/models",
    "/openapi.json",
    "/docs",
]


@pytest.mark.parametrize("path", GUARDED)
def test_without_a_key_nothing_is_answered(client: Client, path: str) -> None:
    answer = client.get(path, headers={})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", GUARDED)
def test_with_a_key_it_is(client: Client, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", "Basic abc", "Bearer x", "Bearer truecast_live_a", "Bearer \xff\xfe"],
)
def test_other_credentials_are_refused(client: Client, value: str) -> None:
    headers = {"authorization": value.encode("latin-1")}
    assert client.get("/v1/models", headers=headers).status_code == 401  # type: ignore[arg-type]


def test_a_key_with_one_other_character_is_refused(client: Client) -> None:
    for place in (0, 16, 25, 40, -1):
        text = list(client.key)
        text[place] = "A" if text[place] != "A" else "B"
        headers = {"authorization": f"Bearer {''.join(text)}"}
        assert client.get("/v1/models", headers=headers).status_code == 401


def test_a_key_in_the_url_is_refused_and_not_repeated(client: Client) -> None:
    answer = client.get(f"/v1/models?key={client.key}", headers={})
    assert answer.status_code == 400
    assert client.key not in answer.text


READER = load_permissions().roles["reader"].scopes


@pytest.mark.parametrize("scope", READER)
def test_a_scope_opens_its_routes_only(folder: Path, ledger: Ledger, scope: str) -> None:
    client = open_client(folder, make_key(folder, ledger, (scope,)))
    asked = [route for route in client.app.routes if "GET" in route.methods]
    scopes = {route.path.split("{")[0]: route.scope for route in asked}
    for path in GUARDED:
        wanted = next(name for start, name in scopes.items() if path.startswith(start))
        assert client.get(path).status_code == (200 if wanted == scope else 403)


def test_a_revoked_key_is_refused_within_the_cache_time(
    folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = open_client(folder, make_key(folder, ledger))
    assert client.get("/v1/models").status_code == 200
    revoke_key(ledger, str(find_key_id(client.key)))
    assert callers.CACHE_SECONDS <= 5
    monkeypatch.setattr(callers, "CACHE_SECONDS", 0.0)
    assert client.get("/v1/models").status_code == 401


def test_an_expired_key_is_refused_even_from_the_cache(
    folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = open_client(folder, make_key(folder, ledger))
    assert client.get("/v1/models").status_code == 200

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) + timedelta(days=91)

    monkeypatch.setattr(callers, "datetime", Later)
    assert client.get("/v1/models").status_code == 401
