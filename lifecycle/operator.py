"""Who sits at this machine: the name under which commands are noted in the audit log."""

from __future__ import annotations

import getpass


def name_operator() -> str:
    """Return ``cli:<operating-system user>``; ``cli:unknown`` where the system does not say."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli:unknown"
