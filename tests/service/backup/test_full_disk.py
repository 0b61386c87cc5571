"""A disk that is full while a company is copied: nothing is seen of the copy."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.kill_copies import BY, prepare_company
from ledger.engine import open_ledger
from lifecycle.errors import LedgerError
from service.backup import drafts
from service.backup.make import make_backup
from service.backup.restore import restore_backup
from tests.service.worker.test_full_disk import disk as disk
from tests.service.worker.test_full_disk import fill_up

LEFT = 200_000


def address(folder: Path) -> str:
    return f"sqlite:///{folder / 'ledger.sqlite'}"


def back_up(folder: Path, target: Path) -> None:
    with closing(open_ledger(address(folder))) as ledger:
        make_backup(folder, ledger, target)


@pytest.mark.parametrize("is_seen_coming", [True, False])
def test_a_full_disk_leaves_nothing_half(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_seen_coming: bool
) -> None:
    prepare_company(tmp_path / "data")
    back_up(tmp_path / "data", tmp_path / "kept")
    if not is_seen_coming:
        monkeypatch.setattr(drafts, "_check_room", lambda folder, needed: None)
    filler = fill_up(disk, leave=LEFT)
    with pytest.raises((LedgerError, OSError)):
        back_up(tmp_path / "data", disk / "backup")
    with pytest.raises((LedgerError, OSError)):
        restore_backup(tmp_path / "kept", disk / "restored", address, by=BY)
    assert [path.name for path in disk.iterdir()] == ["filler"]
    filler.unlink()
    back_up(tmp_path / "data", disk / "backup")
    restore_backup(disk / "backup", disk / "restored", address, by=BY)
