"""Every error Truecast raises on purpose, in one tree.

::

    TruecastError                     exit   when
    ├── UsageError                     2     a wrong argument or setting
    ├── RefusedError                   3     policy says no (a gate, a limit)
    ├── DataError                      4     the facts cannot be used as they are
    │   ├── TableError                       a table or column is missing or of the wrong type
    │   ├── RowsError                        too many rows break a rule
    │   └── NotEnoughHistoryError            too little history for what was asked
    ├── ModelError                     5
    │   ├── ModelNotFoundError               no released model of that name
    │   ├── FeatureMismatchError             the frame's columns are not those of the fit
    │   ├── BundleError                      a bundle's digest or form is wrong
    │   └── GateError                        no candidate may be released
    ├── LakeError                      5     the lake cannot be read or written
    └── LedgerError                    5
        ├── NoScoresError                    nothing was scored yet
        ├── NoForecastError                  nothing was forecast for that period
        ├── StaleError                       what is stored is too old to serve
        └── ConflictError                    the same key with another content

A message says what was found, what was expected and what to do, in at most 600 characters.
"""

from __future__ import annotations

from typing import ClassVar

LONGEST_MESSAGE = 600


class TruecastError(Exception):
    """Base of all; doors print one line and leave with ``exit_code``.

    Parameters
    ----------
    found
        What was there, with the offending value.
    expected
        What should have been there.
    todo
        The next step for the person who reads it.
    """

    exit_code: ClassVar[int] = 5

    def __init__(self, found: str, expected: str = "", todo: str = "") -> None:
        parts = [found]
        if expected:
            parts.append(f"expected {expected}")
        if todo:
            parts.append(f"to do: {todo}")
        text = "; ".join(parts)
        if len(text) > LONGEST_MESSAGE:
            text = text[: LONGEST_MESSAGE - 1] + "…"
        super().__init__(text)


class UsageError(TruecastError):
    """A wrong argument or setting."""

    exit_code = 2


class RefusedError(TruecastError):
    """Policy says no."""

    exit_code = 3


class DataError(TruecastError):
    """The facts cannot be used as they are."""

    exit_code = 4


class TableError(DataError):
    """A table or column is missing or of the wrong type."""


class RowsError(DataError):
    """Too many rows break a rule."""


class NotEnoughHistoryError(DataError):
    """Too little history for what was asked."""


class ModelError(TruecastError):
    """A model cannot be used."""


class ModelNotFoundError(ModelError):
    """No released model of that name."""


class FeatureMismatchError(ModelError):
    """The frame's columns are not those of the fit."""


class BundleError(ModelError):
    """A bundle's digest or form is wrong."""


class GateError(ModelError):
    """No candidate may be released."""


class LakeError(TruecastError):
    """The lake cannot be read or written."""


class LedgerError(TruecastError):
    """The ledger cannot answer."""


class NoScoresError(LedgerError):
    """Nothing was scored yet."""


class NoForecastError(LedgerError):
    """Nothing was forecast for that period."""


class StaleError(LedgerError):
    """What is stored is too old to serve."""


class ConflictError(LedgerError):
    """The same key with another content."""
