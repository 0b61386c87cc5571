"""A backup made while others write is one state of the company, and all of it comes back."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ledger.audit_check import verify_audit
from ledger.copies import read_state
from ledger.engine import Ledger, attach_ledger
from ledger.tables import at_risk, publications, runs, scores
from lifecycle.errors import DataError, RefusedError, TruecastError
from lifecycle.periods import FiscalCalendar
from service.app import create_app
from service.backup import make
from service.backup.make import make_backup
from service.backup.restore import restore_backup
from service.deps import Options
from tests.service.backup.busy_company import (
    BY,
    Company,
    at_work,
    find_place,
    found_company,
    list_batches,
    named_batches,
)
from tests.service.conftest import Client


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """One that works all the time."""
    with at_work(found_company(tmp_path_factory.mktemp("busy") / "data")) as working:
        yield working


def back_up(company: Company, target: Path) -> set[str]:
    """Back the working company up; return what it had acknowledged before."""
    company.wait_for(2)
    before = set(company.told)
    make_backup(company.folder, company.ledger, target)
    company.wait_for(1)
    return before


def restore(backup: Path, target: Path) -> None:
    restore_backup(backup, target, lambda folder: find_place(target), by=BY)


def read_scores(ledger: Ledger) -> dict[str, list[Any]]:
    """Return all published scores and lists, run by run."""
    with ledger.reading() as connection:
        found = {}
        for table in (scores, at_risk):
            query = select(table, runs.c.as_of).join(runs, runs.c.id == table.c.run_id)
            query = query.join(publications, publications.c.run_id == runs.c.id)
            found[table.name] = [tuple(row) for row in connection.execute(query)]
        return found


def check_restored(company: Company, backup: Path, target: Path, before: set[str]) -> None:
    """What was acknowledged is there, and whatever the ledger names is there too."""
    restore(backup, target)
    with closing(attach_ledger(find_place(target))) as ledger:
        named, listed = named_batches(ledger), list_batches(target)
        assert before <= named, "acknowledged, and not in the ledger"
        assert named <= listed, "the ledger names facts that are missing"
        verify_audit(ledger, target)
        now, then = read_scores(company.ledger), read_scores(ledger)
        assert len(then["scores"]) > 0
        assert all(set(then[name]) <= set(now[name]) for name in now)


def back_up_and_restore(company: Company, folder: Path) -> None:
    before = back_up(company, folder / "backup")
    check_restored(company, folder / "backup", folder / "restored", before)


def test_what_was_acknowledged_before_a_backup_comes_back(company: Company, tmp_path: Path) -> None:
    back_up_and_restore(company, tmp_path)
    where = tmp_path / "restored"
    app = create_app(find_place(where), Options(where, 30, FiscalCalendar(1)))
    assert Client(app, company.key).json("/v1/at-risk?limit=3")["accounts"]


@contextmanager
def lake_first(monkeypatch: pytest.MonkeyPatch, company: Company) -> Iterator[None]:
    """Copy what the ledger speaks of before the ledger."""
    monkeypatch.setattr(make, "PARTS", ("bundles", "lake", "ledger", "secrets", "training"))
    copy = make.COPIERS["ledger"]
    slow = lambda copying: (company.wait_for(2), copy(copying))  # noqa: E731
    monkeypatch.setitem(make.COPIERS, "ledger", slow)
    yield


@contextmanager
def plain_copy(monkeypatch: pytest.MonkeyPatch, company: Company) -> Iterator[None]:
    """Copy the ledger's file as it lies there."""

    def copy(ledger: Ledger, folder: Path) -> Any:
        shutil.copy(company.folder / "ledger.sqlite", folder / "ledger.sqlite")
        with closing(attach_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")) as copied:
            return read_state(copied.engine)

    monkeypatch.setattr(make, "copy_ledger", copy)
    with company.ledger.reading() as connection:  # as long as somebody reads, the log stays apart
        connection.execute(select(runs.c.id)).all()
        yield


@pytest.mark.parametrize("fault", [lake_first, plain_copy])
def test_the_planted_fault_is_caught(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    if fault is plain_copy and company.ledger.path is None:
        return  # a server's files are out of our reach
    with fault(monkeypatch, company), pytest.raises((AssertionError, TruecastError)):
        back_up_and_restore(company, tmp_path)


@pytest.fixture(scope="module")
def quiet(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it."""
    target = tmp_path_factory.mktemp("quiet") / "backup"
    make_backup(company.folder, company.ledger, target)
    return target


@pytest.mark.parametrize("name", ["ledger.sqlite", "pepper", "lake/_batches", "bundles"])
def test_one_changed_byte_refuses_the_whole_restore(quiet: Path, tmp_path: Path, name: str) -> None:
    copied = tmp_path / "backup"
    shutil.copytree(quiet, copied)
    place = copied / name.replace("ledger.sqlite", find_ledger(copied))
    file = place if place.is_file() else next(one for one in place.rglob("*") if one.is_file())
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        restore(copied, tmp_path / "restored")
    assert [one.name for one in tmp_path.iterdir() if "restore" in one.name] == []


def find_ledger(backup: Path) -> str:
    return next(one.name for one in backup.glob("ledger.*"))


def test_nothing_is_ever_written_over(company: Company, quiet: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(RefusedError):
        restore(quiet, tmp_path)
    with pytest.raises(RefusedError):
        make_backup(company.folder, company.ledger, tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]


def test_only_its_owner_reads_a_backup(quiet: Path) -> None:
    modes = {path.stat().st_mode & 0o077 for path in (quiet, *quiet.rglob("*"))}
    assert modes == {0}
    assert (quiet / "pepper").is_file()


def test_a_company_comes_back_within_a_minute(quiet: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    restore(quiet, tmp_path / "restored")
    assert time.monotonic() - began < 60
