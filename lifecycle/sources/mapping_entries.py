"""Single entries of a mapping file: read as what they must be, or refused with what was found."""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Mapping as AnyMapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lifecycle.errors import UsageError
from lifecycle.sources.mapping import RowTest

_DELAY = re.compile(r"^(\d{1,4})(d|h|m)$")


def wrong_entry(place: str, found: Any, expected: str) -> UsageError:
    """Return the error of an entry: where it stands, what was found, what was expected."""
    return UsageError(f"{place}: {str(found)[:80]}", expected, "correct the mapping")


def check_keys(entry: AnyMapping[str, Any], allowed: Collection[str], place: str) -> None:
    """Refuse a key that means nothing.

    Raises
    ------
    UsageError
        Names the key and what was expected.
    """
    for key in entry:
        if key not in allowed:
            raise wrong_entry(place, f"key {key!r}", f"one of {', '.join(sorted(allowed))}")


def read_texts(entry: AnyMapping[str, Any], key: str) -> list[str]:
    """Return a list of texts; empty when the key is absent.

    Raises
    ------
    UsageError
        It is no list of texts.
    """
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise wrong_entry(key, value, "a list of texts")
    return value


def read_row_test(entry: Any, place: str) -> RowTest:
    """Return which rows an entry means: ``{ from = "Field", values = ["Amount"] }``.

    Raises
    ------
    UsageError
        It has other keys, or no values.
    """
    if not isinstance(entry, dict) or set(entry) != {"from", "values"}:
        raise wrong_entry(place, entry, "a table with from and values")
    return RowTest(read_sources(entry["from"], place), tuple(read_texts(entry, "values")))


def read_sources(entry: Any, place: str) -> tuple[str, ...]:
    """Return one source column, or several that are joined.

    Raises
    ------
    UsageError
        It is neither a text nor a list of texts.
    """
    names = [entry] if isinstance(entry, str) else entry
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise wrong_entry(place, entry, "a source column or a list of source columns")
    return tuple(names)


def read_delay(text: Any) -> timedelta:
    """Return a delay such as ``1d``, ``12h`` or ``30m``.

    Raises
    ------
    UsageError
        It is none.
    """
    match = _DELAY.match(str(text))
    if match is None:
        raise wrong_entry("delay", text, "a number and d, h or m, such as 1d")
    unit = {"d": "days", "h": "hours", "m": "minutes"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def read_zone(name: Any, place: str) -> ZoneInfo:
    """Return a time zone.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError) as error:
        raise wrong_entry(place, name, "an IANA time zone such as Europe/London") from error
