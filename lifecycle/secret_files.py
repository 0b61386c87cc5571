"""Files that hold secrets: nobody but their owner may read them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from lifecycle.errors import UsageError

_PASSWORD = re.compile(r"://[^/@]*:[^/]*@")


def check_private(path: Path) -> None:
    """Refuse a settings file that holds a password and that others may read.

    Raises
    ------
    ValueError
        It does.
    """
    if not path.is_file() or not path.stat().st_mode & 0o077:
        return
    held = tomllib.loads(path.read_text(encoding="utf-8"))
    if any(_PASSWORD.search(str(value)) for value in held.values()):
        raise ValueError(f"{path.name} holds a password and others may read it; chmod 600 it")


def read_secret(path: Path, name: str) -> str:
    """Return the one line of a file that only its owner may read.

    Raises
    ------
    UsageError
        It cannot be read, is empty, or others may read it.
    """
    try:
        mode, text = path.stat().st_mode & 0o777, path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the file of {name} cannot be read ({type(error).__name__})",
            "a text file of mode 0400 or 0600",
            "correct its path or its owner",
        ) from None
    if mode & 0o077 or not text:
        raise UsageError(
            f"the file of {name} has mode {mode:o} and {len(text)} characters",
            "mode 0400 or 0600, and one address in it",
            "chmod 400 it, or fill it",
        )
    return text
