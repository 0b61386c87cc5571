"""A job's process as the worker sees it: started, watched, ended with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from ledger.job_leases import Lease
from ledger.jobs import LONGEST_MESSAGE, Job

LEASE_VARIABLE = "TRUECAST_JOB"
NEVER_STARTED = 127
_READ_BYTES = 65_536


class Running:
    """One try of a job in a process group of its own.

    Parameters
    ----------
    job, lease
        What is done, under which lease.
    started_at
        Steady seconds.
    """

    def __init__(self, job: Job, lease: Lease, *, started_at: float) -> None:
        self.job, self.lease = job, lease
        self.started_at = self.renewed_at = started_at
        self._process: subprocess.Popen[bytes] | None = None
        self._tail = b""

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the process; the lease goes with it, not on its command line."""
        self._process = subprocess.Popen(
            list(command),
            env={**environment, LEASE_VARIABLE: str(self.lease)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            process_group=0,
        )
        assert self._process.stderr is not None
        os.set_blocking(self._process.stderr.fileno(), False)

    @property
    def code(self) -> int | None:
        """Its exit code; ``None`` while it runs."""
        if self._process is None:
            return NEVER_STARTED
        self._listen()
        return self._process.poll()

    @property
    def last_line(self) -> str:
        """The last line that it said, without its mark."""
        lines = self._tail.decode(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("error: ")[:LONGEST_MESSAGE] if lines else ""

    def kill(self) -> None:
        """End it and all that it started, at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def close(self) -> None:
        """End it if it still runs, and forget it."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        if self._process is not None and self._process.stderr is not None:
            self._process.stderr.close()

    def _listen(self) -> None:
        """Read what it says, lest it waits for a reader; only the end is kept."""
        stream = None if self._process is None else self._process.stderr
        if stream is None or stream.closed:
            return
        with suppress(BlockingIOError):
            while said := os.read(stream.fileno(), _READ_BYTES):
                self._tail = (self._tail + said)[-4 * LONGEST_MESSAGE :]
