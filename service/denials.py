"""Who was turned away: guesses are slowed down, and every denial is counted in the audit log.

Both are bounded: a stranger can neither fill the memory nor the disk.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from dataclasses import dataclass, replace

from ledger.audit import Actor, AuditEntry, append_audit
from ledger.audit_check import write_head
from lifecycle.errors import TruecastError
from service.deps import Service
from service.problems import LOG

MOST_FAILURES = 10
WINDOW_SECONDS = 60.0
ADDRESS_COUNT = 10_000
DENIAL_COUNT = 200
FLUSH_SECONDS = 60.0
STRANGER = "unknown"


class Failures:
    """Wrong keys by network address: ten a minute are answered, then none is looked up."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, int]] = {}

    def wait(self, address: str) -> int:
        """Return for how many seconds an address must wait; 0 if it need not."""
        began, count = self._seen.get(_place(address), (0.0, 0))
        left = began + WINDOW_SECONDS - time.monotonic()
        return max(1, round(left)) if count >= MOST_FAILURES and left > 0 else 0

    def note(self, address: str) -> None:
        """Count one wrong key; of too many addresses the one seen first is forgotten."""
        now, place = time.monotonic(), _place(address)
        began, count = self._seen.get(place, (now, 0))
        if now - began > WINDOW_SECONDS:
            self._seen.pop(place, None)
            began, count = now, 0
        if place not in self._seen and len(self._seen) >= ADDRESS_COUNT:
            self._seen.pop(next(iter(self._seen)))
        self._seen[place] = (began, count + 1)


@dataclass(frozen=True)
class Denial:
    """Somebody was not let do something; strangers are counted together."""

    by: Actor
    object: str
    why: str

    @property
    def group(self) -> tuple[str, str, str]:
        """What is counted together within a minute."""
        return self.by.name, self.object, self.why


class DenialLog:
    """Denials, counted by who, route and minute, and then written as one row each."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._counted: dict[tuple[str, str, str], tuple[Denial, int]] = {}
        self._timer: threading.Timer | None = None

    def note(self, denial: Denial) -> None:
        """Count a denial; the row is written within a minute, or when the service stops."""
        with self._lock:
            if denial.group not in self._counted and len(self._counted) >= DENIAL_COUNT:
                denial = Denial(Actor("others"), "other routes", denial.why)
            first, count = self._counted.get(denial.group, (denial, 0))
            self._counted[denial.group] = (first, count + 1)
            if self._timer is None:
                self._timer = threading.Timer(FLUSH_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write what was counted; a ledger that cannot be written loses it to the log."""
        with self._lock:
            counted, self._counted = list(self._counted.values()), {}
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
        if not counted:
            return
        try:
            with self._service.ledger.writing() as connection:
                for denial, count in counted:
                    entry = AuditEntry(denial.by, "request", denial.object, "denied", count)
                    append_audit(connection, replace(entry, reason=denial.why))
            write_head(self._service.ledger, self._service.options.data_dir)
        except (TruecastError, OSError):
            LOG.warning("%d denials may be missing from the audit log", len(counted))


def _place(address: str) -> str:
    """Return what is counted as one place: an IPv6 network of 64 bits, else the address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "elsewhere"
    return str(found) if found.version == 4 else str(found.packed[:8].hex())
