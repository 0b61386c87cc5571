"""A company's own fields of deals and of their accounts, as they stood on each landmark.

What a mapping says of when a field was known decides: a field dated by its own clock counts from
there, one known when the deal was created counts from its creation, and one that is known only
once the deal is closed, or nobody knows when, is told of and never a feature.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.attributes import LATE, NUMBER, TEXT, why_not_feature
from features.deals.days import Floats, Ints
from features.deals.facts import DealFacts, Rows
from features.deals.merged import Merges, read_merges, survivors
from features.deals.streams import last_seen
from features.deals.sweeps import Flags
from features.deals.visible import VisibleRows, places_in, read_visible
from features.forbidden import why_forbidden_of_deals
from lifecycle.snapshot import Snapshot

_ENTITIES = ("opportunity", "account")


def own_field_report(snapshot: Snapshot, *, allow: Collection[str] = ()) -> pa.Table:
    """Say of every custom field of deals and their accounts whether it is a feature of deals.

    Parameters
    ----------
    allow
        Names let in although they are forbidden.

    Returns
    -------
    pyarrow.Table
        entity, name, rows (count of values now known), known (what the mapping says of when;
        null = by its own clock), used (bool) and reason (why not; null when used), sorted.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    fields = snapshot.table("attributes")
    fields = fields.filter(fields.entity.isin(_ENTITIES))
    keys = ["entity", "name", "known"]
    found = snapshot.collect(fields.group_by(*keys).agg(rows=fields.count()).order_by(*keys))
    rows = []
    for row in found.to_pylist():
        reason = _why_not(row["entity"], row["name"], allow) or LATE.get(row["known"])
        rows.append({**row, "used": reason is None, "reason": reason})
    return pa.Table.from_pylist(rows, schema=_REPORT)


_REPORT = pa.schema(
    [
        ("entity", pa.string()),
        ("name", pa.string()),
        ("rows", pa.int64()),
        ("known", pa.string()),
        ("used", pa.bool_()),
        ("reason", pa.string()),
    ]
)


def build_own_field_columns(
    facts: DealFacts, rows: Rows, snapshot: Snapshot, *, allow: Collection[str] = ()
) -> dict[str, Floats | pa.Array]:
    """Build the columns of the custom fields, each of length (rows,), sorted by name.

    Parameters
    ----------
    rows
        Deals on landmarks.
    allow
        Names let in although they are forbidden.

    Returns
    -------
    dict
        ``number:<name>`` (float64, NaN where absent) and ``text:<name>`` (string, null where
        absent). A deal's own field goes before its account's of the same name, and an account's
        own before that of the account it was merged into it.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    fields = _read_fields(snapshot, allow)
    fields = fields.kept(fields.from_day <= (rows.day.max() if len(rows) else 0))
    merges = read_merges(snapshot)
    found: dict[tuple[str, bool], pa.Array] = {}
    for entity, ids, asked in (
        ("opportunity", facts.ids, (rows.deal,)),
        ("account", merges.ids, _accounts(facts, rows, merges)),
    ):
        own = fields.kept(_equals(fields, "entity", entity))
        for name in pc.unique(own.rows["name"]).to_pylist():
            told = own.kept(_equals(own, "name", name))
            for units in asked:
                for column, values in _values(told, ids, units, rows.day).items():
                    found[column] = pc.coalesce(found.get(column, values), values)
    return {
        TEXT + name if is_text else NUMBER + name: values
        if is_text
        else np.asarray(values.fill_null(np.nan).to_numpy(), np.float64)
        for (name, is_text), values in sorted(found.items())
    }


def _read_fields(snapshot: Snapshot, allow: Collection[str]) -> VisibleRows:
    """Read the fields that may be features, in order of key and of when they were known."""
    columns = ("entity", "entity_id", "name", "number", "text", "known")
    fields = read_visible(
        snapshot, "attributes", columns,
        keep=lambda rows: rows.entity.isin(_ENTITIES) & ~rows.known.isin(tuple(LATE)).fill_null(
            ibis.literal(False)
        ),
        order=("entity", "name", "entity_id"),
    )  # fmt: skip
    pairs = fields.rows.select(["entity", "name"]).group_by(["entity", "name"]).aggregate([])
    bad = {
        (row["entity"], row["name"])
        for row in pairs.to_pylist()
        if _why_not(row["entity"], row["name"], allow)
    }
    for entity, name in sorted(bad):
        fields = fields.kept(~(_equals(fields, "entity", entity) & _equals(fields, "name", name)))
    return _from_creation(fields)


def _from_creation(fields: VisibleRows) -> VisibleRows:
    """Let the first value of a field known at creation count from the beginning."""
    is_created = _equals(fields, "known", "created")
    keys = ("entity", "name", "entity_id")
    same = np.ones(max(len(is_created) - 1, 0), np.bool_)
    for key in keys:
        codes = pc.dictionary_encode(fields.rows[key]).combine_chunks().indices.to_numpy()
        same &= codes[1:] == codes[:-1]
    first = np.append(True, ~same)[: len(is_created)]
    from_day = np.where(is_created & first, 0, fields.from_day)
    return replace(fields, from_day=from_day)


def _accounts(facts: DealFacts, rows: Rows, merges: Merges) -> tuple[Ints, Ints]:
    """Return the codes of each row's account, as merges leave it and as it is; -1 for none."""
    own = facts.at("account", rows)
    none = np.isnan(own)
    words = places_in(facts.words["account"], merges.ids)
    account = np.full(len(rows), -1, np.int64)
    account[~none] = words[own[~none].astype(np.int64)]
    return survivors(merges, account, rows.day), account


def _values(
    told: VisibleRows, ids: pa.Array, units: Ints, days: Ints
) -> dict[tuple[str, bool], pa.Array]:
    """Return one field's values of units on days, by whether they are texts.

    Numbers and texts of one field are two columns; what no row has is none.
    """
    code = told.codes("entity_id", ids)
    order = np.lexsort((np.arange(len(code)), told.from_day, code))
    place = last_seen(code[order], told.from_day[order], units, days)
    places = pa.array(order[place], mask=(place < 0) | (units < 0))
    name = told.rows["name"][0].as_py()
    found = {}
    for is_text, column in ((False, "number"), (True, "text")):
        values = told.rows[column].combine_chunks().take(places)
        if values.null_count < len(values):
            found[name, is_text] = values
    return found


def _why_not(entity: str, name: str, allow: Collection[str]) -> str | None:
    if entity == "account":
        return why_not_feature(name, allow)
    return None if name in allow else why_forbidden_of_deals(name)


def _equals(fields: VisibleRows, column: str, word: str) -> Flags:
    equal = pc.fill_null(pc.equal(fields.rows[column], word), False)
    return np.asarray(equal.to_numpy(), np.bool_)
