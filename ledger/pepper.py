"""The pepper: the secret under which keys are kept and cursors and subjects are signed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from lifecycle.errors import LedgerError

PEPPER_FILE = "pepper"
PEPPER_BYTES = 32


def load_pepper(folder: Path, *, create: bool = True) -> bytes:
    """Return the data directory's pepper; made at first use, readable by its owner only.

    With ``create=False`` (a web process) a missing one is an error.

    Raises
    ------
    LedgerError
        It cannot be made or read, is too short, or others may read it.
    """
    path = folder / PEPPER_FILE
    try:
        if create:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _create_pepper(path)
        mode, pepper = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise LedgerError(
            f"the pepper file cannot be used ({error.strerror})",
            "a readable file in the data directory",
            "make a first key with `truecast keys create`, or correct --data-dir",
        ) from error
    if mode & 0o077 or len(pepper) < PEPPER_BYTES:
        raise LedgerError(
            f"the pepper file has mode {mode & 0o777:o} and {len(pepper)} bytes",
            f"mode 600 and at least {PEPPER_BYTES} bytes",
            "chmod 600 it; an emptied one must be restored, or all keys made anew",
        )
    return pepper


def _create_pepper(path: Path) -> None:
    """Write a whole file under another name first: a reader never meets a half pepper."""
    if path.exists():
        return
    draft = path.with_name(f".{PEPPER_FILE}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(handle, secrets.token_bytes(PEPPER_BYTES))
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(draft, path)  # fails if another process was first: its pepper holds
    except FileExistsError:
        pass
    finally:
        draft.unlink()
