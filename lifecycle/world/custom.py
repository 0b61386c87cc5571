"""Custom fields as companies have them: some useful, some noise, some traps.

`account_status` is the canary: overwritten in place, so that its final value seems known from the
first day. `csm_risk_note` is written after a notice. Neither may ever be a feature.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from lifecycle.world.canonical import Floats, Ints, build_rows, picked, tags
from lifecycle.world.people import first_known
from lifecycle.world.presets import WEEK_DAYS, YEAR_DAYS
from lifecycle.world.seeds import Streams
from lifecycle.world.trace import KINDS, Trace

CANARY = "account_status"
SYSTEMS = ("northwind", "quickbase", "spreadsheet", "homegrown", "opus", "legacy_as400", "lotus")
SYSTEM_SHARES = (0.38, 0.27, 0.18, 0.13, 0.03, 0.007, 0.003)
PARTNERS = 120
RECORDED = 0.9
"""Share of accounts for which a field was filled in."""


def build_attributes(trace: Trace) -> pa.Table:
    """Return rows of ``attributes`` of all contractual accounts and lines.

    Parameters
    ----------
    trace
        What happened.
    """
    rng = Streams(trace.params.seed).rng("observed attributes")
    pieces = [
        *_numbers(trace, rng),
        *_texts(trace, rng),
        _growth(trace, rng),
        _notes(trace, rng),
        _status(trace),
        _line_field(trace, rng),
    ]
    return pa.concat_tables(pieces)


def _field(
    trace: Trace, name: str, row: Ints, *, value: Floats | pa.Array, known: Floats
) -> pa.Table:
    """Return one field's rows; numbers come as an array of floats, texts as an Arrow array."""
    kept = np.flatnonzero(known < trace.params.weeks * WEEK_DAYS)
    is_text = isinstance(value, pa.Array)
    columns: dict[str, Any] = {
        "entity": "account",
        "entity_id": picked(trace.accounts.account_id, row[kept]),
        "name": name,
        "number": None if is_text else value[kept],
        "text": value.take(pa.array(kept)) if is_text else None,
        "known_at": known[kept],
    }
    return build_rows("attributes", trace.params.start, columns)


def _filled(trace: Trace, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Draw for which accounts a field was filled in, and when."""
    count = len(trace.accounts.account_id)
    row = np.flatnonzero(rng.random(count) < RECORDED)
    return row, first_known(trace)[row] + rng.uniform(0, 25, len(row))


def _numbers(trace: Trace, rng: np.random.Generator) -> list[pa.Table]:
    accounts = trace.accounts
    row, known = _filled(trace, rng)
    vendors = rng.poisson(np.exp(0.9 + 0.50 * accounts.frailty[row].astype(float)))
    pieces = [_field(trace, "other_vendors_count", row, value=vendors.astype(float), known=known)]
    row, known = _filled(trace, rng)
    grade = np.clip(np.rint(60 + 14 * accounts.fit[row] + rng.normal(0, 12, len(row))), 0, 100)
    pieces.append(_field(trace, "onboarding_grade", row, value=grade, known=known + 40))
    row, known = _filled(trace, rng)
    distance = np.round(rng.gamma(1.5, 200, len(row)), 1)
    pieces.append(_field(trace, "office_distance_km", row, value=distance, known=known))
    return pieces


def _texts(trace: Trace, rng: np.random.Generator) -> list[pa.Table]:
    row, known = _filled(trace, rng)
    # who runs on spreadsheets switches more easily
    tilt = np.exp(np.outer(trace.accounts.frailty[row], [-0.2, 0.0, 0.5, -0.4, 0, 0, 0]))
    limits = np.cumsum(tilt * np.array(SYSTEM_SHARES), axis=1)
    system = (rng.random((len(row), 1)) * limits[:, -1:] > limits).sum(axis=1)
    partner = np.floor(PARTNERS * rng.random(len(row)) ** 1.7).astype(np.int64)
    every = np.arange(len(trace.accounts.account_id))
    since = first_known(trace) + 0.01
    return [
        _field(trace, "crm_system", row, value=picked(SYSTEMS, system), known=known),
        _field(
            trace, "implementation_partner", row,
            value=tags("partner-", partner, width=3), known=known,
        ),
        _field(trace, "legal_entity", every, value=picked(["Acme Inc"], every * 0), known=since),
        _field(
            trace, "external_ref", every,
            value=tags("REF-", every * 7919 % 10_000_019, width=8), known=since,
        ),
    ]  # fmt: skip


def _growth(trace: Trace, rng: np.random.Generator) -> pa.Table:
    """Return the head count, asked again every year: versions of a field that moves by itself."""
    count, span = len(trace.accounts.account_id), trace.params.weeks * WEEK_DAYS
    seats = np.nanmax(trace.weekly.seats, axis=1, initial=1.0).astype(float)
    size = np.log(seats) + rng.normal(1.2, 0.5, count)
    years = int(np.ceil(span / YEAR_DAYS))
    first = first_known(trace) + 0.02
    pieces = []
    for year in range(years):
        known = np.maximum(first, 0) + year * YEAR_DAYS if year else first
        value = np.rint(np.exp(size))
        pieces.append(_field(trace, "employees_count", np.arange(count), value=value, known=known))
        size = size + rng.normal(0.03, 0.1, count)
    return pa.concat_tables(pieces)


def _notes(trace: Trace, rng: np.random.Generator) -> pa.Table:
    notices = trace.movements[trace.movements["kind"] == KINDS.index("notice")]
    notices = notices[rng.random(len(notices)) < 0.4]
    known = notices["decided_day"] + rng.uniform(1.1, 10, len(notices))
    note = picked(["customer wants to leave"], np.zeros(len(notices), np.int64))
    row = notices["account"].astype(np.int64)
    return _field(trace, "csm_risk_note", row, value=note, known=known)


def _status(trace: Trace) -> pa.Table:
    """Return the canary: the final state, said to be known since the account's first day."""
    last = trace.params.weeks
    gone = ~trace.weekly.active[:, last]
    state = np.where(gone, 2, np.where(trace.weekly.noticed[:, last], 1, 0))
    value = picked(("active", "leaving", "churned"), state.astype(np.int64))
    row = np.arange(len(gone))
    return _field(trace, CANARY, row, value=value, known=first_known(trace) + 0.03)


def _line_field(trace: Trace, rng: np.random.Generator) -> pa.Table:
    lines = trace.lines
    known = lines.started_day + 1.0
    kept = np.flatnonzero(known < trace.params.weeks * WEEK_DAYS)
    where = (rng.random(len(lines.account)) < 0.2).astype(np.int64)[kept]
    columns = {
        "entity": "subscription",
        "entity_id": picked(lines.subscription_id, kept),
        "name": "deployment",
        "text": picked(("cloud", "own_servers"), where),
        "known_at": known[kept],
    }
    return build_rows("attributes", trace.params.start, {**columns, "number": None})
