"""Deals of a table without history: what stood there when they were created, and the end.

Such a table shows each deal as it was left: no landmark can be rebuilt from it, and nobody can say
what a closed deal looked like while it was open. Only attributes that the mapping declares known
when a deal was created may teach; the others are returned apart, so that an audit can tell what
they would have told.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.attributes import NUMBER, TEXT
from features.deals.days import Floats
from features.forbidden import why_forbidden_of_deals
from lifecycle.snapshot import Snapshot

Known = Literal["created", "closed", "unknown"]
ENDS = ("won", "lost")
OWN_NUMBERS = ("amount_minor", "discount_share", "term_months")
OWN_TEXTS = ("product_id", "kind", "source", "competitor")
"""Columns of the deals' table: as they stood at the end, so nobody knows since when."""
_KEYS = ("opportunity_id", "account_id")


def flat_deal_frame(snapshot: Snapshot) -> tuple[pa.Table, Floats]:
    """Build the frame of the closed deals, and how they ended.

    Returns
    -------
    pyarrow.Table, ndarray
        ``opportunity_id``, ``account_id`` (null where there is none) and the attributes known when
        a deal was created, as ``number:<name>`` (NaN where absent) and ``text:<name>`` (null where
        absent), sorted by id; and 1 for won, 0 for lost, shape (n,).

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    deals = _read_deals(snapshot, ENDS)
    frame, known = _build_frame(snapshot, deals)
    outcome = pc.equal(deals["outcome"], "won").cast(pa.float64()).to_numpy()
    return _created(frame, known), np.asarray(outcome, np.float64)


def flat_open_frame(snapshot: Snapshot) -> pa.Table:
    """Build the same columns for the deals that are open, to be scored.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    return _created(*_build_frame(snapshot, _read_deals(snapshot, ("open",))))


def flat_audit_frame(snapshot: Snapshot) -> tuple[pa.Table, dict[str, Known]]:
    """Build the closed deals' frame with every column, and say of each when it was known.

    For the audit only: what is ``closed`` or ``unknown`` may hold the answer. Columns of the
    deals' table itself are ``unknown``; a field whose name tells of the end is ``closed``, though
    the mapping declares it ``created``.

    Returns
    -------
    pyarrow.Table, dict
        The frame as of :func:`flat_deal_frame` with all columns; column to when it was known.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    return _build_frame(snapshot, _read_deals(snapshot, ENDS))


def _created(frame: pa.Table, known: dict[str, Known]) -> pa.Table:
    return frame.select([n for n in frame.column_names if known.get(n, "created") == "created"])


def _build_frame(snapshot: Snapshot, deals: pa.Table) -> tuple[pa.Table, dict[str, Known]]:
    ids = deals["opportunity_id"].combine_chunks()
    columns: dict[str, pa.Array] = {}
    for name in OWN_NUMBERS:
        columns[NUMBER + name] = deals[name].combine_chunks().cast(pa.float64()).fill_null(np.nan)
    for name in OWN_TEXTS:
        columns[TEXT + name] = deals[name].combine_chunks()
    known: dict[str, Known] = dict.fromkeys(columns, "unknown")
    for name, rows in _read_attributes(snapshot, ids).items():
        built = _build_columns(name, rows, ids)
        columns.update(built)
        known.update(dict.fromkeys(built, _when(name, rows)))
    told = [name for name in sorted(columns) if _tells(columns[name])]
    frame = pa.table({**{key: deals[key] for key in _KEYS}, **{n: columns[n] for n in told}})
    return frame, {name: known[name] for name in told}


def _read_deals(snapshot: Snapshot, outcomes: tuple[str, ...]) -> pa.Table:
    """Return the latest versions of the deals with some outcome, sorted by id."""
    deals = snapshot.table("opportunities")
    deals = deals.filter(deals.outcome.fill_null("open").isin(outcomes))
    wanted = (*_KEYS, "outcome", *OWN_NUMBERS, *OWN_TEXTS)
    return snapshot.collect(deals.select(*wanted).order_by("opportunity_id"))


def _read_attributes(snapshot: Snapshot, ids: pa.Array) -> dict[str, pa.Table]:
    """Return the rows of each attribute of the deals, by name."""
    fields = snapshot.table("attributes")
    fields = fields.filter(fields.entity == "opportunity")
    rows = snapshot.collect(fields.select("entity_id", "name", "number", "text", "known"))
    rows = rows.filter(pc.is_in(rows["entity_id"], value_set=ids)).combine_chunks()
    names = rows["name"].combine_chunks().dictionary_encode()
    codes = names.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(names.dictionary) + 1))
    return {
        name: rows.take(order[ends[place] : ends[place + 1]])
        for place, name in enumerate(names.dictionary.to_pylist())
    }


def _build_columns(name: str, rows: pa.Table, ids: pa.Array) -> dict[str, pa.Array]:
    built: dict[str, pa.Array] = {}
    for prefix, column in ((NUMBER, "number"), (TEXT, "text")):
        there = rows.filter(pc.is_valid(rows[column]))
        if there.num_rows:
            places = pc.index_in(ids, value_set=there["entity_id"].combine_chunks())
            built[prefix + name] = there[column].combine_chunks().take(places)
    if NUMBER + name in built:
        built[NUMBER + name] = built[NUMBER + name].fill_null(np.nan)
    return built


def _when(name: str, rows: pa.Table) -> Known:
    """Say when an attribute was known: as late as it was of any deal."""
    # its own clock is no help: of a deal that is only known closed, it tells of the close
    told = set(pc.unique(rows["known"].fill_null("unknown")).to_pylist())
    if "unknown" in told:
        return "unknown"
    return "closed" if "closed" in told or why_forbidden_of_deals(name) else "created"


def _tells(column: pa.Array) -> bool:
    """Say whether a column has any value at all."""
    if pa.types.is_floating(column.type):
        return not np.isnan(column.to_numpy(zero_copy_only=False)).all()
    return bool(column.null_count < len(column))
