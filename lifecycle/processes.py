"""What a process started for one job promises: to die with its starter, and to stay in bounds."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

_SET_DEATH_SIGNAL = 1
NICE = 10


def die_with_parent() -> None:
    """Let the kernel kill this process when the thread that started it ends (on Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)


def stay_in_bounds(memory_bytes: int) -> None:
    """Limit this process's own memory, and let every other process go first.

    Parameters
    ----------
    memory_bytes
        Of data it may hold, mapped files not counted; more raises ``MemoryError``.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    os.nice(NICE)
