"""Instants and days from text or typed columns, in several formats, with or without an offset."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle.checks.bounds import YEARS
from lifecycle.checks.rules import Flags

INSTANT = pa.timestamp("us", tz="UTC")
_ISO = (
    r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?)?"
    r"(?P<offset>\s?([Zz]|[+-]\d{2}(:?\d{2})?))?$"
)
_ISO_AWARE = r"[T ]\d{2}:\d{2}.*([Zz]|[+-]\d{2}(:?\d{2})?)$"
_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000}


@dataclass(frozen=True)
class Instants:
    """Parsed instants.

    Attributes
    ----------
    values
        UTC, microseconds; null where the source had none or cannot be read, length n.
    unread
        Rows with a value that no format reads, shape (n,).
    ambiguous
        Rows that two formats read as different instants, shape (n,).
    """

    values: pa.Array
    unread: Flags
    ambiguous: Flags


def read_instants(raw: pa.Array, formats: tuple[str, ...], zone: ZoneInfo) -> Instants:
    """Read a column as UTC instants; values without an offset are times in ``zone``.

    At the end of summer time the earlier of two equal clock times is meant; a clock time that
    does not exist in spring is moved to when clocks had changed.
    """
    kind = raw.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _read(_typed(raw, zone), raw)
    text = raw if pa.types.is_string(kind) else raw.cast(pa.string())
    encoded = text.dictionary_encode()
    if len(encoded.dictionary) * 2 < len(text):
        parsed = _from_text(encoded.dictionary, formats, zone)
        return Instants(
            parsed.values.take(encoded.indices),
            _spread(parsed.unread, encoded.indices),
            _spread(parsed.ambiguous, encoded.indices),
        )
    return _from_text(text, formats, zone)


def read_days(raw: pa.Array, formats: tuple[str, ...], zone: ZoneInfo) -> Instants:
    """Read a column as days (date32); an instant with an offset is the day it has in ``zone``."""
    if pa.types.is_date(raw.type):
        return _read(raw.cast(pa.date32()), raw)
    if pa.types.is_timestamp(raw.type) and raw.type.tz is None:
        return _read(raw.cast(pa.date32(), safe=False), raw)
    instants = read_instants(raw, formats, zone)
    local = pc.local_timestamp(instants.values.cast(pa.timestamp("us", tz=zone.key)))
    return Instants(local.cast(pa.date32(), safe=False), instants.unread, instants.ambiguous)


def with_far_days(raw: pa.Array, days: Instants, formats: tuple[str, ...]) -> Instants:
    """Read the days of years that the fast reader does not reach: before 1678, after 2261.

    Nobody means 2999-12-31, but a deal with such a close date is a deal all the same.

    Parameters
    ----------
    raw
        The source's texts, length n.
    days
        What :func:`read_days` made of them.
    """
    places = np.flatnonzero(days.unread)
    if not len(places) or not pa.types.is_string(raw.type):
        return days
    found = [_far_day(text, formats or ("iso",)) for text in raw.take(places).to_pylist()]
    values = pc.replace_with_mask(
        days.values, pa.array(days.unread), pa.array(found, days.values.type)
    )
    unread = days.unread.copy()
    unread[places] = [day is None for day in found]
    return Instants(values, unread, days.ambiguous)


def _far_day(text: str, formats: tuple[str, ...]) -> date | None:
    for form in formats:
        try:
            if form == "iso":
                day = date.fromisoformat(text[:10]) if re.match(_ISO, text) else None
            else:
                day = datetime.strptime(text, form).date()  # noqa: DTZ007 - only the day counts
        except ValueError:
            continue
        if day is not None and day.year not in YEARS:
            return day
    return None


def _typed(raw: pa.Array, zone: ZoneInfo) -> pa.Array:
    if pa.types.is_date(raw.type) or raw.type.tz is None:
        return _localise(raw.cast(pa.timestamp("us"), safe=False), zone)
    return raw.cast(INSTANT, safe=False)


def _localise(naive: pa.Array, zone: ZoneInfo) -> pa.Array:
    aware = pc.assume_timezone(naive, zone.key, ambiguous="earliest", nonexistent="latest")
    return aware.cast(INSTANT)


def _read(values: pa.Array, raw: pa.Array) -> Instants:
    none = np.zeros(len(raw), dtype=bool)
    return Instants(values, none, none)


def _from_text(text: pa.Array, formats: tuple[str, ...], zone: ZoneInfo) -> Instants:
    readings = [_one_format(text, form, zone) for form in formats] or [_iso(text, zone)]
    values, ambiguous = readings[0], np.zeros(len(text), dtype=bool)
    for reading in readings[1:]:
        differ = pc.fill_null(pc.not_equal(values, reading), False)
        ambiguous |= differ.to_numpy(zero_copy_only=False)
        values = pc.coalesce(values, reading)
    unread = pc.and_(pc.is_valid(text), pc.is_null(values)).to_numpy(zero_copy_only=False)
    return Instants(values, unread, ambiguous)


def _one_format(text: pa.Array, form: str, zone: ZoneInfo) -> pa.Array:
    if form == "iso":
        return _iso(text, zone)
    if form in _EPOCHS:
        return _epoch(text, _EPOCHS[form])
    aware = "%z" in form
    series = pd.Series(text.to_numpy(zero_copy_only=False), dtype=object)
    parsed = pd.to_datetime(series, format=form, errors="coerce", utc=aware)
    return _typed(pa.Array.from_pandas(parsed), zone)


def _epoch(text: pa.Array, micros: int) -> pa.Array:
    numbers = pd.to_numeric(pd.Series(text.to_numpy(zero_copy_only=False)), errors="coerce")
    values = numbers.to_numpy(dtype=float) * micros
    # beyond the year 9999 it is no count of seconds
    known = np.isfinite(values) & (np.abs(values) < 253_402_300_800e6)
    whole = np.where(known, values, 0).round().astype(np.int64)
    return pa.array(whole, pa.int64(), mask=~known).cast(INSTANT)


def _iso(text: pa.Array, zone: ZoneInfo) -> pa.Array:
    fits = pc.fill_null(pc.match_substring_regex(text, _ISO), False)
    aware = pc.and_(fits, pc.fill_null(pc.match_substring_regex(text, _ISO_AWARE), False))
    naive = pc.and_(fits, pc.invert(aware))
    with_offset = _parse_iso(text, aware, utc=True)
    return pc.coalesce(_parse_iso(text, naive, utc=False, zone=zone), with_offset)


def _parse_iso(
    text: pa.Array, where: pa.Array, *, utc: bool, zone: ZoneInfo | None = None
) -> pa.Array:
    if not pc.any(where).as_py():
        return pa.nulls(len(text), INSTANT)
    chosen = pc.if_else(where, text, pa.scalar(None, pa.string()))
    series = pd.Series(chosen.to_numpy(zero_copy_only=False), dtype=object)
    parsed = pd.to_datetime(series, format="ISO8601", errors="coerce", utc=utc)
    return _typed(pa.Array.from_pandas(parsed), zone or ZoneInfo("UTC"))


def _spread(flags: Flags, indices: pa.Array) -> Flags:
    places = indices.fill_null(0).to_numpy(zero_copy_only=False)
    known = indices.is_valid().to_numpy(zero_copy_only=False)
    if not len(flags):
        return np.zeros(len(places), dtype=bool)
    return np.asarray(flags[places] & known)
