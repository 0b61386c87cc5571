"""What the doctor says of old models, waiting jobs, full disks and the server of the ledger."""

from __future__ import annotations

import shutil
from collections import namedtuple
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.engine import Ledger, attach_ledger
from ledger.jobs import enqueue
from ledger.workers import WorkerSeen, write_heartbeat
from service import doctor
from service.doctor import Finding, Folders, examine
from tests.ledger.story import address, new_ledger, release
from tests.postgresql import TEMPLATE, shared_cluster

Usage = namedtuple("Usage", "total used free")
YOUNG = 36_500


@pytest.fixture
def filled(tmp_path: Path) -> Ledger:
    made = new_ledger(tmp_path)
    release(made)
    return made


def find(folder: Path, check: str, **changed: int) -> Finding:
    folders = Folders(folder, folder / "lake", folder / "bundles", address(folder))
    found = examine(replace(folders, **changed))
    return next(one for one in found if one.check.startswith(check))


@pytest.mark.parametrize(("stale", "refuse", "well"), [(30, YOUNG, True), (30, 90, False)])
def test_an_old_model_is_told_and_a_very_old_one_is_a_fault(
    filled: Ledger,
    tmp_path: Path,
    stale: int,
    refuse: int,
    well: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "_bundle_damage", lambda *_: None)
    found = find(tmp_path, "champion churn (", stale_after_days=stale, refuse_after_days=refuse)
    assert (found.ok, "stale" in found.found) == (well, True)
    assert well or "truecast train churn" in found.todo


@pytest.mark.parametrize(("job", "minutes", "well"), [
    (False, None, True), (True, None, False), (True, 10, False), (True, 0, True),
])  # fmt: skip
def test_jobs_that_nobody_does_are_a_fault(
    filled: Ledger, tmp_path: Path, job: bool, minutes: int | None, well: bool
) -> None:
    now = datetime.now(UTC)
    with filled.writing() as connection:
        if job:
            enqueue(connection, "refresh", {}, by="test")
        if minutes is not None:
            seen = now - timedelta(minutes=minutes)
            write_heartbeat(connection, WorkerSeen("here:1", seen, seen, 0))
    assert find(tmp_path, "worker").ok is well


@pytest.mark.parametrize(("free", "well"), [(2**30, True), (2**30 - 1, False)])
def test_a_full_disk_is_a_fault(
    tmp_path: Path, free: int, well: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 0, free))
    found = find(tmp_path, "disk")
    assert (found.ok, bool(found.todo)) == (well, not well)


@pytest.fixture
def server() -> str:
    return shared_cluster().address(TEMPLATE)


def test_a_server_is_named_with_its_version(tmp_path: Path, server: str) -> None:
    folders = Folders(tmp_path, tmp_path / "lake", tmp_path / "bundles", server)
    found = [one for one in examine(folders) if one.check == "ledger"]
    assert [(one.ok, one.found) for one in found] == [(True, "migrated, on PostgreSQL 15")]


def test_a_server_that_is_too_old_is_a_fault(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OLDEST_POSTGRESQL", 99)
    with closing(attach_ledger(server)) as ledger:
        assert not doctor._check_server(ledger).ok


def test_a_server_out_of_reach_is_a_fault_that_tells_no_password(tmp_path: Path) -> None:
    nowhere = "postgresql+psycopg://truecast:hush@127.0.0.1:9/none"
    found = examine(Folders(tmp_path, tmp_path / "lake", tmp_path / "bundles", nowhere))[-1]
    assert (found.check, found.ok) == ("ledger", False)
    assert "hush" not in f"{found.found}{found.todo}"
