"""A folder that appears whole or not at all: filled beside its place under another name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lifecycle.errors import LedgerError, RefusedError
from lifecycle.locks import exclusive
from service.backup.manifest import settle_folder

LOCK = ".lock"


@contextmanager
def drafted(
    target: Path, word: str, *, needed_bytes: int
) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Give an empty folder, and what shows it under the target's name once it is filled.

    What an earlier, killed try left is removed first; whatever fails leaves nothing.

    Parameters
    ----------
    target
        Where it shall appear; not there, or an empty folder.
    word
        What it is, such as ``backup``; part of the draft's name.
    needed_bytes
        How much room it will take at least.

    Raises
    ------
    RefusedError
        The target holds something already.
    LedgerError
        There is no room, or somebody else is filling it.
    """
    check_empty(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{word}")
    draft.mkdir(mode=0o700, exist_ok=True)
    with exclusive(draft / LOCK, wait_seconds=0):
        for path in draft.iterdir():
            if path.name != LOCK:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        try:
            _check_room(target.parent, needed_bytes)
            yield draft, lambda: _show(draft, target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)  # nothing, once it was shown


def check_empty(target: Path) -> None:
    """Refuse a place that holds something.

    Raises
    ------
    RefusedError
        It does.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise RefusedError(f"{str(target)!r} is a file or a link", "a new folder", "name another")
    if target.is_dir() and any(target.iterdir()):
        raise RefusedError(
            f"folder {str(target)!r} is not empty",
            "a new or an empty one: nothing is ever written over",
            "name another",
        )


def _show(draft: Path, target: Path) -> None:
    (draft / LOCK).unlink()
    settle_folder(draft)
    draft.rename(target)  # over an empty folder, or to a new name: at once
    handle = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise LedgerError(
            f"{needed / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB free; nothing was written",
            f"more space under {folder}",
            "free space, or name a folder on another disk",
        )
