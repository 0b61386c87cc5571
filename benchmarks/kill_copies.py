"""What is killed beside the work itself: backups, restores and erasures of a small company."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pyarrow.parquet as pq

from ledger.audit import Actor, AuditEntry, note_action
from ledger.audit_check import verify_audit
from ledger.engine import open_ledger
from ledger.pepper import load_pepper
from lifecycle.erasure import NAMING_TABLES
from lifecycle.lake import Lake
from service.backup.make import make_backup
from service.backup.restore import restore_backup
from service.erasure import erase_subject
from tests.builders import account, build_lake, fact
from tests.service.refresh.company import FIRST

Tell = Callable[[str], None]
BY = Actor("cli:trial")
PEOPLE = 40


class BrokenCopyError(Exception):
    """What is seen is not whole."""


def prepare_company(folder: Path) -> None:
    """Write a lake of people, a ledger with a log, and a pepper."""
    people = [fact(FIRST, contact_id=f"who{i}", account_id="a1") for i in range(PEOPLE)]
    named = [
        fact(FIRST, entity="contact", entity_id=f"who{i}", name="name", text=f"Name{i}.")
        for i in range(PEOPLE)
    ]
    build_lake(folder, accounts=[account("a1")], contacts=people, attributes=named)
    load_pepper(folder)
    with closing(open_ledger(_address(folder))) as ledger:
        note_action(ledger, AuditEntry(BY, "company.founded", "it"))


class Backup:
    """One backup into a folder of its own."""

    sites = ("backup.ledger", "backup.copied", "backup.listed", "backup.shown")
    window = sites
    per_folder = 20

    def prepare(self, folder: Path) -> None:
        """Make a company."""
        prepare_company(folder / "data")

    def work(self, folder: Path, unit: int, tell: Tell) -> None:
        """Back it up."""
        tell(f"sent {unit}")
        with closing(open_ledger(_address(folder / "data"))) as ledger:
            make_backup(folder / "data", ledger, folder / "kept" / str(unit))
        tell(f"acked {unit}")

    def read_units(self, folder: Path) -> Sequence[int]:
        """Restore each backup that is seen: all of them must be whole."""
        found = sorted((folder / "kept").glob("[0-9]*"))
        for backup in found:
            target = folder / "tried" / f"{backup.name}-{os.getpid()}"
            restore_backup(backup, target, _address, by=BY)
        return [int(backup.name) for backup in found]


class Restore:
    """One restore into a folder of its own."""

    sites = ("restore.copied", "restore.checked", "restore.shown")
    window = sites
    per_folder = 20

    def prepare(self, folder: Path) -> None:
        """Make a company and a backup of it."""
        prepare_company(folder / "data")
        with closing(open_ledger(_address(folder / "data"))) as ledger:
            make_backup(folder / "data", ledger, folder / "backup")

    def work(self, folder: Path, unit: int, tell: Tell) -> None:
        """Restore it."""
        tell(f"sent {unit}")
        restore_backup(folder / "backup", folder / "back" / str(unit), _address, by=BY)
        tell(f"acked {unit}")

    def read_units(self, folder: Path) -> Sequence[int]:
        """Look at each company that is seen: all of them must be whole."""
        found = sorted((folder / "back").glob("[0-9]*"))
        for restored in found:
            with closing(open_ledger(_address(restored))) as ledger:
                verify_audit(ledger, restored)
            if len(_read_people(restored)) != PEOPLE:
                raise BrokenCopyError(restored.name)
        return [int(restored.name) for restored in found]


class Erase:
    """One person after the other is forgotten; an erasure that was killed is begun again."""

    sites = ("erase.rewritten", "erase.forgotten", "erase.noted")
    window: ClassVar[tuple[str, ...]] = sites
    per_folder = 20

    def prepare(self, folder: Path) -> None:
        """Make a company."""
        prepare_company(folder)

    def work(self, folder: Path, unit: int, tell: Tell) -> None:
        """Forget a person."""
        tell(f"sent {unit}")
        _erase(folder, unit)
        tell(f"acked {unit}")

    def read_units(self, folder: Path) -> Sequence[int]:
        """Return who is forgotten; whoever was begun must be, once it is done again."""
        log = folder / "told.log"
        text = log.read_text() if log.exists() else ""
        sent = sorted({int(line.split()[1]) for line in text.splitlines() if "sent " in line})
        gone = [unit for unit in sent if not _is_known(folder, unit)]
        for unit in sent:
            _erase(folder, unit)
            if _is_known(folder, unit) or len(_read_people(folder)) != PEOPLE:
                raise BrokenCopyError(str(unit))
        return gone


def _erase(folder: Path, unit: int) -> None:
    with closing(open_ledger(_address(folder))) as ledger:
        erase_subject(folder, ledger, f"contact:who{unit}", by=BY)


def _is_known(folder: Path, unit: int) -> bool:
    """Look for a person in every lake file there is, also those that no version names."""
    texts = (f"'who{unit}'", f"'Name{unit}.'")
    files = [one for name in (*NAMING_TABLES, "attributes") for one in _files(folder, name)]
    return any(text in repr(pq.read_table(one).to_pylist()) for one in files for text in texts)


def _files(folder: Path, table: str) -> list[Path]:
    return list((folder / "lake" / table).glob("*.parquet"))


def _read_people(folder: Path) -> set[str]:
    files = Lake(folder / "lake").files("contacts")
    return {row["contact_id"] for file in files for row in pq.read_table(file).to_pylist()}


def _address(folder: Path) -> str:
    return f"sqlite:///{folder.absolute() / 'ledger.sqlite'}"
