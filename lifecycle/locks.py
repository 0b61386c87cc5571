"""One writer at a time, by a file lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lifecycle.errors import LakeError


@contextmanager
def exclusive(path: Path, *, wait_seconds: float) -> Iterator[None]:
    """Hold the lock while the block runs.

    Raises
    ------
    LakeError
        Another process still holds it after the wait.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(handle, path, deadline=time.monotonic() + wait_seconds)
        yield
    finally:
        os.close(handle)


@contextmanager
def shared(path: Path, *, wait_seconds: float) -> Iterator[None]:
    """Hold the lock together with others who share it while the block runs.

    Raises
    ------
    LakeError
        Somebody still holds it alone after the wait.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(handle, path, deadline=time.monotonic() + wait_seconds, kind=fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


@contextmanager
def unless_held(path: Path) -> Iterator[bool]:
    """Hold the lock alone while the block runs if nobody else does; tell whether."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _take(handle: int, path: Path, *, deadline: float, kind: int = fcntl.LOCK_EX) -> None:
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise LakeError(
                    f"another process is writing ({path})",
                    "one writer at a time",
                    "wait until it is done and run the same command again",
                ) from None
            time.sleep(0.05)
        else:
            return
