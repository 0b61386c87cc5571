"""One pushed value against its column's declaration, as JSON has it: nothing is put right."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from lifecycle.checks.bounds import (
    EMAIL_LIKE,
    FAR_DAYS,
    ID_FORM,
    LARGEST_MINOR,
    LARGEST_WHOLE,
    LONGEST_TEXT,
    NOT_NEGATIVE,
    YEARS,
)
from lifecycle.tables.declare import Column, ColumnType

_ID = re.compile(ID_FORM.strip("^$")).fullmatch
_EMAIL = re.compile(EMAIL_LIKE).search
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII).fullmatch
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})", re.ASCII
).fullmatch
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a decimal number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


class OddValueError(ValueError):
    """A value breaks a rule of its column.

    Parameters
    ----------
    rule
        A name of ``RULES`` or of ``PUSH_RULES``.
    expected
        What is allowed, in words.
    """

    def __init__(self, rule: str, expected: str) -> None:
        super().__init__(rule)
        self.rule, self.expected = rule, expected


def describe_kind(value: Any) -> str:
    """Return in words what kind of JSON value is there.

    Examples
    --------
    >>> describe_kind(1.5), describe_kind(None)
    ('a decimal number', 'nothing')
    """
    return _KINDS.get(type(value), "nothing")


def read_value(column: Column, value: Any) -> Any:
    """Return a value in its column's type: text, number, yes or no, day, or UTC instant.

    Raises
    ------
    OddValueError
        It breaks a rule of its column.
    """
    if value is None:
        if not column.null:
            raise OddValueError("missing_value", "a value in every row")
        return None
    return _READERS[column.type](column, value)


def _read_text(column: Column, value: Any) -> str:
    is_id, expected = column.unit == "id", _expect_text(column)
    if type(value) is not str:
        raise OddValueError("id_form" if is_id else "not_a_text", expected)
    text = value.strip()
    # the length goes first: the search for addresses is slow on long texts
    if len(text) > LONGEST_TEXT:
        raise OddValueError("id_form" if is_id else "text_too_long", expected)
    if _EMAIL(text):
        rule = "id_like_email" if is_id else "contact_like"
        raise OddValueError(rule, "nothing that names a person")
    if is_id and not _ID(text):
        raise OddValueError("id_form", expected)
    if not text:
        raise OddValueError("missing_value", "a text that is not blank, or null")
    if column.allowed and text not in column.allowed:
        raise OddValueError("not_in_list", f"one of {', '.join(column.allowed)}")
    return text


def _expect_text(column: Column) -> str:
    if column.unit == "id":
        return "a text of 1 to 64 of A-Z a-z 0-9 _ . : -"
    return f"a text of at most {LONGEST_TEXT} characters"


def _read_whole(column: Column, value: Any) -> int:
    is_money = column.unit == "minor"
    expected = "a whole number of minor units" if is_money else "a whole number"
    if type(value) is float:
        raise OddValueError("not_whole", expected)
    if type(value) is not int:
        raise OddValueError("not_a_number", expected)
    if abs(value) > (LARGEST_MINOR if is_money else LARGEST_WHOLE):
        raise OddValueError(
            "out_of_range", "at most 1e15 minor units" if is_money else "within ±2^53"
        )
    if is_money and column.name.startswith("mrr_") and value < 0:
        raise OddValueError("negative_mrr", "no negative recurring revenue")
    return int(_check_number(column, value))


def _read_number(column: Column, value: Any) -> float:
    if type(value) not in {int, float}:
        raise OddValueError("not_a_number", "a number")
    return _check_number(column, float(value))


def _check_number(column: Column, value: float) -> float:
    if column.unit in NOT_NEGATIVE and value < 0:
        raise OddValueError("negative_count", "0 or more")
    if column.unit == "share" and not 0 <= value <= 1:
        raise OddValueError("share_range", "a share within 0 and 1")
    return value


def _read_flag(_: Column, value: Any) -> bool:
    if type(value) is not bool:
        raise OddValueError("not_a_flag", "true or false")
    return value


def _read_day(column: Column, value: Any) -> date:
    expected = "a day such as 2026-01-31"
    if type(value) is not str or not _DAY(value):
        raise OddValueError("not_a_date", expected)
    try:
        found = date.fromisoformat(value)
    except ValueError:
        raise OddValueError("not_a_date", expected) from None
    if column.name not in FAR_DAYS and found.year not in YEARS:
        raise OddValueError("not_a_date", f"a year from {YEARS[0]} to {YEARS[-1]}")
    return found


def _read_instant(_: Column, value: Any) -> datetime:
    expected = "an instant with its zone, such as 2026-01-31T12:00:00Z"
    if type(value) is not str or not _INSTANT(value):
        raise OddValueError("not_a_date", expected)
    try:
        found = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise OddValueError("not_a_date", expected) from None
    if found.year not in YEARS:
        raise OddValueError("not_a_date", f"a year from {YEARS[0]} to {YEARS[-1]}")
    return found


_READERS: dict[ColumnType, Callable[[Column, Any], Any]] = {
    "string": _read_text,
    "int64": _read_whole,
    "float64": _read_number,
    "bool": _read_flag,
    "date": _read_day,
    "timestamp": _read_instant,
}
