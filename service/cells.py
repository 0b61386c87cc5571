"""Cells of CSV files: no spreadsheet runs one as a formula, and each can be read back."""

from __future__ import annotations

import re
from typing import Any

MARK = "'"
# with the full-width forms, which some spreadsheets read as the plain ones
_TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?").fullmatch


def guard_cell(value: Any) -> Any:
    """Mark text that a spreadsheet might run; numbers, also as text, stay what they are.

    Examples
    --------
    >>> guard_cell("=1+1"), guard_cell("-5"), guard_cell(-5)
    ("'=1+1", '-5', -5)
    """
    if not isinstance(value, str) or _NUMBER(value):
        return value
    # blanks before a trigger are cut off by some programs
    return f"{MARK}{value}" if value.lstrip(" ").startswith((*_TRIGGERS, MARK)) else value


def unguard_cell(text: str) -> str:
    """Return the text that `guard_cell` was given."""
    return text[1:] if text.startswith(MARK) else text
