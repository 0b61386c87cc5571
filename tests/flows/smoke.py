"""The whole product, run for a moment as in an image: a source that cannot be written, one folder
of its own, a ledger on PostgreSQL, and secrets and contacts that must show up nowhere.

When the tests run as root, the processes run without any capability, and as user 10001 if that
one may read this machine's Python at all.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pyarrow.parquet as pq

from tests.flows.company import AS_OF, MAPPING, write_orders
from tests.house.sources import ROOMS, ROOT
from tests.mlflow_template import copy_store
from tests.postgresql import TEMPLATE, Cluster, find_binary

USER = 10001
PASSWORD, ISSUER = "Canary7password7hush", "https://idp.invalid/canary7issuer"
MAIL, PHONE = "anna.canary77@example.com", "+49 30 7777123"
NO_RIGHTS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
OTHER_USER = [*NO_RIGHTS, f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
CALLS_ITSELF = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', '']))"
PEOPLE = """\
table = "contacts"
timezone = "UTC"
known_at = { column = "since", assumed = true }

[columns]
contact_id = "person"
account_id = "customer"
role = "part"
created_at = { from = "since", formats = ["%Y-%m-%d"] }
"""
FIRMS = """\
table = "accounts"
timezone = "UTC"
known_at = { column = "since", assumed = true }
attributes = ["*"]

[columns]
account_id = "customer"
created_at = { from = "since", formats = ["%Y-%m-%d"] }
"""


@cache
def find_lowering() -> list[str]:
    """Return what takes the rights away from a command of this user."""
    if os.geteuid() != 0:
        return []
    words = [*OTHER_USER, sys.executable, "-c", CALLS_ITSELF]
    ran = subprocess.run(words, capture_output=True, check=False)
    return OTHER_USER if ran.returncode == 0 else NO_RIGHTS


@dataclass
class Smoke:
    """One run: where it is, what it printed, and which keys it gave out."""

    folder: Path
    cluster: Cluster
    port: int = field(default_factory=lambda: find_free_port())
    keys: dict[str, str] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, list[str]] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "state" / "data"

    @property
    def environment(self) -> dict[str, str]:
        folder = self.folder
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "state"),
            "TMPDIR": str(folder / "state"),
            "PYTHONPATH": f"{folder / 'watched'}:{folder / 'source'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "SOCKETS_SEEN": str(folder / "sockets"),
            "TRUECAST_DATA_DIR": str(self.data),
            "TRUECAST_LEDGER_URL_FILE": str(folder / "state" / "url"),
            "TRUECAST_OIDC_ISSUER": ISSUER,
            "TRUECAST_OIDC_AUDIENCE": "truecast",
            "TRUECAST_OIDC_JWKS": str(folder / "state" / "jwks.json"),
            **{f"TRUECAST_SCHEDULE_{job}": "off" for job in ("REFRESH", "TRAIN", "BACKTEST")},
        }

    def words(self, *arguments: str) -> list[str]:
        return [*find_lowering(), sys.executable, *arguments]

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Python as the product's user and wait for it."""
        ran = subprocess.run(
            self.words(*arguments), cwd=self.folder / "source", env=self.environment,
            capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip
        assert ran.returncode == 0 or not check, f"{arguments}: {ran.stdout}{ran.stderr}"
        return ran

    def truecast(self, *arguments: str) -> str:
        """Run a command; what it tells people is kept as a log, what it prints is given back."""
        ran = self.run("-m", "truecast", *arguments)
        (self.folder / "logs" / arguments[0]).write_text(ran.stderr)
        return ran.stdout

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command that goes on, its output in a file."""
        with (self.folder / "logs" / name).open("ab") as log:
            return subprocess.Popen(
                self.words("-m", "truecast", *arguments), cwd=self.folder / "source",
                env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip

    def ask(self, path: str, role: str, body: object = None) -> tuple[int, bytes]:
        """Send one request with a role's key; keep the answer's bytes under its path."""
        headers = {"authorization": f"Bearer {self.keys.get(role, role)}"}
        given = None if body is None else json.dumps(body).encode()
        if given is not None:
            headers |= {"content-type": "application/json", "idempotency-key": f"{path}-1"}
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, given, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, content = answer.status, answer.read()
        except HTTPError as refused:
            with refused:
                status, content = refused.code, refused.read()
        self.answers[f"{path} {role[:8]}"] = content
        return status, content

    def watch(self, *children: subprocess.Popen[bytes]) -> None:
        """Keep what every process shows of itself, and the rights of those named."""
        self.seen["cmdline"] = [_read(one) for one in Path("/proc").glob("[0-9]*/cmdline")]
        for one in children:
            self.seen.setdefault("status", []).append(_read(Path(f"/proc/{one.pid}/status")))


def build(cluster: Cluster) -> Smoke:
    """Lay out the folders: a source that nobody may write, and one state folder."""
    folder = Path(tempfile.mkdtemp(prefix="truecast-smoke-"))
    for name in ("state", "logs", "watched", "source", "state/data"):
        (folder / name).mkdir()
    for room in ROOMS:  # with what was compiled: none of the run's ten processes may keep it
        shutil.copytree(ROOT / room, folder / "source" / room)
    shutil.copy(ROOT / "truecast.py", folder / "source")
    hook = Path(__file__).with_name("smoke_hook.py")
    shutil.copy(hook, folder / "watched" / "sitecustomize.py")
    (folder / "sockets").touch()
    made = Smoke(folder, cluster)
    _write_state(made)
    _give_away(folder)
    return made


def _write_state(smoke: Smoke) -> None:
    state = smoke.folder / "state"
    copy_store(smoke.data)
    smoke.cluster.run(f"CREATE DATABASE smoke TEMPLATE {TEMPLATE}")
    url = smoke.cluster.address("smoke", f"truecast:{PASSWORD}")
    (state / "url").write_text(url)
    (state / "jwks.json").write_text('{"keys": []}')
    smoke.cluster.folder.chmod(0o711)  # its socket is for whoever may sign in
    (state / "orders.toml").write_text(MAPPING)
    (state / "contacts.toml").write_text(PEOPLE)
    (state / "accounts.toml").write_text(FIRMS)
    write_orders(state)
    with (state / "contacts.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["person", "customer", "part", "since", "mail", "phone"])
        rows.writerows([f"p{n}", f"c{n}", "buyer", "2018-01-02", MAIL, PHONE] for n in range(160))
    with (state / "accounts.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["customer", "since", "email", "contact_phone", "tier"])
        rows.writerows(
            [f"c{n}", "2018-01-01", f"{n % 5}{MAIL}", PHONE, "abc"[n % 3]] for n in range(160)
        )


def _give_away(folder: Path) -> None:
    (folder / "sockets").chmod(0o666)
    for path in [folder / "source", *(folder / "source").rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    for path in [folder / "state", *(folder / "state").rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
        if find_lowering() == OTHER_USER:
            os.chown(path, USER, USER)
    folder.chmod(0o555)  # the last: nothing is added to it from here on


def live(smoke: Smoke) -> None:
    """Live one day of the product: facts, a model, scores, keys, requests, a job, the end."""
    where = str(smoke.folder / "state")
    for name in ("orders", "contacts", "accounts"):
        smoke.truecast("ingest", f"{where}/{name}.csv", "--mapping", f"{where}/{name}.toml")
    smoke.truecast("train", "churn", "--as-of", AS_OF)
    smoke.truecast("refresh", "--as-of", AS_OF)
    pairs = ["--pair", "segment=north", "--pair", "segment=south"]
    smoke.truecast("books", "create", "all", *pairs)
    for role, more in (("reader", []), ("admin", []), ("success", ["--book", "all"])):
        told = smoke.truecast("keys", "create", "--role", role, *more)
        smoke.keys[role] = json.loads(told)["key"]
    server = smoke.start("server", "serve", "--port", str(smoke.port))
    worker = smoke.start("worker", "worker")
    try:
        _wait(lambda: smoke.ask("/readyz", "reader")[0] == 200)
        _talk(smoke)
        smoke.watch(server, worker)
    finally:
        for child in (server, worker):
            child.send_signal(signal.SIGINT)
            child.wait(60)


def _talk(smoke: Smoke) -> None:
    for path in ("/v1/at-risk", "/v1/accounts/c1", "/v1/models", "/openapi.json", "/docs"):
        assert smoke.ask(path, "reader")[0] == 200, path
    assert smoke.ask(f"/v1/at-risk?limit={MAIL}", "reader")[0] == 422
    assert smoke.ask(f"/v1/at-risk?key={smoke.keys['reader']}", "reader")[0] == 400
    assert smoke.ask("/v1/models", "truecast_live_wrong")[0] == 401
    assert smoke.ask("/v1/models", "admin")[0] == 200
    wrong = {"ids": ["c1"], "overrides": {"mail": MAIL}}
    assert MAIL.encode() not in smoke.ask("/v1/scores/churn", "reader", wrong)[1]
    assert smoke.ask("/v1/exports/at-risk", "success", {"format": "csv"})[0] == 202
    _wait(lambda: b'"done"' in smoke.ask("/v1/jobs", "success")[1])
    assert smoke.ask("/metrics", "admin")[0] == 200


def _wait(is_so: Any, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            if is_so():
                return
        except OSError:
            pass
        assert time.monotonic() < until, is_so
        time.sleep(0.2)


def read_places(smoke: Smoke) -> Iterator[tuple[str, bytes]]:
    """Return the name and the content of everything that the run has left or shown."""
    for path in sorted((smoke.folder / "logs").iterdir()):
        yield f"logs/{path.name}", path.read_bytes()
    for path in sorted(smoke.data.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(smoke.data)), _open(path)
    yield from smoke.answers.items()
    yield "cmdline", "\n".join(smoke.seen["cmdline"]).encode()
    dump = [find_binary("pg_dump"), "-h", str(smoke.cluster.folder), "-U", "truecast", "smoke"]
    yield "ledger", subprocess.run(dump, capture_output=True, check=True).stdout


def _open(path: Path) -> bytes:
    """Return a file's content; of a compressed table, its rows as text."""
    if path.suffix == ".parquet":
        return repr(pq.read_table(path, partitioning=None).to_pylist()).encode()
    return path.read_bytes()


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended
        return ""


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def remove(smoke: Smoke) -> None:
    """Throw the folders away."""
    source = smoke.folder / "source"
    for path in (smoke.folder, source, *(one for one in source.rglob("*") if one.is_dir())):
        path.chmod(0o755)
    shutil.rmtree(smoke.folder)
