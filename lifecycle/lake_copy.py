"""A lake copied while others write it: each table as one of its versions had it, whole.

The list of batches is copied first. Whatever it lists was written before, so that the tables,
copied after it, hold it; rows of batches that were listed later are in the copy and seen by no
reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from lifecycle.delta import LOG
from lifecycle.errors import LakeError
from lifecycle.lake import COPYING, LOCK_WAIT_SECONDS, Lake
from lifecycle.locks import shared
from lifecycle.tables.catalog import BATCHES, TABLES

_COMMIT = re.compile(r"(\d{20})\.json").fullmatch
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.\d+\.\d+)?\.parquet").fullmatch
TRIES = 5

Copy = Callable[[Path, str], None]
"""Copies one file: from where, and under which name."""


def copy_lake(root: Path, target: Path, copy: Copy, *, forget: Callable[[], None]) -> str:
    """Copy a lake that may be written meanwhile; return the version of what the copy shows.

    Parameters
    ----------
    root, target
        Folder of the lake, and where ``copy`` puts it.
    copy
        Called with each file and its name inside the lake.
    forget
        Called when files vanished on the way (rows of a person were erased): what was copied so far
        must go, for all of it is copied again.

    Raises
    ------
    LakeError
        Files vanish again and again, or are missing for good.
    """
    if not root.is_dir():
        return Lake(target).version()
    for _ in range(TRIES):
        try:
            # where files are put together meanwhile, one holds rows that this list does not know
            with shared(root / COPYING, wait_seconds=LOCK_WAIT_SECONDS):
                for table in [BATCHES.name, *(name for name in TABLES if name != BATCHES.name)]:
                    _copy_table(root / table, target, copy)
        except FileNotFoundError as error:
            missing = error.filename
            forget()
        else:
            return Lake(target).version()
    raise LakeError(
        f"lake file {missing} is not there", "all files that the lake names", "run truecast doctor"
    )


def _copy_table(folder: Path, target: Path, copy: Copy) -> None:
    if not (folder / LOG).is_dir():
        return
    for name in _find_log(folder / LOG):
        copy(folder / LOG / name, f"{folder.name}/{LOG}/{name}")
    for path in Lake(target).named_files(folder.name):
        name = Path(path).relative_to(target.absolute() / folder.name).as_posix()
        copy(folder / name, f"{folder.name}/{name}")


def _find_log(folder: Path) -> list[str]:
    """Return the files of a log up to one version: commits without a gap, and checkpoints."""
    names = {path.name for path in folder.iterdir()}
    checkpoints = {name: int(found[1]) for name in names if (found := _CHECKPOINT(name))}
    commits = {int(found[1]): name for name in names if (found := _COMMIT(name))}
    base = max(checkpoints.values(), default=-1)
    last = base if base >= 0 else min(commits, default=0) - 1
    while last + 1 in commits:  # one that arrived while the folder was read may stand alone
        last += 1
    kept = [name for version, name in commits.items() if version <= last]
    kept += [name for name, version in checkpoints.items() if version <= last]
    return sorted(kept)
