"""A throw-away PostgreSQL for tests, and the fixtures that run a test on each kind of ledger.

One cluster per test process, without sync to disk; one database per ledger, copied from a migrated
template. Where there is no PostgreSQL, tests fail: a suite that skips half of itself proves half.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Pool, create_engine, event
from sqlalchemy.exc import OperationalError

from ledger.engine import open_ledger

KINDS = ("sqlite", "postgresql")
TEMPLATE = "migrated"
DEBIAN = Path("/usr/lib/postgresql")
# commits are waited for: what a killed server acknowledged must be in its file
QUICK = ("fsync=off", "full_page_writes=off", "max_connections=200")


@dataclass
class Cluster:
    """One PostgreSQL server with its own data, reached through a socket in its folder.

    Attributes
    ----------
    settings
        ``name=value`` lines of its configuration.
    """

    settings: tuple[str, ...] = QUICK
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="truecast-pg-")))
    _server: subprocess.Popen[bytes] | None = None

    def start(self) -> Cluster:
        """Make the data if missing, start the server and wait until it answers."""
        if not (self.folder / "data").exists():
            self._make()
        words = [f"-c{one}" for one in self.settings]
        words += ["-clisten_addresses=", f"-cunix_socket_directories={self.folder}"]
        self._server = self._run([find_binary("postgres"), "-D", str(self.folder / "data"), *words])
        until = time.monotonic() + 30
        while not self.answers():
            if self._server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start: {self._log()[-2000:]}")
            time.sleep(0.02)
        return self

    def address(self, database: str = "postgres", user: str = "truecast") -> str:
        """Return the SQLAlchemy address of one of its databases."""
        return f"postgresql+psycopg://{user}@/{database}?host={self.folder}"

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Execute statements one by one, outside of any transaction."""
        engine = create_engine(self.address(database), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def answers(self) -> bool:
        """Say whether a connection can be made."""
        try:
            self.run("SELECT 1")
        except OperationalError:
            return False
        return True

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the server and every process of its own."""
        assert self._server is not None
        self._server.send_signal(number)
        for child in psutil.Process(self._server.pid).children():
            child.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """Stop the server: at once with SIGQUIT, after its clients with SIGTERM."""
        if self._server is not None:
            self._server.send_signal(number)
            self._server.wait(30)
            self._server = None

    def remove(self) -> None:
        """Stop it and throw its data away."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self) -> None:
        if os.geteuid() == 0:
            os.chown(self.folder, _owner().pw_uid, _owner().pw_gid)
        words = [
            "--auth=trust",
            "--username=truecast",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
        made = self._run([find_binary("initdb"), "-D", str(self.folder / "data"), *words])
        if made.wait(60):
            raise RuntimeError(f"initdb failed: {self._log()[-2000:]}")

    def _run(self, words: list[str]) -> subprocess.Popen[bytes]:
        given: dict[str, Any] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            given = {"user": _owner().pw_uid, "group": _owner().pw_gid, "extra_groups": []}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder, **given)

    def _log(self) -> str:
        return (self.folder / "log").read_text()


def find_binary(name: str) -> str:
    """Return a server program from PATH, or the newest in Debian's folder, which is not in it."""
    found = shutil.which(name)
    if found is None:
        versions = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
        if not versions:
            raise RuntimeError(f"no {name}: these tests need a PostgreSQL server (postgresql-15)")
        found = str(versions[-1])
    return found


def _owner() -> pwd.struct_passwd:
    names = {one.pw_name: one for one in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


@cache
def shared_cluster() -> Cluster:
    """Return this process's cluster, with the migrated template; removed when it ends."""
    cluster = Cluster()
    atexit.register(cluster.remove)
    cluster.start().run(f"CREATE DATABASE {TEMPLATE}")
    open_ledger(cluster.address(TEMPLATE)).close()
    return cluster


@cache
def migrated_sqlite() -> Path:
    """Return a migrated ledger that holds nothing: to copy it takes a tenth of making one."""
    folder = Path(tempfile.mkdtemp(prefix="truecast-sqlite-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "ledger.sqlite"
    open_ledger(f"sqlite:///{path}").close()
    return path


@dataclass
class Choice:
    """Which kind of ledger `new_address` gives, and what was made of it."""

    kind: str = "sqlite"
    databases: list[str] = field(default_factory=list)
    connections: list[Any] = field(default_factory=list)


CHOICE = Choice()


def make_address(folder: Path) -> str:
    """Return the address of a folder's ledger; on PostgreSQL its database is made if missing.

    ``truecast.toml`` in the folder then names it, so that commands find it too.
    """
    if CHOICE.kind == "sqlite":
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "ledger.sqlite").exists():
            shutil.copy(migrated_sqlite(), folder / "ledger.sqlite")
        return find_address(folder)
    name = _database_of(folder)
    if name not in CHOICE.databases:
        shared_cluster().run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        CHOICE.databases.append(name)
        folder.mkdir(parents=True, exist_ok=True)
        add_settings(folder, f'ledger_url = "{shared_cluster().address(name)}"\n')
    return find_address(folder)


def add_settings(folder: Path, lines: str) -> None:
    """Add lines to a folder's settings, which may name its ledger already."""
    with (folder / "truecast.toml").open("a") as settings:
        settings.write(lines)


def find_address(folder: Path) -> str:
    """Return the address of a folder's ledger, which need not be there."""
    if CHOICE.kind == "sqlite":
        return f"sqlite:///{folder / 'ledger.sqlite'}"
    return shared_cluster().address(_database_of(folder))


def _database_of(folder: Path) -> str:
    return f"t{hashlib.sha256(str(folder).encode()).hexdigest()[:20]}"


@pytest.fixture(scope="module", params=KINDS)
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run whoever asks for a folder on each kind of ledger; a test may choose one by its mark.

    ``@pytest.mark.parametrize("database", ["sqlite"], indirect=True)``
    """
    CHOICE.kind = request.param
    event.listen(Pool, "connect", _remember)
    yield CHOICE.kind
    event.remove(Pool, "connect", _remember)
    for connection in CHOICE.connections:  # or each would warn that nobody closed it
        connection.close()
    for name in CHOICE.databases:
        shared_cluster().run(f"DROP DATABASE {name} WITH (FORCE)")
    CHOICE.kind, CHOICE.databases, CHOICE.connections = "sqlite", [], []


def _remember(connection: Any, record: Any) -> None:
    if CHOICE.kind == "postgresql":
        CHOICE.connections.append(connection)


@pytest.fixture(scope="module")
def tmp_path_factory(
    database: str, tmp_path_factory: pytest.TempPathFactory
) -> pytest.TempPathFactory:
    """Tie every folder, and so every ledger in it, to the kind that is tested."""
    return tmp_path_factory
