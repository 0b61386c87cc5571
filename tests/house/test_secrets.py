"""No secret lies in the repository; what looks like one is an example or a digest."""

from __future__ import annotations

import linecache
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from detect_secrets import SecretsCollection
from detect_secrets.settings import transient_settings

from ledger.pepper import PEPPER_FILE, load_pepper
from lifecycle.errors import LedgerError, UsageError
from lifecycle.secret_files import read_secret
from lifecycle.settings import SETTINGS_FILE, load_settings
from tests.house.sources import ROOT

PLUGINS = (
    "AWSKeyDetector", "BasicAuthDetector", "GitHubTokenDetector", "JwtTokenDetector",
    "KeywordDetector", "PrivateKeyDetector", "SlackDetector",
)  # fmt: skip
ENTROPY = ({"name": "HexHighEntropyString", "limit": 3.0},
           {"name": "Base64HighEntropyString", "limit": 4.5})  # fmt: skip
# every line of a lock is a pin or a hash: tests/house/test_requirements.py
LEFT_OUT = re.compile(
    r"^requirements/\w+\.txt$|\.(parquet|svg|png|ubj)$|^tests/golden/openapi\.json$"
)
# filters that let lines through, and take a third of the time
STRICT = (
    "detect_secrets.filters.allowlist.is_line_allowlisted",
    "detect_secrets.filters.heuristic.is_indirect_reference",
)
NO_SECRET = [
    re.compile(pattern)
    for pattern in (
        r'^\s*"commit": "[0-9a-f]{12}",?$',  # of a published result
        r'^FROZEN = "[0-9a-f]{32}"$',  # digest of the synthetic company
        r"://truecast_app:PASSWORD@|://truecast:%s@|://user:password@",  # how an address looks
        r"://\w+:(secret|hush|hush-hush)@|:hush-hush@",  # in tests that look whether it is shown
        r"^\s*\"?(a token|.*eyJ)",  # a token that must be refused
        r'://user:pw@|\{"secret": "mine"\}',  # fields of a webhook that must be refused
        r'"Webhook id", examples=\["[0-9a-f]{12}"\]',
    )
]
PLANTED = {
    "key": "truecast_key = 'AKIA" + "QYLPMN5HHHFPZAM2'",
    "password": "url = 'postgresql://app:Zx81" + "qqPw@db/x'",
    "private": "-----BEGIN RSA PRIVATE" + " KEY-----",
    "hash": "x = '" + "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b'",
}


def tracked() -> Iterator[str]:
    ran = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return (name for name in ran.stdout.splitlines() if not LEFT_OUT.search(name))


def find_secrets(folder: Path, names: Iterable[str]) -> list[str]:
    """Return file, line and kind of what looks like a secret and is not known to be none."""
    found, before = SecretsCollection(), Path.cwd()
    plugins = [*({"name": name} for name in PLUGINS), *ENTROPY]
    os.chdir(folder)
    try:
        with transient_settings({"plugins_used": plugins}) as settings:
            settings.disable_filters(*STRICT)
            for name in names:
                found.scan_file(name)
    finally:
        os.chdir(before)
    return [
        f"{name}:{one.line_number} {one.type}"
        for name, one in found
        if not _is_known(linecache.getline(str(folder / name), one.line_number))
    ]


def _is_known(line: str) -> bool:
    return any(pattern.search(line) for pattern in NO_SECRET)


def test_the_repository_holds_no_secret() -> None:
    assert find_secrets(ROOT, tracked()) == []


@pytest.mark.parametrize("kind", PLANTED)
def test_the_planted_fault_is_caught(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.py").write_text(f"{PLANTED[kind]}\n")
    assert len(find_secrets(tmp_path, ["a.py"])) >= 1


@pytest.mark.parametrize("line", [
    'ledger_url = "postgresql+psycopg://app:hush@db/truecast"',
    'mlflow_tracking_uri = "postgresql://app:hush@db/mlflow"',
])  # fmt: skip
@pytest.mark.parametrize(("mode", "well"), [(0o600, True), (0o640, False), (0o644, False)])
def test_settings_that_hold_a_password_are_private(
    tmp_path: Path, line: str, mode: int, well: bool
) -> None:
    (tmp_path / SETTINGS_FILE).write_text(f"{line}\n")
    (tmp_path / SETTINGS_FILE).chmod(mode)
    if well:
        assert load_settings(tmp_path)
        return
    with pytest.raises(UsageError, match="chmod 600") as caught:
        load_settings(tmp_path)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("pepper", [b"", b"\n", b"admin", b"x" * 31])
def test_an_empty_or_short_pepper_is_refused(tmp_path: Path, pepper: bytes) -> None:
    load_pepper(tmp_path)
    (tmp_path / PEPPER_FILE).write_bytes(pepper)
    with pytest.raises(LedgerError, match=f"{len(pepper)} bytes"):
        load_pepper(tmp_path)


@pytest.mark.parametrize("text", ["", "\n", "  "])
def test_an_empty_secret_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "url").write_text(text)
    (tmp_path / "url").chmod(0o600)
    with pytest.raises(UsageError, match="0 characters"):
        read_secret(tmp_path / "url", "TRUECAST_LEDGER_URL_FILE")
