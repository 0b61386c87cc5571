from __future__ import annotations

import pytest

from lifecycle import errors
from service.problems import describe_house_error, find_status
from tests.service.conftest import Client

HOUSE = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.TruecastError)
]
HOSTILE = [
    "' OR 1=1 --",
    "A'; DROP TABLE scores; --",
    "../../../etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%00",
    "A01%00",
    "%ff%fe",
    "%ed%a0%80",
    "<script>canary</script>",
    "%0d%0aset-cookie:canary=1",
    "${jndi:canary}",
    "1e400",
    "NaN",
    "Infinity",
    "-1",
    "9" * 30,
    "9" * 4301,
    "true",
    "A" * 65,
    "%F0%9F%98%80",
    "anna@canary.example",
    "{}",
    "[]",
    "1_000",
    "+7",
    "%20",
    "",
]
PLACES = [
    "/v1/accounts/{}",
    "/v1/scores/{}?id=A01",
    "/v1/scores/churn?id={}",
    "/v1/scores/churn?id=A01&horizon_days={}",
    "/v1/forecasts/{}",
    "/v1/forecasts/2012Q1?definition={}",
    "/v1/forecasts/2012Q1?by={}",
    "/v1/forecasts/2012Q1?as_of={}",
    "/v1/forecasts/2012Q1?legs={}",
    "/v1/forecasts/{}/changes?since=2011-12-03",
    "/v1/forecasts/2012Q1/changes?since={}",
    "/v1/forecasts/{}/gap",
    "/v1/scenarios/{}",
    "/v1/scenarios?period={}",
    "/v1/backtests?definition={}",
    "/v1/at-risk?segment={}",
    "/v1/at-risk?owner_id={}",
    "/v1/at-risk?sort={}",
    "/v1/at-risk?limit={}",
    "/v1/at-risk?min_risk={}",
    "/v1/at-risk?min_value={}",
    "/v1/at-risk?cursor={}",
    "/v1/at-risk?status={}",
    "/v1/accuracy?node={}",
    "/v1/accuracy?leg={}",
    "/v1/accuracy?period={}",
    "/v1/accuracy?by={}",
    "/v1/accuracy?source={}",
    "/v1/accuracy?format={}",
    "/v1/churn/track-record?route={}",
    "/v1/churn/track-record?campaign={}",
    "/v1/models?model={}",
    "/v1/models?{}",
    "/{}",
]


@pytest.mark.parametrize("place", PLACES)
def test_hostile_text_is_refused_or_finds_nothing(client: Client, place: str) -> None:
    for text in HOSTILE:
        answer = client.get(place.format(text.replace("#", "%23")))
        assert answer.status_code < 500, (text, answer.text)
        assert "canary" not in answer.text, text
        if answer.status_code == 200 and place.startswith(("/v1/at-risk?s", "/v1/at-risk?o")):
            assert answer.json()["accounts"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 422),
        ("limit=1", 200),
        ("limit=200", 200),
        ("limit=201", 422),
        ("limit=-1", 422),
        ("limit=true", 422),
        ("limit=1.0", 422),
        ("limit=1e2", 422),
        ("limit=1_0", 422),
        (f"limit={10**29}", 422),
        (f"limit={'9' * 4301}", 422),
        ("min_risk=0", 200),
        ("min_risk=1", 200),
        ("min_risk=1.000001", 422),
        ("min_risk=nan", 422),
        ("min_risk=1e400", 422),
        ("min_value=1e15", 200),
        ("min_value=1.1e15", 422),
        ("limit=1&limit=2", 400),
        ("Limit=1", 400),
        ("offset=0", 400),
        ("sort=", 422),
        ("band=HIGH", 422),
    ],
)
def test_parameters_keep_to_their_rules(client: Client, query: str, status: int) -> None:
    assert client.get(f"/v1/at-risk?{query}").status_code == status


def test_a_refused_value_is_not_repeated(client: Client) -> None:
    for path in ("/v1/at-risk?limit=canary77", "/v1/at-risk?canary77=1", "/v1/accounts/canary@77"):
        answer = client.get(path)
        assert answer.status_code in {400, 422}
        assert "canary" not in answer.text


@pytest.mark.parametrize("ids", [0, 1, 99, 100, 101])
def test_up_to_a_hundred_ids_are_read(client: Client, ids: int) -> None:
    query = "&".join(f"id=Z{index}" for index in range(ids))
    expected = 200 if 1 <= ids <= 100 else 422
    assert client.get(f"/v1/scores/churn?{query}").status_code == expected


def test_a_long_url_is_refused(client: Client) -> None:
    assert client.get(f"/v1/at-risk?segment={'a' * 8_200}").status_code == 414


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_problems_too(client: Client, method: str) -> None:
    answer = client.get("/v1/models", method=method, headers={"authorization": client.key})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    "headers", [{"content-length": "5"}, {"transfer-encoding": "chunked"}, {"content-length": "x"}]
)
def test_a_body_is_refused(client: Client, headers: dict[str, str]) -> None:
    assert client.get("/v1/models", headers=headers).status_code == 413


def test_a_given_request_id_is_kept_and_a_strange_one_is_not(client: Client) -> None:
    kept = client.get("/nope", headers={"x-request-id": "crm-7:1"})
    assert kept.json()["request_id"] == "crm-7:1"
    other = client.get("/nope", headers={"x-request-id": "a b<canary>"})
    assert "canary" not in other.headers["x-request-id"]


def test_an_unexpected_failure_is_a_problem_without_a_stack(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(client.app.state.keys, "recall", fail)
    answer = client.get("/v1/models")
    assert answer.status_code == 500
    assert "canary" not in answer.text


@pytest.mark.parametrize("kind", HOUSE)
def test_every_error_of_the_house_has_a_status(kind: type[errors.TruecastError]) -> None:
    problem = describe_house_error(kind("found", "expected", "do"))
    assert 400 <= problem.status <= 503
    assert problem.status == find_status(kind("found"))
    assert problem.kind == problem.kind.strip("-").lower()
