"""A disk that is full while a job keeps its result: nothing is lost, and it goes on by itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.job_results import read_result
from ledger.jobs import JobFilters, read_jobs
from lifecycle.errors import LedgerError
from tests.ledger.story import new_ledger
from tests.service.worker.trials import SOON, ask, ended, found, look_until, make_worker, state_is

PATIENT = replace(SOON, first_wait=timedelta(seconds=3))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB; making one needs root."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill_up(disk: Path, *, leave: int) -> Path:
    """Take all the room there is but a little: small writes go on, large ones do not."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as opened:
        while True:
            opened.write(bytes(4096))
    os.truncate(filler, filler.stat().st_size - leave)
    return filler


def lose_nothing(ledger: Ledger, disk: Path, folder: Path) -> None:
    kept = ask(ledger, "mark", folder, bytes=100_000)
    with ended(make_worker(ledger, folder, pace=PATIENT)) as worker:
        look_until(worker, state_is(ledger, kept, "done"))
        late = ask(ledger, "mark", folder, bytes=3_000_000)
        filler = fill_up(disk, leave=400_000)
        failed = lambda: any(one.code for one in worker.running)  # noqa: E731
        look_until(worker, lambda: failed() or "full" in found(ledger, late).message)
        with pytest.raises(LedgerError):  # over HTTP: 503, to be sent again
            ask(ledger, "mark", folder, note="x" * 10**6)
        assert len(b"".join(read_result(ledger, kept))) == 100_000  # reads go on
        filler.unlink()
        look_until(worker, lambda: found(ledger, late).state in {"done", "failed"})
    assert len(b"".join(read_result(ledger, late))) == 3_000_000
    assert [job.state for job in read_jobs(ledger, JobFilters(), limit=9)] == ["done", "done"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_full_disk_loses_no_job_and_no_result(disk: Path, tmp_path: Path) -> None:
    ledger = new_ledger(disk)
    lose_nothing(ledger, disk, tmp_path)
    assert found(ledger, 1).state == "done"
    ledger.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_planted_fault_is_caught(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.worker.loop.HOPELESS", {5})  # a full disk ends a job for good
    ledger = new_ledger(disk)
    with pytest.raises(AssertionError):
        lose_nothing(ledger, disk, tmp_path)
    ledger.close()
