"""Rules over rows that are pushed, one by one, without Arrow: for the web process.

The rules are those of files (`lifecycle.checks.rules`), but nothing is put right on the way: a row
has canonical columns of the declared types, or it is refused. When we knew it is not the sender's
to say: the columns that tell it are the server's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import inf
from typing import Any

from lifecycle.checks.bounds import (
    DEAL_AMOUNTS,
    LARGEST_MINOR,
    SIGNS,
    SPANS,
    TOLERANCE,
    CheckContext,
)
from lifecycle.checks.pushed_values import OddValueError, describe_kind, read_value
from lifecycle.currencies import MINOR_DIGITS
from lifecycle.tables.catalog import FACT_TABLES
from lifecycle.tables.declare import SYSTEM_COLUMNS, Table

SERVER_COLUMNS = frozenset(column.name for column in SYSTEM_COLUMNS)
# when an attribute was known, which only an operator's mapping may say
_SERVER_COLUMNS_OF = {"attributes": frozenset({"known"})}
PUSH_RULES: dict[str, str] = {
    "contact_like": "a text looks like an e-mail address: contact data is never pushed",
    "not_a_text": "the value is no text",
    "one_value": "an attribute has a number or a text, one of them",
}
"""Rules that files have not, beside ``lifecycle.checks.rules.RULES``."""


@dataclass(frozen=True)
class Fault:
    """One rule that a row broke.

    Attributes
    ----------
    column
        The declared column.
    rule
        A name of ``RULES`` or of :data:`PUSH_RULES`.
    found
        What kind of value was there; never the value.
    expected
        What is allowed, in words.
    """

    column: str
    rule: str
    found: str
    expected: str


@dataclass(frozen=True)
class CheckedRow:
    """One pushed row, as it is kept if it broke no rule.

    Attributes
    ----------
    faults
        None for a good row.
    document
        Its columns as JSON, absent ones left out, instants in UTC; empty for a bad row.
    key
        SHA-256 (hex) of its natural key; empty for a bad row.
    is_repeat
        An earlier row of the push says the same: it need not be kept twice.
    """

    faults: tuple[Fault, ...] = ()
    document: str = ""
    key: str = ""
    is_repeat: bool = False


def read_pushed_columns(table: Table) -> tuple[str, ...]:
    """Return the names of the columns that may be pushed."""
    own = read_server_columns(table)
    return tuple(name for name in table.names if name not in own)


def read_server_columns(table: Table) -> frozenset[str]:
    """Return the names of the columns that only the server sets."""
    return SERVER_COLUMNS | _SERVER_COLUMNS_OF.get(table.name, frozenset())


def is_pushed(name: str) -> bool:
    """Say whether rows of a table may be pushed: all facts, and nothing that names a person."""
    return name in FACT_TABLES


def check_pushed(
    table: Table, rows: Sequence[Mapping[str, Any]], context: CheckContext
) -> list[CheckedRow]:
    """Hold rows to the rules of their table, in order.

    Parameters
    ----------
    rows
        Values by column as JSON has them; every name is one of :func:`read_pushed_columns`.

    Returns
    -------
    list of CheckedRow
        One per row. Of rows with one key the first counts; another with other content is a fault.
    """
    first: dict[str, str] = {}
    checked = []
    for row in rows:
        one = _check_row(table, row, context)
        if not one.faults and one.key in first:
            if first[one.key] == one.document:
                one = replace(one, is_repeat=True)
            else:
                expected = "each key once, or with the same content"
                one = CheckedRow((Fault(table.key[0], "key_repeated", "a text", expected),))
        elif not one.faults:
            first[one.key] = one.document
        checked.append(one)
    return checked


def _check_row(table: Table, row: Mapping[str, Any], context: CheckContext) -> CheckedRow:
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for column in table.columns:
        given = row.get(column.name)
        try:
            value = read_value(column, given)
        except OddValueError as odd:
            faults.append(Fault(column.name, odd.rule, describe_kind(given), odd.expected))
            continue
        if value is not None:
            values[column.name] = value
    # rules over several columns: a column with a fault of its own is absent, and breaks no other
    faults += _check_across(table, values, context)
    if table.name == "attributes" and (row.get("number") is None) == (row.get("text") is None):
        faults.append(Fault("number", "one_value", "both or none", "either number or text"))
    if faults:
        return CheckedRow(tuple(faults))
    return CheckedRow((), _write(values), _digest([values[name] for name in table.key]))


def _check_across(
    table: Table, values: Mapping[str, Any], context: CheckContext
) -> Iterator[Fault]:
    code = values.get("currency")
    if code is not None and code not in MINOR_DIGITS:
        yield Fault("currency", "currency_unknown", "a text", "an ISO 4217 code")
    elif code is not None and code != context.currency:
        expected = f"{context.currency}, the company's currency"
        yield Fault("currency", "currency_foreign", "a text", expected)
    yield from _check_amounts(table, values)
    for start, end in SPANS.get(table.name, ()):
        if start in values and end in values and values[end] < values[start]:
            yield Fault(end, "end_before_start", "a text", f"{start} or later")
    happened = values.get(table.event_clock or "")
    if happened is not None and happened > context.arrived_at + TOLERANCE:
        yield Fault(str(table.event_clock), "future_event", "a text", "at most a day ahead of now")
    opened, closed = values.get("created_at"), values.get("closed_at")
    if table.name == "opportunities" and opened and closed and closed + TOLERANCE < opened:
        yield Fault("closed_at", "closed_before_created", "a text", "created_at or later")


def _check_amounts(table: Table, values: Mapping[str, Any]) -> Iterator[Fault]:
    kind, amount, bounds = SIGNS.get(table.name, ("", "", {}))
    smallest, largest = bounds.get(values.get(kind, ""), (-inf, inf))
    if amount in values and not smallest <= values[amount] <= largest:
        yield Fault(amount, "sign_kind", "a whole number", "the sign that its kind has")
    for name in DEAL_AMOUNTS.get(table.name, ()):
        if name in values and not 0 <= values[name] < LARGEST_MINOR:
            yield Fault(name, "deal_amount", "a whole number", "0 or more, below 1e15")


def _write(values: Mapping[str, Any]) -> str:
    plain = {name: _plain(value) for name, value in values.items()}
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _digest(key: Sequence[Any]) -> str:
    text = json.dumps([_plain(value) for value in key], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
