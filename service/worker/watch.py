"""Which leases have not moved for too long: their workers are dead, whatever the clocks say."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.job_leases import SeenLease

LEASE_SECONDS = 45.0
"""Three renewals missed. A worker that looks once a second has the job again within a minute."""
RENEW_SECONDS = 15.0


class LeaseWatch:
    """Remembers since when, in steady seconds, each lease has stood as it stands.

    Time in which this worker could not look says nothing: where the ledger was away, or the
    machine slept, the living could not renew either, and all begin anew.
    """

    def __init__(self, lease_seconds: float = LEASE_SECONDS) -> None:
        self._lease_seconds = lease_seconds
        self._since: dict[SeenLease, float] = {}
        self._looked_at: float | None = None

    def find_dead(self, seen: Sequence[SeenLease], *, at: float) -> list[SeenLease]:
        """Return the leases seen now that have stood still for a whole lease at steady ``at``."""
        before = {} if self._was_blind(at) else self._since
        self._looked_at = at
        self._since = {one: before.get(one, at) for one in seen}
        return [one for one, since in self._since.items() if at - since >= self._lease_seconds]

    def _was_blind(self, at: float) -> bool:
        return self._looked_at is not None and at - self._looked_at > self._lease_seconds / 2
