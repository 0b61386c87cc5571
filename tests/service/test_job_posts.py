from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.engine import Ledger
from service.callers import describe_principal
from tests.service.conftest import Client, make_key, open_client
from tests.service.test_jobs import leader as leader
from tests.service.test_jobs import name_of, post

SUPPOSED = {
    "name": "They sign",
    "definition": "bookings",
    "period": "2012Q1",
    "rationale": "a verbal yes",
    "deals": [{"deal": "O1", "to": "won", "amount_minor": 100}],
}


def test_a_scenario_is_saved_once_in_its_callers_name(leader: Client) -> None:
    first = post(leader, "/v1/scenarios", SUPPOSED, key="s1")
    assert first.status_code == 201, first.text
    assert first.json()["author"] == name_of(leader)
    assert post(leader, "/v1/scenarios", SUPPOSED, key="s1").content == first.content
    other = {**SUPPOSED, "rationale": "another"}
    assert post(leader, "/v1/scenarios", other, key="s1").status_code == 422
    assert post(leader, "/v1/scenarios", other, key="s2").status_code == 409
    assert leader.json("/v1/scenarios/They sign")["rationale"] == "a verbal yes"


@pytest.mark.parametrize(
    "change",
    [{"author": "me"}, {"deals": []}, {"definition": "orders"}, {"shocks": {"win": 1e9}}],
)
def test_what_is_no_scenario_is_refused(leader: Client, change: dict[str, Any]) -> None:
    answer = post(leader, "/v1/scenarios", {**SUPPOSED, "name": "No", **change}, key="n1")
    assert answer.status_code in {400, 422}
    assert leader.get("/v1/scenarios/No").status_code == 404


def test_running_a_scenario_is_a_job(leader: Client, client: Client) -> None:
    post(leader, "/v1/scenarios", {**SUPPOSED, "name": "Runs"}, key="r0")
    assert post(leader, "/v1/scenarios/Unknown/runs", key="r1").status_code == 404
    answer = post(leader, "/v1/scenarios/Runs/runs", key="r2")
    assert (answer.status_code, answer.json()["kind"]) == (202, "scenario_run")
    again = post(leader, "/v1/scenarios/Runs/runs", key="r3")
    assert again.json()["job_id"] == answer.json()["job_id"]  # it waits already
    assert post(client, "/v1/scenarios/Runs/runs", key="r4").status_code == 403


def test_an_export_is_asked_for_with_its_askers_role(folder: Path, ledger: Ledger) -> None:
    success = open_client(folder, make_key(folder, ledger, role="success"))
    answer = post(success, "/v1/exports/at-risk", {"format": "csv"}, key="e1")
    assert (answer.status_code, answer.json()["kind"]) == (202, "export_at_risk")
    assert "payload" not in answer.json()
    assert post(success, "/v1/exports/at-risk", {"format": "xls"}, key="e2").status_code == 422
    assert describe_principal("key:x", "success", "", scopes=None, book=None).book is not None
