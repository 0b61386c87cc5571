from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import truecast
from ledger.engine import open_ledger
from ledger.keys import load_pepper
from service.doctor import Folders, examine
from tests.ledger.forecast_story import fill_forecasts
from tests.ledger.story import DIGEST, address, fill, new_ledger, release
from tests.service.conftest import make_key, open_client


def _run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = truecast.main([str(one) for one in arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_a_created_key_opens_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(new_ledger(tmp_path))
    code, out, _ = _run(capsys, "keys", "create", "--data-dir", tmp_path, "--label", "crm")
    made = json.loads(out)
    assert (code, out.count("\n"), made["role"], made["label"]) == (0, 1, "reader", "crm")
    assert open_client(tmp_path, made["key"]).json("/v1/models")["models"]


def test_keys_are_listed_without_their_secret_and_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = json.loads(_run(capsys, "keys", "create", "--data-dir", tmp_path)[1])
    code, out, _ = _run(capsys, "keys", "list", "--data-dir", tmp_path, "--json")
    assert (code, [one["key_id"] for one in json.loads(out)]) == (0, [made["key_id"]])
    assert made["key"] not in out
    code, out, _ = _run(capsys, "keys", "revoke", made["key_id"], "--data-dir", tmp_path, "--json")
    assert (code, json.loads(out)["revoked_at"] is not None) == (0, True)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "create", "--role", "king"),
        ("keys", "create", "--days", "0"),
        ("keys", "create", "--days", "367"),
        ("keys", "revoke", "zzzzzzzz"),
        ("serve", "--port", "0"),
        ("serve", "--port", "65536"),
    ],
)
def test_wrong_arguments_leave_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    open_ledger(address(tmp_path)).close()
    assert _run(capsys, *arguments, "--data-dir", tmp_path)[0] == 2


@pytest.mark.parametrize("command", sorted(set(truecast.COMMANDS) - {"demo"}))
def test_every_command_answers_to_its_name(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = _run(capsys, command, "--no-such-option")
    assert (code, "--no-such-option" in err) == (2, True)


def test_doctor_says_what_is_missing_and_leaves_with_5(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = _run(capsys, "doctor", "--data-dir", tmp_path / "none", "--json")
    found = json.loads(out)
    assert (code, found["ok"]) == (5, False)
    assert {one["check"] for one in found["findings"]} == {"data directory", "lake", "ledger"}
    assert not (tmp_path / "none").exists()


def _folders(folder: Path) -> Folders:
    bundles = folder / "bundles"
    return Folders(folder, folder / "lake", bundles, address(folder), refuse_after_days=36_500)


def _make_well(folder: Path) -> None:
    folder.chmod(0o700)
    ledger = new_ledger(folder)
    fill(ledger)
    fill_forecasts(ledger)
    release(ledger, "clv")
    make_key(folder, ledger)
    ledger.close()  # so that all rows are in the file itself
    log = folder / "lake" / "orders" / "_delta_log"
    log.mkdir(parents=True)
    (log / "0.json").write_text('{"add": {"path": "a%20b", "size": 4}}\n{"commitInfo": {}}\n')
    (log.parent / "a b").write_text("PAR1")
    bundle = folder / "bundles" / DIGEST
    bundle.mkdir(parents=True)
    (bundle / "bundle.json").write_text("{}")


def test_doctor_is_content_with_a_whole_directory(tmp_path: Path) -> None:
    _make_well(tmp_path)
    assert [one for one in examine(_folders(tmp_path)) if not one.ok] == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("damage", "check"),
    [
        (lambda d: (d / "ledger.sqlite").chmod(0o644), "ledger"),
        (lambda d: (d / "ledger.sqlite").write_bytes(b"junk" * 2000), "ledger"),
        (lambda d: (d / "pepper").chmod(0o640), "API keys"),
        (lambda d: (d / "pepper").unlink(), "API keys"),
        (lambda d: (d / "bundles" / DIGEST / "bundle.json").unlink(), "champion"),
        (lambda d: (d / "bundles" / DIGEST / "bundle.json").write_text("[]"), "champion"),
        (lambda d: (d / "lake" / "orders" / "a b").write_text("PA"), "lake"),
        (lambda d: (d / "lake" / "orders" / "a b").unlink(), "lake"),
        (lambda d: (d / "lake" / "orders" / "_delta_log" / "0.json").write_text("{"), "lake"),
        (lambda d: d.chmod(0o777), "data directory"),
    ],
)
def test_doctor_finds_the_damage(tmp_path: Path, damage: object, check: str) -> None:
    _make_well(tmp_path)
    damage(tmp_path)  # type: ignore[operator]
    bad = [one for one in examine(_folders(tmp_path)) if not one.ok]
    assert bad
    assert all(one.check.startswith(check) and one.todo for one in bad)


def test_migrate_makes_a_private_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(capsys, "keys", "list", "--data-dir", tmp_path)[0] == 5
    if "migrate" in truecast.COMMANDS:
        assert _run(capsys, "migrate", "--data-dir", tmp_path)[0] == 0
        assert stat.S_IMODE((tmp_path / "ledger.sqlite").stat().st_mode) == 0o600


def _wait_for(url: str) -> int:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return int(answer.status)
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_second_server_on_the_port_leaves_with_5_and_harms_nobody(tmp_path: Path) -> None:
    load_pepper(tmp_path)
    open_ledger(address(tmp_path)).close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    serve = [sys.executable, "-m", "truecast", "serve", "--port", port, "--data-dir", tmp_path]
    serve.append("--insecure-dev")
    first = subprocess.Popen(serve, stdout=subprocess.DEVNULL)
    try:
        assert _wait_for(f"http://127.0.0.1:{port}/readyz") == 200
        second = subprocess.run(serve, capture_output=True, text=True, check=False)
        assert (second.returncode, second.stderr.count("\n")) == (5, 1)
        assert f"port {port} on 127.0.0.1 is in use" in second.stderr
        assert _wait_for(f"http://127.0.0.1:{port}/livez") == 200
    finally:
        first.terminate()
    assert first.wait(30) in {0, -15, 143}
