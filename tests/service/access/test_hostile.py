"""Two hundred hostile strings in every place that takes one change nothing and break nothing."""

from __future__ import annotations

from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import text

from ledger import views
from ledger.declare import metadata
from ledger.engine import Ledger
from tests.service.access.story import Company
from tests.service.conftest import Client

QUOTES = ("'", '"', "`", "')", "';", "%27", "\\'", "’", "1)", "A01'")
TAILS = (
    " OR '1'='1", " UNION SELECT secret_hash FROM api_keys--", "; DROP TABLE scores;--",
    " AND 1=CAST((SELECT 1) AS INT)", "||(SELECT key_id FROM api_keys)", "/**/OR/**/1=1",
    " AND SLEEP(5)#", "; SELECT pg_sleep(5)--", " OR load_extension('x')", "); ATTACH 'x' AS y;--",
    " ESCAPE '\\'", " LIKE '%'", "; UPDATE api_keys SET role='admin';--", "\x00", "\ud800".encode(
        "utf-8", "surrogatepass").decode("latin-1"),
)  # fmt: skip
PATHS = (
    "../../etc/passwd", "..%2f..%2fpepper", "....//pepper", "/etc/passwd", "file:///etc/passwd",
    "C:\\boot.ini", "%00", ".", "..", "...", "~root", "pepper", "ledger.sqlite", "\\\\host\\share",
    "%2e%2e/pepper", "$(id)", "`id`", "|id", "; id", "{{7*7}}", "${7*7}", "%(x)s", "{0}", "%s%n",
    "<script>", "\r\nset-cookie: a=b", "é" * 40, "＇ OR 1=1", "‮", "😀", "a" * 3_000, "-1", "0x1",
    "1e400", "NaN", "null", "true", "[]", "{}", "a,b", "*", "?", "#", "&", "=", " ", "\t", "+", "%",
)  # fmt: skip
EXPECTED = {200, 400, 404, 405, 414, 422}
CORPUS = tuple(dict.fromkeys([*(a + b for a, b in product(QUOTES, TAILS)), *PATHS]))


def _count(ledger: Ledger) -> dict[str, int]:
    with ledger.reading() as connection:
        return {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            for name in metadata.tables
        }


def _places(client: Client) -> list[tuple[str, str]]:
    """A path with one open place each: a part of it, or the value of a query parameter."""
    found = []
    for path, methods in client.app.openapi()["paths"].items():
        for one in methods.get("get", {}).get("parameters", []):
            if one["in"] == "path":
                found.append((path.replace(f"{{{one['name']}}}", "{}"), one["name"]))
            elif one["in"] == "query":
                base = path.replace("{account_id}", "A01").replace("{opportunity_id}", "O01")
                found.append((f"{base}?{one['name']}={{}}", one["name"]))
    return [(path, name) for path, name in found if path.count("{") == 1]


def _ask(client: Client, path: str, word: str) -> int:
    return int(client.get(path.replace("{}", quote(word, safe=""))).status_code)


def test_there_are_two_hundred_strings_and_many_places(company: Company) -> None:
    assert len(CORPUS) >= 199
    assert len(_places(company.all_rows)) >= 30


def test_no_string_breaks_anything_or_lets_out_a_row(company: Company) -> None:
    """Every string in some places, and every place with some strings."""
    before, client = _count(company.ledger), company.all_rows
    files = sorted(path.name for path in company.folder.iterdir())
    places = _places(client)
    asked = [(places[i % len(places)][0], word) for i, word in enumerate(CORPUS)]
    asked += [(path, CORPUS[(7 * i) % len(CORPUS)]) for i, (path, _) in enumerate(places)]
    answers = {(path, word): _ask(client, path, word) for path, word in asked}
    assert set(answers.values()) <= EXPECTED
    assert _count(company.ledger) == before
    assert sorted(path.name for path in company.folder.iterdir()) == files


@pytest.mark.parametrize("name", ["authorization", "x-request-id", "accept", "cookie", "host"])
def test_no_header_breaks_anything(company: Company, name: str) -> None:
    client = company.all_rows
    for word in CORPUS[:: 1 + len(CORPUS) // 25]:
        value: Any = word.replace("\r", "").replace("\n", "").replace("\x00", "").encode()
        given: Any = {"authorization": f"Bearer {client.key}".encode(), name: value}
        client.app.state.failures._seen.clear()
        status = client.get("/v1/models", headers=given).status_code
        assert status in {200, 400, 401}


def test_the_planted_fault_is_caught(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter put into a statement as text, instead of as a bound value, is seen."""

    def splice(filters: views.AtRiskFilters) -> list[Any]:
        return [text(f"segment = '{filters.segment}'")]

    monkeypatch.setattr(views, "_conditions", splice)
    assert _ask(company.all_rows, "/v1/at-risk?segment={}", "mid") == 200
    assert _ask(company.all_rows, "/v1/at-risk?segment={}", "'") not in EXPECTED


def _open_bodies(document: dict[str, Any]) -> list[str]:
    """Request bodies that would take a member nobody declared."""
    shapes = document["components"]["schemas"]
    found = []
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            for content in one.get("requestBody", {}).get("content", {}).values():
                name = content["schema"].get("$ref", "").rpartition("/")[2]
                shape = shapes.get(name, content["schema"])
                if shape.get("type") == "object" and shape.get("additionalProperties") is not False:
                    found.append(f"{method} {path}")
    return found


def test_no_request_body_takes_a_member_that_nobody_declared(company: Company) -> None:
    assert _open_bodies(company.all_rows.app.openapi()) == []


def test_an_open_request_body_is_caught() -> None:
    content = {"application/json": {"schema": {"type": "object", "properties": {"name": {}}}}}
    document = {
        "components": {"schemas": {}},
        "paths": {"/v1/keys": {"post": {"requestBody": {"content": content}}}},
    }
    assert _open_bodies(document) == ["post /v1/keys"]
