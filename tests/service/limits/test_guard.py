"""What every request must keep to and what every answer carries, at the outermost layer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fastapi import APIRouter

from ledger.engine import Ledger
from lifecycle.errors import UsageError
from lifecycle.limits import NO_PACE, Limits
from lifecycle.settings import load_settings
from service import guard
from service.app import create_app, create_app_from_settings
from service.auth import ScopedRoute
from service.deps import Options
from service.etags import TaggedSend
from service.limits import check_policies
from tests.ledger.story import address, fill, new_ledger
from tests.service.conftest import Client, make_key
from tests.service.limits.probe import Probe


@pytest.mark.parametrize(("length", "status"), [(8_191, 200), (8_192, 200), (8_193, 414)])
def test_a_url_may_reach_its_limit_and_no_more(length: int, status: int) -> None:
    path = "/v1/deals?a="
    asked = path + "x" * (length - len(path) + 1)  # the question mark does not count
    assert asyncio.run(Probe().ask(asked)).status_code == status


@pytest.mark.parametrize(("count", "status"), [(127, 200), (128, 200), (129, 400)])
def test_parameters_may_reach_their_number_and_no_more(count: int, status: int) -> None:
    query = "&".join(["a=1"] * count)
    assert asyncio.run(Probe().ask(f"/v1/deals?{query}")).status_code == status


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_body_may_reach_its_routes_limit_and_no_more(more: int) -> None:
    body = b'"' + b" " * 0 + b'"' + b" " * (64_000 - 2 + more)
    headers = {"content-type": "application/json"}
    asked = Probe().ask("/v1/jobs/1/cancel", method="POST", content=body, headers=headers)
    answer = asyncio.run(asked)
    assert answer.status_code == (413 if more > 0 else 200)
    assert ("connection" in answer.headers) == (more > 0)


def test_a_path_that_takes_no_body_gets_none() -> None:
    answer = asyncio.run(Probe().ask("/v1/deals", content=b"{}"))
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")


@pytest.mark.parametrize(
    ("host", "status"),
    [("api.example.com", 200), ("API.example.com:8443", 200), ("[::1]:8000", 200), ("evil", 421)],
)
def test_only_the_hosts_of_the_list_are_served(host: str, status: int) -> None:
    probe = Probe(allowed_hosts=("api.example.com", "[::1]"))
    assert asyncio.run(probe.ask("/v1/deals", headers={"host": host})).status_code == status
    assert asyncio.run(probe.ask("/livez", headers={"host": "10.0.0.1"})).status_code == 200


@pytest.mark.parametrize("behind", [True, False])
def test_behind_tls_browsers_are_told_to_keep_to_it(behind: bool) -> None:
    answer = asyncio.run(Probe(behind_tls=behind).ask("/livez"))
    assert ("strict-transport-security" in answer.headers) == behind


def test_a_process_about_to_stop_says_so_and_still_answers() -> None:
    probe = Probe()
    probe.admission.draining = True
    answers = asyncio.run(probe.ask_all(["/readyz", "/livez", "/v1/deals"]))
    assert [one.status_code for one in answers] == [503, 200, 200]


def test_an_unchanged_answer_is_not_sent_again() -> None:
    async def check() -> None:
        probe = Probe()
        first = await probe.ask("/v1/deals")
        tag = first.headers["etag"]
        again = await probe.ask("/v1/deals", headers={"if-none-match": f'"x", W/{tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "private, no-cache"
        other = await probe.ask("/v1/at-risk", headers={"if-none-match": tag})
        assert other.status_code == 200

    asyncio.run(check())


def test_only_where_a_304_is_possible_may_an_answer_be_kept() -> None:
    answers = asyncio.run(Probe().ask_all(["/v1/deals/O1", "/v1/scores/churn", "/livez"]))
    assert {one.headers["cache-control"] for one in answers} == {"no-store"}
    assert not any("etag" in one.headers for one in answers)


def test_the_planted_fault_of_a_tag_that_never_changes_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.etags.write_tag", lambda body: b'"same"')
    headers = {"if-none-match": '"same"'}
    assert asyncio.run(Probe().ask("/v1/deals", headers=headers)).status_code == 304
    assert TaggedSend is guard.TaggedSend


def test_lists_and_forecasts_of_the_product_say_the_same_twice(client: Client) -> None:
    for path in ("/v1/at-risk?limit=2", "/v1/deals?limit=2", "/v1/forecasts/2012Q1"):
        tag = client.get(path).headers["etag"]
        key = {"authorization": f"Bearer {client.key}", "if-none-match": tag}
        assert client.get(path, headers=key).status_code == 304, path


def test_a_route_without_limits_fails_the_start() -> None:
    router = APIRouter(route_class=ScopedRoute)
    router.add_api_route("/v1/secret", lambda: None)
    with pytest.raises(UsageError, match="/v1/secret has no limits"):
        check_policies(router.routes)


def test_the_product_as_started_watches_the_pace_of_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUECAST_DATA_DIR", str(tmp_path))
    app = create_app_from_settings()
    assert app.state.service.options.limits == Limits() != NO_PACE


def test_limits_are_set_by_the_environment_or_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "truecast.toml").write_text("[limits]\nwaiting = 3\nrunning = 5\n")
    monkeypatch.setenv("TRUECAST_LIMITS__RUNNING", "7")
    limits = load_settings(tmp_path).limits
    assert (limits.waiting, limits.running, limits.queue_ms) == (3, 7, 250)


def test_a_limit_of_another_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "truecast.toml").write_text("[limits]\nwating = 3\n")
    with pytest.raises(UsageError, match="wating"):
        load_settings(tmp_path)


def test_the_products_own_key_is_told_when_it_asks_too_much(tmp_path: Path) -> None:
    ledger: Ledger = new_ledger(tmp_path)
    fill(ledger)
    limits = NO_PACE.model_copy(update={"reads_per_second": 1.0})
    app = create_app(address(tmp_path), Options(tmp_path, limits=limits))
    client = Client(app, make_key(tmp_path, ledger))
    statuses = [client.get("/v1/scores/churn?id=A01").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
