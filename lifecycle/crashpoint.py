"""Places where a test may kill the process, to show that nothing acknowledged is ever lost.

Nothing happens there unless the environment asks for it: ``TRUECAST_CRASH_AT`` names the place (or
``name#3``, its third time), ``TRUECAST_CRASH_LOG`` a file that lists the places passed.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

SITES = (
    "lake.rolled_back",
    "lake.spooled",
    "lake.wrote",
    "lake.listed",
    "bundle.written",
    "bundle.saved",
    "release.written",
    "release.promoted",
    "run.begun",
    "run.rows",
    "run.publishing",
    "run.published",
    "push.storing",
    "push.stored",
    "job.claiming",
    "job.claimed",
    "inbox.sealed",
    "inbox.appended",
    "job.answered",
    "job.kept",
    "inbox.marking",
    "job.finishing",
    "job.finished",
    "backup.ledger",
    "backup.copied",
    "backup.listed",
    "backup.shown",
    "restore.copied",
    "restore.checked",
    "restore.shown",
    "erase.rewritten",
    "erase.forgotten",
    "erase.noted",
)
"""All places there are, in the order in which an ingest, a release, a run, a push, a job, a backup,
a restore and an erasure pass them."""

_passed: Counter[str] = Counter()


def crashpoint(name: str) -> None:
    """Pass a place; die there without a word if the environment says so."""
    asked, log = os.environ.get("TRUECAST_CRASH_AT"), os.environ.get("TRUECAST_CRASH_LOG")
    if asked is None and log is None:
        return
    _passed[name] += 1
    if log is not None:
        _note(log, name)
    if asked in {name, f"{name}#{_passed[name]}"}:
        os.kill(os.getpid(), signal.SIGKILL)


def _note(log: str, name: str) -> None:
    """Append one line in one call: a killed process has written it whole or not at all."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, f"{name}\n".encode())
    finally:
        os.close(handle)
