"""Erase a person from everything the company keeps here, and say what was done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.audit import Actor, AuditEntry, digest_of, name_subject
from ledger.audit_check import write_head
from ledger.engine import Ledger
from ledger.erasure import (
    SUBJECT_PATTERN,
    check_inbox,
    count_backups,
    forget_subject,
    name_alias,
    settle,
)
from ledger.pepper import load_pepper
from lifecycle.console import Ticker
from lifecycle.crashpoint import crashpoint
from lifecycle.erasure import NAMING_TABLES, Erased, erase_contact
from lifecycle.errors import UsageError
from lifecycle.lake import Lake

STEPS = len(NAMING_TABLES)


@dataclass(frozen=True)
class Report:
    """What an erasure did, without naming whom it forgot.

    Attributes
    ----------
    subject
        The keyed hash under which the audit log names the person.
    erased
        What was changed in lake and quarantine.
    jobs
        How many jobs had named the person.
    backups
        How many backups the log knows of that were made before: the person is still in them.
    """

    subject: str
    erased: Erased
    jobs: int
    backups: int

    def told(self) -> dict[str, Any]:
        """Return it as a JSON value."""
        return {
            "subject": self.subject,
            "anything_left": self.erased.total > 0,
            "renamed_rows": dict(sorted((+self.erased.renamed).items())),
            "removed_rows": dict(sorted((+self.erased.removed).items())),
            "quarantined_lines": self.erased.quarantined,
            "removed_files": self.erased.files,
            "backups_before": self.backups,
        }


def erase_subject(
    data_dir: Path, ledger: Ledger, subject: str, *, by: Actor, ticker: Ticker | None = None
) -> Report:
    """Erase a person; done again it finds nothing left, and finishes what was interrupted.

    Parameters
    ----------
    subject
        ``contact:<id>``.
    by
        Who asked, for the audit log.

    Raises
    ------
    UsageError
        The subject is of another form.
    LakeError, LedgerError
        Something cannot be read or written: run it again.
    """
    contact_id = parse_subject(subject)
    check_inbox(ledger, contact_id)
    pepper = load_pepper(data_dir)
    erased = erase_contact(
        Lake(data_dir / "lake"),
        contact_id,
        name_alias(pepper, subject),
        quarantine=data_dir / "quarantine",
        ticker=ticker,
    )
    named = name_subject(pepper, subject)
    counted = {"renamed": erased.renamed, "removed": erased.removed, "lines": erased.quarantined}
    with ledger.writing() as connection:
        entry = AuditEntry(by, "privacy.erase", named, after_hash=digest_of(counted))
        found = forget_subject(connection, subject, entry)
    crashpoint("erase.noted")
    write_head(ledger, data_dir)
    settle(ledger)
    return Report(named, erased, found, count_backups(ledger))


def parse_subject(subject: str) -> str:
    """Return the contact's id.

    Raises
    ------
    UsageError
        It is no ``contact:<id>``.
    """
    if not re.fullmatch(SUBJECT_PATTERN, subject):
        raise UsageError("a subject of another form", "contact:<id>", "correct --subject")
    return subject.partition(":")[2]
