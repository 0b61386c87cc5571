"""Rules over canonical columns: ids, signs, currencies, clocks. Each adds its faults."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle.checks.bounds import (
    EMAIL_LIKE,
    ID_FORM,
    NOT_NEGATIVE,
    SIGNS,
    SPANS,
    TOLERANCE,
    CheckContext,
)
from lifecycle.checks.rules import Faults, Flags
from lifecycle.currencies import MINOR_DIGITS
from lifecycle.tables.declare import Column, Table


def check_rows(
    table: Table, columns: dict[str, pa.Array], faults: Faults, *, context: CheckContext
) -> None:
    """Add the faults of all rules of a table, ``known_at`` included."""
    for column in (*table.columns, table.column("known_at")):
        if column.name in columns:
            _check_column(column, columns[column.name], faults)
    _check_currency(columns, faults, context.currency)
    _check_signs(table, columns, faults)
    _check_spans(table, columns, faults)
    _check_clocks(table, columns, faults, context)


def _check_column(column: Column, values: pa.Array, faults: Faults) -> None:
    if column.unit == "id":
        # the e-mail rule goes first: an address also breaks the form, but the reason says more
        faults.add("id_like_email", column.name, _matches(values, EMAIL_LIKE))
        odd = values.is_valid().to_numpy(zero_copy_only=False) & ~_matches(values, ID_FORM)
        faults.add("id_form", column.name, odd)
    if column.allowed and column.type == "string":
        listed = pc.is_in(values, value_set=pa.array(column.allowed))
        other = pc.and_(values.is_valid(), pc.invert(listed))
        faults.add("not_in_list", column.name, other.to_numpy(zero_copy_only=False))
    if column.unit in NOT_NEGATIVE:
        faults.add("negative_count", column.name, _numbers(values, 0) < 0)
    if column.unit == "minor" and column.name.startswith("mrr_"):
        # a contract that pays its customer is none: such rows are discounts or credits of another
        faults.add("negative_mrr", column.name, _numbers(values, 0) < 0)
    if column.unit == "share":
        share = _numbers(values, 0)
        faults.add("share_range", column.name, (share < 0) | (share > 1))
    if not column.null:
        faults.add("missing_value", column.name, _absent(values))


def _check_currency(columns: dict[str, pa.Array], faults: Faults, company: str) -> None:
    if "currency" not in columns:
        return
    codes = columns["currency"]
    given = codes.is_valid().to_numpy(zero_copy_only=False)
    known = _is_in(codes, tuple(MINOR_DIGITS))
    faults.add("currency_unknown", "currency", given & ~known)
    faults.add("currency_foreign", "currency", given & ~_is_in(codes, (company,)))


def _check_signs(table: Table, columns: dict[str, pa.Array], faults: Faults) -> None:
    if table.name not in SIGNS:
        return
    kind, amount, bounds = SIGNS[table.name]
    amounts = _numbers(columns[amount], 0)
    for value, (smallest, largest) in bounds.items():
        of_kind = _is_in(columns[kind], (value,)) & ~_absent(columns[amount])
        faults.add("sign_kind", amount, of_kind & ((amounts < smallest) | (amounts > largest)))


def _check_spans(table: Table, columns: dict[str, pa.Array], faults: Faults) -> None:
    for start, end in SPANS.get(table.name, ()):
        if start in columns and end in columns:
            before = pc.fill_null(pc.less(columns[end], columns[start]), False)
            faults.add("end_before_start", end, before.to_numpy(zero_copy_only=False))


def _check_clocks(
    table: Table, columns: dict[str, pa.Array], faults: Faults, context: CheckContext
) -> None:
    latest = _micros(context.arrived_at + TOLERANCE)
    known = _numbers(columns["known_at"].cast(pa.int64()), 0)
    if table.event_clock is not None and table.event_clock in columns:
        clock = columns[table.event_clock]
        happened = _numbers(clock.cast(pa.int64()), 0)
        faults.add("future_event", table.event_clock, happened > latest)
        early = known + _micros_of(TOLERANCE) < happened
        faults.add("known_before_event", "known_at", early & ~_absent(clock))
    faults.add("future_known", "known_at", known > latest)


def _matches(values: pa.Array, pattern: str) -> Flags:
    hits = pc.fill_null(pc.match_substring_regex(values, pattern), False)
    return np.asarray(hits.to_numpy(zero_copy_only=False))


def _is_in(values: pa.Array, allowed: tuple[str, ...]) -> Flags:
    return np.asarray(
        pc.is_in(values, value_set=pa.array(allowed, pa.string())).to_numpy(zero_copy_only=False)
    )


def _absent(values: pa.Array) -> Flags:
    return np.asarray(values.is_null().to_numpy(zero_copy_only=False))


def _numbers(values: pa.Array, absent: int) -> npt.NDArray[np.float64 | np.int64]:
    return np.asarray(values.fill_null(absent).to_numpy(zero_copy_only=False))


def _micros(instant: datetime) -> int:
    return int(instant.timestamp()) * 1_000_000 + instant.microsecond


def _micros_of(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
