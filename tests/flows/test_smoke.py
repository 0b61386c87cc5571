"""What a run of the whole product leaves behind: no secret, no contact, no call to anywhere."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.flows import smoke as flow
from tests.flows.smoke import (
    ISSUER,
    MAIL,
    OTHER_USER,
    PASSWORD,
    PHONE,
    USER,
    Smoke,
    find_lowering,
)
from tests.postgresql import shared_cluster

pytestmark = pytest.mark.timeout(600)
# where contacts and secrets belong: facts as they were sent, what was refused of them, the pepper
KEPT = ("lake/", "quarantine/", "pepper")
NEAR = ("/", "('127.", "127.0.0.1", "('::1", "localhost", "b'", "''", "None")
PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
WHO = "import os; print(os.getuid(), [l for l in open('/proc/self/status') if l[:6] == 'CapEff'])"


@pytest.fixture(scope="module")
def smoke() -> Iterator[Smoke]:
    made = flow.build(shared_cluster())
    try:
        flow.live(made)
        yield made
    finally:
        flow.remove(made)


@pytest.fixture(scope="module")
def places(smoke: Smoke) -> dict[str, bytes]:
    return dict(flow.read_places(smoke))


def secrets_of(smoke: Smoke) -> dict[str, list[bytes]]:
    pepper = (smoke.data / "pepper").read_bytes()
    forms = [pepper, pepper.hex().encode(), base64.b64encode(pepper)]
    keys = {f"key of {role}": [key.split("_", 3)[3].encode()] for role, key in smoke.keys.items()}
    named = {"password": [PASSWORD.encode()], "issuer": [ISSUER.encode()], "pepper": forms}
    return {**keys, **named}


def find(places: dict[str, bytes], needles: list[bytes]) -> list[str]:
    """The names of the places where one of some bytes lies, but for those where it belongs."""
    return [
        name
        for name, content in places.items()
        if not name.startswith(KEPT) and any(needle in content for needle in needles)
    ]


def test_no_secret_is_left_or_shown_anywhere(smoke: Smoke, places: dict[str, bytes]) -> None:
    assert {"ledger", "cmdline", "mlflow.sqlite", "/metrics admin"} <= set(places)
    assert {"logs/server", "logs/worker"} <= set(places)
    found = {name: find(places, needles) for name, needles in secrets_of(smoke).items()}
    assert {name: where for name, where in found.items() if where} == {}


@pytest.mark.parametrize("place", ["log", "cmdline"])
def test_the_planted_secret_is_caught(smoke: Smoke, place: str) -> None:
    secret = smoke.keys["reader"].split("_", 3)[3]  # which may hold further underscores
    if place == "log":
        with (smoke.folder / "logs" / "planted").open("w") as log:
            command = smoke.words("-c", f"import logging; logging.warning('key {secret}')")
            subprocess.run(command, stderr=log, check=True)
    else:
        code = "print(flush=True); input()"  # it speaks: it is no longer the shell that lowers
        waiting = subprocess.Popen(smoke.words("-c", code, secret), **PIPES)
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == b"\n"
        smoke.watch()
        waiting.communicate(b"\n")
    found = find(dict(flow.read_places(smoke)), [secret.encode()])
    assert found == ["logs/planted" if place == "log" else "cmdline"]
    (smoke.folder / "logs" / "planted").unlink(missing_ok=True)


def test_no_contact_is_left_outside_the_facts(places: dict[str, bytes]) -> None:
    assert any(name.startswith("bundles/") for name in places)
    assert any(name.startswith("mlflow-artifacts/") for name in places)
    needles = [MAIL.encode(), PHONE.encode()]
    allowed = f"/v1/at-risk?limit={MAIL}"
    assert find({name: one for name, one in places.items() if allowed not in name}, needles) == []


def test_the_planted_contact_is_caught(smoke: Smoke, places: dict[str, bytes]) -> None:
    """A number in a field of the company's own is a fact, compressed: the same search finds it."""
    lake = {name: one for name, one in places.items() if name.startswith("lake/")}
    moved = {f"bundles/{name}": content for name, content in lake.items()}
    assert find(moved, [PHONE.encode()])
    assert find(moved, [MAIL.encode()]) == []  # an address is not even taken in


def strangers(smoke: Smoke) -> list[str]:
    lines = (smoke.folder / "sockets").read_text().splitlines()
    return [line for line in lines if not json.loads(line)[1].startswith(NEAR)]


def test_nobody_calls_anywhere(smoke: Smoke) -> None:
    """Python sees all but libpq's own socket, whose address the run sets: a file."""
    assert strangers(smoke) == []


@pytest.mark.parametrize(
    "call", ["getaddrinfo('example.invalid', 80)", "gethostbyname('a.invalid')"]
)
def test_the_planted_call_is_caught(smoke: Smoke, call: str) -> None:
    before = (smoke.folder / "sockets").read_text()
    smoke.run("-c", f"import socket; socket.{call}", check=False)
    assert len(strangers(smoke)) == 1
    (smoke.folder / "sockets").write_text(before)


def test_it_runs_with_no_rights(smoke: Smoke) -> None:
    told = [dict(line.split(":\t", 1) for line in one.splitlines() if ":\t" in line)
            for one in smoke.seen["status"]]  # fmt: skip
    assert len(told) == 2
    assert {int(one["CapEff"], 16) for one in told} == {0}
    users = {int(one["Uid"].split("\t")[0]) for one in told}
    assert users == {USER if find_lowering() == OTHER_USER else os.getuid()}


@pytest.mark.parametrize("place", ["source/service/app.py", "source/new.py", "new"])
def test_it_cannot_write_outside_its_folder(smoke: Smoke, place: str) -> None:
    code = f"open({str(smoke.folder / place)!r}, 'a')"
    ran = smoke.run("-c", code, check=False)
    assert "PermissionError" in ran.stderr


def test_the_planted_right_is_caught(smoke: Smoke) -> None:
    """Its own folder it may write; and with a user's full rights the test's look would show it."""
    assert smoke.run("-c", f"open({str(smoke.folder / 'state' / 'new')!r}, 'a')").returncode == 0
    if os.geteuid() == 0:
        mine = subprocess.run(["python3", "-c", WHO], capture_output=True, text=True, check=True)
        assert "0000000000000000" not in mine.stdout
