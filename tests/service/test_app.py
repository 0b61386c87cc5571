from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import APIRouter

from ledger.engine import Ledger
from lifecycle.errors import UsageError
from models.reasons import SCALES
from service import health
from service.app import create_app, create_app_from_settings
from service.auth import PUBLIC, ScopedRoute, check_routes, needs
from service.deps import Options
from tests.ledger.story import address, fill, new_ledger
from tests.service.conftest import Client, make_key, open_client

GOLDEN = Path(__file__).parent.parent / "golden" / "openapi.json"
FORBIDDEN = {
    *("mlflow", "ibis", "duckdb", "deltalake", "pyspark", "pandera", "pandas", "sklearn"),
    *("pyarrow", "joblib", "cloudpickle", "skops"),
}


def test_the_openapi_document_is_the_published_one(client: Client) -> None:
    """After a wanted change: python -m tests.service.test_app writes the file anew."""
    found = json.loads(json.dumps(client.app.openapi()))
    assert found == json.loads(GOLDEN.read_text("utf-8")), "run: python -m tests.service.test_app"


def test_every_operation_has_an_id_a_text_and_its_problems(client: Client) -> None:
    operations = [one for path in client.app.openapi()["paths"].values() for one in path.values()]
    assert len({one["operationId"] for one in operations}) == len(operations) == 36
    assert all(one["description"] and one["tags"] and one["x-scope"] for one in operations)
    assert all("application/problem+json" in str(one["responses"]["503"]) for one in operations)


def test_what_a_reason_and_a_curve_hold_is_described(client: Client) -> None:
    shapes = client.app.openapi()["components"]["schemas"]
    unit = shapes["Reason"]["properties"]["contribution_unit"]["description"]
    units = {*SCALES.values(), "minor", "probability"}
    assert all(f"{one}" in unit for one in units)
    assert (
        "too few accounts have left"
        in shapes["AtRiskAccount"]["properties"]["curve"]["description"]
    )


def test_two_routes_are_public(client: Client) -> None:
    public = [route.path for route in client.app.routes if getattr(route, "scope", "") == PUBLIC]
    assert sorted(public) == ["/livez", "/readyz"]


@pytest.mark.parametrize("extra", [None, needs("everything:do"), {"x-scope": ""}])
def test_a_route_without_a_known_scope_fails_the_start(extra: dict[str, str] | None) -> None:
    router = APIRouter(route_class=ScopedRoute)
    router.add_api_route("/v1/secret", lambda: None, openapi_extra=extra)
    with pytest.raises(UsageError, match="/v1/secret"):
        check_routes(router.routes)


def test_a_plain_route_fails_the_start() -> None:
    router = APIRouter()
    router.add_api_route("/v1/open", lambda: None)
    with pytest.raises(UsageError, match="/v1/open"):
        check_routes(router.routes)


_ONE_REQUEST = """
import json, pickle, sys
found = []
sys.addaudithook(lambda event, _: found.append(event) if event == "pickle.find_class" else None)
from pathlib import Path
from tests.service.conftest import open_client
client = open_client(Path(sys.argv[1]), sys.argv[2])
for path in ("/v1/scores/churn?id=A01", "/v1/at-risk", "/v1/forecasts/2012Q1", "/v1/accuracy",
             "/v1/churn/track-record", "/v1/deal_win/track-record", "/v1/deals", "/v1/deals/O1",
             "/v1/scores/deal_win?id=O1", "/v1/owners/bias", "/v1/accuracy?format=csv",
             "/v1/forecasts/2012Q1/changes?since=2011-12-03", "/v1/forecasts/2012Q1/gap",
             "/v1/scenarios", "/v1/scenarios/Acme%20signs", "/v1/backtests"):
    assert client.get(path).status_code == 200, path
print(json.dumps([sorted({name.partition(".")[0] for name in sys.modules}), found]))
"""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_web_process_imports_only_the_slim_set(client: Client, folder: Path) -> None:
    # plugins of the test runner may import more, so a process of its own
    command = [sys.executable, "-c", _ONE_REQUEST, str(folder), client.key]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    modules, unpickled = json.loads(ran.stdout)
    assert "service" in modules
    assert FORBIDDEN.isdisjoint(modules)
    assert unpickled == []


def test_settings_of_the_environment_make_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = new_ledger(tmp_path)
    fill(ledger)
    monkeypatch.setenv("TRUECAST_DATA_DIR", str(tmp_path))
    client = Client(create_app_from_settings(), make_key(tmp_path, ledger))
    assert client.json("/v1/at-risk")["accounts"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_missing_ledger_is_a_503_that_says_what_to_run(tmp_path: Path) -> None:
    client = Client(create_app(address(tmp_path), Options(tmp_path)), "none")
    answer = client.get("/readyz", headers={})
    assert answer.status_code == 503
    assert any("truecast migrate" in reason for reason in answer.json()["reasons"])
    assert client.get("/livez", headers={}).status_code == 200
    assert client.get("/v1/at-risk").status_code == 503
    assert list(tmp_path.iterdir()) == []


def test_the_service_becomes_ready_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.0)
    client = Client(create_app(address(tmp_path), Options(tmp_path)), "none")
    assert client.get("/readyz", headers={}).status_code == 503
    make_key(tmp_path, new_ledger(tmp_path))
    ready = client.get("/readyz", headers={})
    assert ready.status_code == 200
    assert any("truecast refresh" in note for note in ready.json()["notes"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/at-risk", 503),
        ("/v1/scores/churn?id=A1", 503),
        ("/v1/at-risk/totals", 503),
        ("/v1/accounts/A1", 404),
        ("/v1/forecasts/2012Q1", 404),
        ("/v1/forecasts/2012Q1/changes?since=2011-12-03", 404),
        ("/v1/forecasts/2012Q1/gap", 404),
        ("/v1/scenarios", 200),
        ("/v1/scenarios/none", 404),
        ("/v1/backtests", 200),
        ("/v1/accuracy", 404),
        ("/v1/churn/track-record", 503),
        ("/v1/deal_win/track-record", 503),
        ("/v1/deals", 503),
        ("/v1/deals/O1", 503),
        ("/v1/scores/deal_win?id=O1", 503),
        ("/v1/owners/bias", 503),
    ],
)
def test_an_empty_ledger_says_what_is_missing(tmp_path: Path, path: str, status: int) -> None:
    client = open_client(tmp_path, make_key(tmp_path, new_ledger(tmp_path)))
    assert client.get(path).status_code == status


def test_a_ledger_that_breaks_while_serving_is_a_503(tmp_path: Path) -> None:
    ledger: Ledger = new_ledger(tmp_path)
    client = open_client(tmp_path, make_key(tmp_path, ledger))
    with ledger.writing() as connection:
        connection.exec_driver_sql("DROP TABLE current_runs")
    answer = client.get("/v1/scores/churn?id=A1")
    assert answer.status_code == 503
    assert "doctor" in answer.json()["detail"]


if __name__ == "__main__":
    document = create_app("sqlite:///none", Options(Path())).openapi()
    GOLDEN.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", "utf-8")
