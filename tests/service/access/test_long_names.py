"""People whose subject is long ask for jobs like others, and none is taken for another."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.audit import read_audit
from ledger.jobs import JobFilters, read_jobs
from service.oidc import LONGEST_NAMED, LONGEST_SUBJECT
from tests.service.access.story import Company
from tests.service.access.tokens import token
from tests.service.conftest import Client
from tests.service.test_job_posts import SUPPOSED
from tests.service.test_jobs import post

ASKED = ("/v1/exports/at-risk", {"format": "csv"})


def person(app: Any, subject: str, group: str = "cs-emea") -> Client:
    return Client(app, token(sub=subject, groups=[group]))


@pytest.mark.parametrize("length", [LONGEST_NAMED, LONGEST_NAMED + 1, 96, LONGEST_SUBJECT])
def test_whoever_is_let_in_may_ask_for_a_job(app: Any, length: int) -> None:
    answer = post(person(app, "a" * length), *ASKED)
    assert answer.status_code == 202, answer.text
    named = answer.json()["created_by"].removeprefix("user:")
    assert named == "a" * length if length <= LONGEST_NAMED else len(named) == 32


def test_two_people_with_one_beginning_are_two(app: Any, company: Company) -> None:
    people = [person(app, "b" * (LONGEST_SUBJECT - 1) + end) for end in "xy"]
    asked = [post(one, *ASKED) for one in people]
    assert [one.status_code for one in asked] == [202, 202]
    ids = [one.json()["job_id"] for one in asked]
    assert len(set(ids)) == 2  # under one key of idempotency: they are two callers
    assert people[0].get(f"/v1/jobs/{ids[1]}").status_code == 404
    noted = {row.principal for row in read_audit(company.ledger)
             if row.object in {f"job:{one}" for one in ids}}  # fmt: skip
    assert noted == {one.json()["created_by"] for one in asked}
    assert len(noted) == 2


def test_the_longest_name_of_a_scenario_and_of_its_asker_fit_together(
    app: Any, company: Company
) -> None:
    client, name = person(app, "c" * LONGEST_NAMED, "board"), "n" * 100
    assert post(client, "/v1/scenarios", {**SUPPOSED, "name": name}, key="s").status_code == 201
    runs = [post(client, f"/v1/scenarios/{name}/runs", key=key) for key in ("r1", "r2")]
    assert [one.status_code for one in runs] == [202, 202]
    assert len(read_jobs(company.ledger, JobFilters(kind="scenario_run"), limit=9)) == 1
