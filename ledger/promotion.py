"""Letting another release speak, by somebody who did not train it; or an older one again.

Training promotes what passed the gate, by that rule; here a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Connection, select

from ledger.audit import Actor, AuditEntry, append_audit
from ledger.releases import Release, find_speaker, promote_release
from ledger.tables import audit_log
from lifecycle.errors import ConflictError, RefusedError, UsageError

RELEASED = "models.release"
PROMOTED: Final = "models.promote"
ROLLED_BACK: Final = "models.rollback"
SHORTEST_REASON = 10


@dataclass(frozen=True)
class Decision:
    """Who lets a release speak, and why.

    Attributes
    ----------
    action
        Rolling back to one that spoke before is nobody's gain, so that its trainer may do it too.
    break_glass
        An administrator decides in place of an approver: the rule that nobody promotes what they
        trained is set aside, and the log says so.
    """

    by: Actor
    action: Literal["models.promote", "models.rollback"]
    reason: str = ""
    break_glass: bool = False


def decide_release(connection: Connection, release: Release, decision: Decision) -> Release | None:
    """Let a release speak, in the caller's transaction; return the one that spoke before.

    Raises
    ------
    UsageError
        The glass is broken without a reason.
    ConflictError
        The release has no evaluation, or speaks already.
    RefusedError
        Who asks trained it.
    """
    name, told = f"release {release.version}", decision.reason.strip()
    if decision.break_glass and len(told) < SHORTEST_REASON:
        found = f"a reason of {len(told)} characters"
        raise UsageError(found, f"at least {SHORTEST_REASON}", "say why in --reason")
    if not release.metrics or not release.card:
        raise ConflictError(f"{name} has no evaluation", "figures on past days", "train it again")
    own = decision.by.name == find_trainer(connection, release)
    if own and decision.action == PROMOTED and not decision.break_glass:
        raise RefusedError(
            f"{decision.by.name} trained {name}",
            "another person to promote it",
            "ask an approver, or give --break-glass with a reason",
        )
    before = find_speaker(connection, release)
    if before is not None and before.release_id == release.release_id:
        raise ConflictError(f"{name} speaks already", "another one", "nothing is to be done")
    promote_release(connection, release, reason=told or decision.action)
    entry = AuditEntry(
        decision.by,
        decision.action,
        f"release:{release.release_id}",
        break_glass=decision.break_glass,
        before_hash=None if before is None else before.digest or None,
        after_hash=release.digest or None,
        reason=told or None,
    )
    append_audit(connection, entry)
    return before


def find_trainer(connection: Connection, release: Release) -> str | None:
    """Return who trained a release, by the audit log; ``None`` if it is older than the log."""
    query = select(audit_log.c.principal).where(
        audit_log.c.action == RELEASED, audit_log.c.object == f"release:{release.release_id}"
    )
    found: str | None = connection.scalar(query)
    return found
