"""A database that hangs, dies or is locked: 503 within the deadline, and well again by itself."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext, suppress
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool

import ledger.engine
from ledger.engine import attach_ledger, open_ledger
from lifecycle.errors import LedgerError
from service.app import create_app
from service.deps import Options, Service
from service.problems import find_status
from tests.ledger.story import fill, new_ledger, new_run
from tests.postgresql import Cluster
from tests.postgresql import database as database
from tests.postgresql import tmp_path_factory as tmp_path_factory
from tests.service.conftest import Client, make_key

DEADLINE_SECONDS = 10
RECOVERY_SECONDS = 5
HANGS_SECONDS = 5
LONGEST_SILENCE_SECONDS = 2.0
AT_ONCE = 6
LIST = ("GET", "/v1/at-risk", None)
STORED = ("GET", "/v1/scores/churn?id=A01", None)
ASKED = ("POST", "/v1/scores/churn", {"ids": ["A01"]})
Question = tuple[str, str, object]


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


def judge_outage(
    cluster: Cluster,
    data: tuple[Path, str],
    outage: str,
    *,
    asked: Sequence[Question] = (LIST, STORED, ASKED),
) -> list[str]:
    """Ask while the server is away and when it is back; name each rule that was broken."""
    folder, key = data
    client = Client(create_app(cluster.address("truecast"), Options(folder, 36_500)), key)
    assert {*asyncio.run(_ask_at_once(client, asked, times=1))[0]} == {200}
    back = None
    if outage == "hangs":
        cluster.signal_all(signal.SIGSTOP)
        back = threading.Timer(HANGS_SECONDS, cluster.signal_all, (signal.SIGCONT,))
        back.start()
    else:
        cluster.stop(signal.SIGKILL)
    began = time.monotonic()
    codes, silent = asyncio.run(_ask_at_once(client, asked))
    took = time.monotonic() - began
    if back is None:
        cluster.start()
    else:
        back.join()
    broken = [f"status {code}" for code in {*codes} - {200, 503}]
    broken += [f"{took:.1f} s"] if took > DEADLINE_SECONDS else []
    broken += [f"/livez waited {silent:.1f} s"] if silent > LONGEST_SILENCE_SECONDS else []
    broken += [] if _recovers(client) else ["no recovery"]
    held = client.app.state.service.ledger.engine.pool.checkedout()
    client.app.state.scorer.close()
    client.app.state.service.close()
    return broken + ([f"{held} connections held"] if held else [])


async def _ask_at_once(
    client: Client, asked: Sequence[Question], times: int = AT_ONCE
) -> tuple[list[int], float]:
    """Ask everything several times at once; return the statuses and the longest silence (s)."""
    transport = httpx2.ASGITransport(client.app, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {client.key}"}
    waited = [0.0]
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as web:
        watching = asyncio.create_task(_watch(web, waited))
        await asyncio.sleep(0)
        answers = await asyncio.gather(
            *(
                web.request(method, path, json=body, headers=headers, timeout=60)
                for _ in range(times)  # one of each first: not all are let in at once
                for method, path, body in asked
            )
        )
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    return [answer.status_code for answer in answers], max(waited)


async def _watch(web: httpx2.AsyncClient, waited: list[float]) -> None:
    """Ask for a sign of life twenty times a second; keep how long each took to come."""
    while True:
        began = time.monotonic()
        try:
            assert (await web.get("/livez")).status_code == 200
            await asyncio.sleep(0.05)
        finally:  # also of the last one, which is cut off as soon as all else is answered
            waited.append(time.monotonic() - began)


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


@pytest.mark.parametrize("asked", [STORED, ASKED], ids=["stored", "asked"])
def test_a_planted_wait_on_the_event_loop_is_caught(
    cluster: Cluster, data: tuple[Path, str], asked: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Service, "is_local", True)
    told = judge_outage(cluster, data, "hangs", asked=[asked])
    assert any("/livez waited" in one for one in told), told


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
