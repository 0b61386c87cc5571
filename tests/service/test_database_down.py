"""A database that hangs, dies or is locked: 503 within the deadline, and well again by itself."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool

import ledger.engine
from ledger.engine import attach_ledger, open_ledger
from lifecycle.errors import LedgerError
from service.app import create_app
from service.deps import Options
from service.problems import find_status
from tests.ledger.story import fill, new_ledger, new_run
from tests.postgresql import Cluster
from tests.postgresql import database as database
from tests.postgresql import tmp_path_factory as tmp_path_factory
from tests.service.conftest import Client, make_key

DEADLINE_SECONDS = 10
RECOVERY_SECONDS = 5
AT_ONCE = 6


@pytest.fixture(scope="module")
def cluster(database: str) -> Iterator[Cluster]:
    """A server of this file's own, for it is stopped and killed."""
    made = Cluster().start()
    made.run("CREATE DATABASE truecast")
    yield made
    made.remove()


@pytest.fixture(scope="module")
def data(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("data")
    with closing(open_ledger(cluster.address("truecast"))) as made:
        fill(made)
        return folder, make_key(folder, made)


pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def judge_outage(cluster: Cluster, data: tuple[Path, str], outage: str) -> list[str]:
    """Ask while the server is away and when it is back; name each rule that was broken."""
    folder, key = data
    client = Client(create_app(cluster.address("truecast"), Options(folder, 36_500)), key)
    assert client.get("/v1/at-risk").status_code == 200
    back = None
    if outage == "hangs":
        cluster.signal_all(signal.SIGSTOP)
        back = threading.Timer(5, cluster.signal_all, (signal.SIGCONT,))
        back.start()
    else:
        cluster.stop(signal.SIGKILL)
    began = time.monotonic()
    codes = asyncio.run(_ask_at_once(client))
    took = time.monotonic() - began
    if back is None:
        cluster.start()
    else:
        back.join()
    broken = [f"status {code}" for code in {*codes} - {200, 503}]
    broken += [f"{took:.1f} s"] if took > DEADLINE_SECONDS else []
    broken += [] if _recovers(client) else ["no recovery"]
    held = client.app.state.service.ledger.engine.pool.checkedout()
    client.app.state.service.close()
    return broken + ([f"{held} connections held"] if held else [])


async def _ask_at_once(client: Client) -> list[int]:
    given = {"authorization": f"Bearer {client.key}"}
    asked = [client._send("GET", "/v1/at-risk", given) for _ in range(AT_ONCE)]
    return [answer.status_code for answer in await asyncio.gather(*asked)]


def _recovers(client: Client) -> bool:
    until = time.monotonic() + RECOVERY_SECONDS
    while time.monotonic() < until:
        if client.get("/v1/at-risk").status_code == 200:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("outage", ["hangs", "dies"])
def test_an_outage_is_answered_in_time_and_passes(
    cluster: Cluster, data: tuple[Path, str], outage: str
) -> None:
    assert judge_outage(cluster, data, outage) == []


# a connection that a fault keeps is closed by nobody
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("fault", ["untranslated", "kept"])
def test_the_planted_fault_is_caught(
    cluster: Cluster, data: tuple[Path, str], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "untranslated":
        monkeypatch.setattr(ledger.engine, "_translated", nullcontext)
    else:
        monkeypatch.setattr(QueuePool, "_do_return_conn", lambda pool, record: None)
    assert judge_outage(cluster, data, "dies") != []


def test_a_server_that_never_answers_is_given_up(cluster: Cluster, data: tuple[Path, str]) -> None:
    limits = ledger.engine.Limits(statement_seconds=1)
    with closing(attach_ledger(cluster.address("truecast"), limits)) as held:
        cluster.signal_all(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(LedgerError, match="cannot be reached"), held.reading():
            pass
        took = time.monotonic() - began
        cluster.signal_all(signal.SIGCONT)
    assert took < 8


def test_a_statement_that_takes_too_long_is_ended(cluster: Cluster, data: tuple[Path, str]) -> None:
    limits = ledger.engine.Limits(statement_seconds=1)
    with closing(attach_ledger(cluster.address("truecast"), limits)) as held:
        with pytest.raises(LedgerError, match="statement timeout"), held.reading() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(5)")
        assert held.engine.pool.checkedout() == 0


@pytest.mark.parametrize(
    ("user", "database_name", "host"),
    [
        ("nobody", "truecast", None),
        ("truecast", "missing", None),
        ("truecast", "x", "none.invalid"),
    ],
)
def test_a_password_is_in_no_message_and_no_log(
    cluster: Cluster,
    caplog: pytest.LogCaptureFixture,
    user: str,
    database_name: str,
    host: str | None,
) -> None:
    caplog.set_level(logging.DEBUG)
    place = host or cluster.folder
    url = f"postgresql+psycopg://{user}:hush-hush@/{database_name}?host={place}"
    with pytest.raises(LedgerError, match="cannot be reached") as caught:
        attach_ledger(url)
    assert "hush" not in f"{caught.value} {caplog.text}"
    assert str(place) not in str(caught.value)


def test_a_writer_locked_out_is_refused_in_time_while_readers_go_on(tmp_path: Path) -> None:
    made = new_ledger(tmp_path)
    other = create_engine(made.engine.url)
    with other.connect() as writer:
        writer.exec_driver_sql("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(LedgerError, match="locked") as caught:
            new_run(made)
        assert time.monotonic() - began < DEADLINE_SECONDS
        assert find_status(caught.value) == 503
        with made.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM runs").scalar() == 0
        writer.rollback()
    other.dispose()
    assert new_run(made) == 1
    assert made.engine.pool.checkedout() == 0
