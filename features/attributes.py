"""A company's own fields: one column each, unless its name says that it knows the answer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.clock import ContractClock, any_contract_clock, contract_clock_values
from features.forbidden import why_forbidden
from features.lines import TEST_FLAGS
from features.merges import build_merges, with_survivors
from lifecycle.snapshot import Snapshot

NUMBER, TEXT = "number:", "text:"
"""What the columns' names begin with."""
LATE = {
    "closed": "the mapping says that it is known only once the end is",
    "unknown": "nobody says when it was known; the mapping may",
}
"""What a mapping may say of when a field was known, and why it is then no feature."""
ENTITIES = {"account_id": "account", "subscription_id": "subscription"}


def attribute_report(snapshot: Snapshot, *, allow: Collection[str] = ()) -> pa.Table:
    """Say of every custom field of accounts and lines known by then whether it is a feature.

    Returns
    -------
    pyarrow.Table
        entity, name, rows (count), used (bool) and reason (why not; null when used), sorted.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    known = _known(snapshot)
    counted = known.group_by(["entity", "name"]).aggregate(
        [([], "count_all"), ("is_late", "sum"), ("known", "min")]
    )
    rows: list[dict[str, Any]] = []
    for row in counted.sort_by([("entity", "ascending"), ("name", "ascending")]).to_pylist():
        reason = why_not_feature(row["name"], allow)
        if reason is None and row["is_late_sum"] == row["count_all"]:
            reason = LATE[row["known_min"]]
        rows.append(
            {
                "entity": row["entity"],
                "name": row["name"],
                "rows": row["count_all"],
                "used": reason is None,
                "reason": reason,
            }
        )
    return pa.Table.from_pylist(rows, schema=_REPORT)


_REPORT = pa.schema(
    [
        ("entity", pa.string()),
        ("name", pa.string()),
        ("rows", pa.int64()),
        ("used", pa.bool_()),
        ("reason", pa.string()),
    ]
)


def build_attribute_columns(
    snapshot: Snapshot, ids: dict[str, pa.Array], *, allow: Collection[str] = ()
) -> dict[str, pa.Array]:
    """Build the columns of the custom fields, aligned with the units.

    Parameters
    ----------
    ids
        ``account_id``, and ``subscription_id`` if lines are the units, each of shape (n,).
    allow
        Names let in although they are forbidden.

    Returns
    -------
    dict
        ``number:<name>`` (float64, NaN where absent) and ``text:<name>`` (string, null where
        absent), sorted by name. A line's own field goes before its account's of the same name.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    if not snapshot.holds("attributes"):
        return {}
    known = _known(snapshot)
    known = known.filter(pc.equal(known["is_late"], 0))
    found: dict[str, pa.Array] = {}
    for key in (name for name in ENTITIES if name in ids):
        own = known.filter(pc.equal(known["entity"], ENTITIES[key]))
        for name in sorted(set(own["name"].to_pylist())):
            if why_not_feature(name, allow) is None:
                rows = own.filter(pc.equal(own["name"], name))
                for column, values in _columns_of(name, rows, ids[key]).items():
                    found[column] = pc.coalesce(values, found.get(column, values))
    return {
        column: values.fill_null(np.nan) if column.startswith(NUMBER) else values
        for column, values in sorted(found.items())
    }


def why_not_feature(name: str, allow: Collection[str] = ()) -> str | None:
    """Return why a field of an account or a line is no feature; ``None`` when it is one.

    Parameters
    ----------
    allow
        Names let in although they are forbidden.
    """
    if name in allow:
        return None
    if name.lower() in TEST_FLAGS:
        return "says that an account is no customer, which leaves it out altogether"
    return why_forbidden(name)


def _columns_of(name: str, rows: pa.Table, ids: pa.Array) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    number, text = rows.filter(pc.is_valid(rows["number"])), rows.filter(pc.is_valid(rows["text"]))
    if number.num_rows:
        places = _places(number["entity_id"], ids)
        columns[NUMBER + name] = number["number"].combine_chunks().take(places)
    if text.num_rows:
        places = _places(text["entity_id"], ids)
        columns[TEXT + name] = text["text"].combine_chunks().take(places)
    return columns


def _places(entity_ids: pa.ChunkedArray, ids: pa.Array) -> pa.Array:
    return pc.index_in(ids, value_set=entity_ids.combine_chunks())


def _known(snapshot: Snapshot) -> pa.Table:
    """Return entity, entity_id (after merges), name, value and when known; survivors first."""
    clock = any_contract_clock()
    values = contract_clock_values(snapshot)
    found = snapshot.answer(
        "contract_attributes",
        lambda: _build_known(snapshot, clock),
        {"as_of": clock.as_of},
        {"as_of": values["as_of"]},
    )
    return found.combine_chunks()


def _build_known(snapshot: Snapshot, clock: ContractClock) -> Any:
    fields = snapshot.known("attributes", clock.as_of)
    fields = fields.filter(fields.entity.isin(tuple(ENTITIES.values())))
    is_late = fields.known.isin(tuple(LATE)).fill_null(False).ifelse(1, 0)
    fields = fields.select("entity", "name", "number", "text", "known", account_id="entity_id",
                           own_id="entity_id", is_late=is_late)  # fmt: skip
    # An account and a line may bear the same id; only accounts are merged.
    accounts = with_survivors(
        fields.filter(fields.entity == "account"), build_merges(snapshot, clock.as_of)
    )
    lines = fields.filter(fields.entity != "account").select(accounts.columns)
    rows = accounts.union(lines, distinct=False)
    rows = rows.mutate(is_own=(rows.account_id == rows.own_id).ifelse(0, 1))
    ordered = rows.order_by("entity", "name", "account_id", "is_own", "own_id")
    return ordered.select("entity", "name", "number", "text", "known", "is_late",
                          entity_id="account_id")  # fmt: skip
