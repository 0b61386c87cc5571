"""Every role at every route, with a book and without: each answer as permissions.json says."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from ledger.visible import Book
from lifecycle.errors import UsageError
from service import permissions
from service.auth import PUBLIC, ScopedRoute
from service.permissions import Permissions, load_permissions, read_permissions
from tests.service.access.story import Company
from tests.service.conftest import Client, make_key, open_client

ROLES = tuple(load_permissions().roles)
BOOK = Book("mid", frozenset({("segment", "mid")}))
ASKED = defaultdict(
    lambda: "1", account_id="A01", opportunity_id="O01", model="churn", period="2012Q1"
)


def cells(client: Client) -> list[tuple[str, str, str, str]]:
    """Method, path, scope and rows of every operation of the published document."""
    return [
        (method.upper(), path, one["x-scope"], one["x-rows"])
        for path, methods in client.app.openapi()["paths"].items()
        for method, one in methods.items()
    ]


def _ask(client: Client, method: str, path: str) -> int:
    answer = client.get(path.format_map(ASKED), method=method)
    return int(answer.status_code)


def _check_matrix(client: Client, role: str, *, book: bool, rules: Permissions) -> None:
    limited = book or rules.roles[role].book
    for method, path, scope, rows in cells(client):
        status = _ask(client, method, path)
        allowed = scope == PUBLIC or (
            scope in rules.roles[role].scopes and not (limited and rows == "whole")
        )
        assert (status not in {401, 403}) == allowed, (role, method, path, status)
        assert status < 500 or status == 503, (role, method, path)


@pytest.mark.parametrize("book", [False, True])
@pytest.mark.parametrize("role", ROLES)
def test_every_cell_is_as_the_file_says(company: Company, role: str, book: bool) -> None:
    client = company.client(role, BOOK if book else None)
    _check_matrix(client, role, book=book, rules=load_permissions())


@pytest.mark.parametrize("fault", ["scope", "rows"])
def test_the_planted_fault_is_caught(
    company: Company, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "scope":
        monkeypatch.setattr(ScopedRoute, "_check", lambda *_: None)
    else:
        monkeypatch.setattr(ScopedRoute, "rows", property(lambda _: "book"))
    with pytest.raises(AssertionError):
        _check_matrix(company.client("sales", BOOK), "sales", book=True, rules=load_permissions())


def test_every_route_is_in_the_published_document_or_describes_it(company: Company) -> None:
    told = {path for _, path, _, _ in cells(company.all_rows)}
    routes = {route.path for route in company.all_rows.app.routes}
    assert routes - told == {"/openapi.json", "/docs"}


def test_no_role_holds_a_scope_that_only_others_should(company: Company) -> None:
    roles = load_permissions().roles
    holders = {scope: {name for name, role in roles.items() if scope in role.scopes}
               for scope in load_permissions().scopes}  # fmt: skip
    assert holders["models:promote"] == {"approver"}
    assert holders["keys:manage"] == holders["privacy:erase"] == {"admin"}
    assert holders["audit:read"] == {"auditor"}
    assert holders["ingest:write"] == {"crm"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"scopes": ["everything:do"]}, "everything:do"),
        ({"scopes": ["risk:read", "risk:read"]}, "twice"),
        ({"fields": ["salary"]}, "salary"),
        ({"book": "perhaps"}, "book"),
        ({"more": 1}, "more"),
    ],
)
def test_a_file_that_names_what_is_not_declared_fails_the_start(
    change: dict[str, object], told: str
) -> None:
    document = json.loads(permissions.FILE.read_text("utf-8"))
    document["roles"]["reader"] |= change
    with pytest.raises(UsageError, match=told):
        read_permissions(json.dumps(document))


def test_a_key_never_has_more_than_its_role(company: Company) -> None:
    key = make_key(company.folder, company.ledger, ("risk:read", "audit:read"), role="crm")
    client = open_client(company.folder, key)
    assert client.get("/v1/at-risk").status_code == 403


def test_the_api_page_tells_the_roles_of_the_file() -> None:
    page = (permissions.FILE.parents[1] / "docs" / "api.md").read_text("utf-8")
    for name, role in load_permissions().roles.items():
        scopes = ", ".join(f"`{one}`" for one in role.scopes)
        rows, fields = "its book" if role.book else "all", ", ".join(role.fields) or "nothing"
        assert f"| `{name}` | {rows} | {scopes} | {fields} |" in page
