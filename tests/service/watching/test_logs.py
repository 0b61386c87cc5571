"""One line a request, and nothing in it that names an account or was sent along."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from typing import Any

import pytest

from service import logs
from service.auth import PRINCIPAL
from service.callers import describe_principal
from service.logs import tell
from service.observer import Observer, Outcome
from service.tally import Tally
from tests.house.sources import ROOT
from tests.service.conftest import Client
from tests.service.watching.conftest import Read, Speak

FIELDS = [
    "time", "level", "event", "request_id", "method", "route", "status", "duration_ms", "caller",
    "role",
]  # fmt: skip
CANARY = "canary.anna@example.com"


def _requests(lines: Read) -> list[dict[str, Any]]:
    return [one for one in lines() if one["event"] == "request"]


def test_a_request_is_one_line_with_its_template(client: Client, lines: Read) -> None:
    answer = client.get("/v1/accounts/A01")
    (line,) = _requests(lines)
    assert list(line) == FIELDS
    assert (line["route"], line["status"]) == ("/v1/accounts/{account_id}", answer.status_code)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["caller"].startswith("key:")
    assert (line["role"], line["level"]) == ("reader", "info")


@pytest.mark.parametrize(
    "path", [f"/v1/accounts/{CANARY}", f"/v1/at-risk?limit={CANARY}", f"/{CANARY}"]
)
def test_no_value_of_a_request_is_logged(client: Client, lines: Read, path: str) -> None:
    assert client.get(path).status_code in {404, 422}
    assert _requests(lines)
    assert CANARY not in json.dumps(lines())


def test_the_planted_fault_is_caught(
    client: Client, lines: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that tells the path instead of the template names the account."""
    plain = Observer.note

    def note(self: Observer, scope: Any, outcome: Outcome) -> None:
        plain(self, {**scope, "method": scope["path"]}, outcome)

    monkeypatch.setattr(Observer, "note", note)
    client.get("/v1/accounts/A01")
    assert "A01" in json.dumps(lines()) or "/v1/accounts/A" in json.dumps(lines())


def test_health_is_logged_at_debug_only(client: Client, lines: Read, speak: Speak) -> None:
    client.get("/livez")
    assert _requests(lines) == []
    speak(level="debug")
    client.get("/livez")
    assert [one["route"] for one in _requests(lines)] == ["/livez"]


def test_a_person_is_named_by_a_keyed_hash(lines: Read) -> None:
    caller = describe_principal("user:anna", "leadership", "user:anna", scopes=None, book=None)
    observer = Observer(Tally(), lambda: b"p" * 32)
    observer.note({"method": "GET", PRINCIPAL: caller}, Outcome("r", 200, 0.1))
    (line,) = _requests(lines)
    assert line["caller"].startswith("subject:")
    assert "anna" not in json.dumps(line)


def test_a_failure_tells_its_kind_and_place_and_no_value(lines: Read) -> None:
    try:
        logs.Lines("prose").format(CANARY)  # type: ignore[arg-type]
    except AttributeError:
        logging.getLogger("somebody.else").exception("it failed\n%s", CANARY)
    (line,) = lines()
    assert (line["event"], line["message"], line["error"]) == (
        "somebody.else", "it failed", "AttributeError",
    )  # fmt: skip
    assert line["place"].startswith("service/logs.py:")


def test_a_failed_thread_tells_no_value(lines: Read) -> None:
    def fail() -> None:
        raise ValueError(CANARY)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert [one["error"] for one in lines()] == ["ValueError"]
    assert CANARY not in json.dumps(lines())


def test_libraries_are_heard_from_warnings_on(lines: Read) -> None:
    for level in (logging.INFO, logging.WARNING):
        logging.getLogger("uvicorn.error").log(level, "at %d", level)
    assert [one["message"] for one in lines()] == ["at 30"]


def test_as_text_an_event_is_one_line_too(stderr: io.StringIO, speak: Speak) -> None:
    speak("text")
    tell(logging.getLogger("truecast.test"), "job.begun", job_id=7, why="a\nb")
    assert stderr.getvalue().count("\n") == 1
    assert "info    job.begun job_id=7 why=a b" in stderr.getvalue()


def test_below_its_level_nothing_is_formatted(stderr: io.StringIO, speak: Speak) -> None:
    speak(level="error")
    tell(logging.getLogger("truecast.test"), "job.begun", job_id=_Untold())
    assert stderr.getvalue() == ""


class _Untold:
    def __str__(self) -> str:
        raise AssertionError("formatted")


def test_a_process_that_fails_shows_no_value() -> None:
    code = f"from service.logs import configure_logs as c; c('json', 'info'); {{}}['{CANARY}']"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 1
    assert json.loads(ran.stderr)["error"] == "KeyError"
    assert CANARY not in ran.stderr
