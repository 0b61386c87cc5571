"""Forgetting a person in the facts: what describes them goes, and their id is replaced everywhere.

A contact's id stands in activities, use, tickets and answers, which are facts of an account and are
counted by person. It is replaced by an alias, the same everywhere, so that every count, and with it
every feature and score, stays what it was. Free fields of the person are removed. The files that
held them are written anew, and the old ones removed from the disk.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lifecycle.console import SilentTicker, Ticker
from lifecycle.crashpoint import crashpoint
from lifecycle.lake import Lake
from lifecycle.tables.arrow import arrow_schema
from lifecycle.tables.catalog import FACT_TABLES, find_table

FIELDS = "attributes"
ID = "contact_id"
LOOKED_AT = (ID, "entity", "entity_id", "batch_id")
SHORTEST_WITHIN = 6
"""Characters from which an id or a text is searched inside of longer texts too."""
Find = Callable[[pa.Table], pa.ChunkedArray]
Change = Callable[[pa.Table], pa.Table]
NAMING_TABLES = tuple(
    name for name, table in FACT_TABLES.items() if ID in table.names and name != FIELDS
)
"""Tables whose rows may carry a contact's id."""
ERASED_TABLES = (FIELDS, *NAMING_TABLES)
"""In this order: whose fields they are is told by the other tables, which must still know it."""


@dataclass
class Erased:
    """What was changed.

    Attributes
    ----------
    renamed, removed
        Rows by table whose contact id was replaced, and that were removed.
    files
        Old files that were removed from the disk.
    quarantined
        Lines that were taken out of the quarantine.
    """

    renamed: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    files: int = 0
    quarantined: int = 0

    @property
    def total(self) -> int:
        """Rows and lines changed or removed."""
        return self.renamed.total() + self.removed.total() + self.quarantined


def erase_contact(
    lake: Lake, contact_id: str, alias: str, *, quarantine: Path, ticker: Ticker | None = None
) -> Erased:
    """Forget a contact in the lake and in the quarantine; done again, it changes nothing.

    Killed on the way, it has changed some tables whole and others not; done again, it ends. No
    other writer comes between; a reader that began before may miss a file and must begin again.

    Parameters
    ----------
    alias
        What stands for the contact from now on: the same for the same contact.
    quarantine
        Folder of refused rows.

    Raises
    ------
    LakeError
        The lake cannot be read or written.
    """
    told, done = ticker or SilentTicker(), Erased()
    with lake.alone():
        leads = _find_leads(lake, (contact_id, alias))
        theirs = _fields_of({"contact": [contact_id], "lead": leads})
        texts = _read_texts(lake, theirs)  # lost with the fields, so that these go after
        done.quarantined = _clean_quarantine(quarantine, {contact_id, *texts})
        _remove_fields(lake, theirs, done)
        for table in NAMING_TABLES:
            crashpoint("erase.rewritten")
            done.renamed[table] += _rename(lake, table, contact_id, alias)
            told.advance()
        for table in ERASED_TABLES:
            done.files += lake.forget(table)
            crashpoint("erase.forgotten")
    return done


def _find_leads(lake: Lake, contacts: Collection[str]) -> list[str]:
    found: set[str] = set()
    for file in lake.named_files("leads"):
        rows = pq.read_table(file, columns=["lead_id", ID], partitioning=None)
        rows = rows.filter(_is_in(rows, ID, contacts))
        found.update(rows.column("lead_id").to_pylist())
    return sorted(found)


def _fields_of(entities: dict[str, list[str]]) -> Find:
    def is_theirs(rows: pa.Table) -> pa.ChunkedArray:
        flags = [
            pc.and_(_is_in(rows, "entity", [entity]), _is_in(rows, "entity_id", ids))
            for entity, ids in entities.items()
        ]
        return pc.or_(*flags)

    return is_theirs


def _read_texts(lake: Lake, is_theirs: Find) -> set[str]:
    """Return what stands in the free fields of a person."""
    texts: set[str] = set()
    for file in lake.named_files(FIELDS):
        rows = pq.read_table(file, columns=["entity", "entity_id", "text"], partitioning=None)
        texts.update(text for text in rows.filter(is_theirs(rows)).column("text").to_pylist())
    return {text for text in texts if text}


def _remove_fields(lake: Lake, is_theirs: Find, done: Erased) -> None:
    def keep(rows: pa.Table) -> pa.Table:
        kept = rows.filter(pc.invert(is_theirs(rows)))
        done.removed[FIELDS] += rows.num_rows - kept.num_rows
        return kept

    _rewrite(lake, FIELDS, is_theirs, keep)


def _rename(lake: Lake, table: str, contact_id: str, alias: str) -> int:
    count = 0

    def is_theirs(rows: pa.Table) -> pa.ChunkedArray:
        return _is_in(rows, ID, [contact_id])

    def change(rows: pa.Table) -> pa.Table:
        nonlocal count
        theirs = is_theirs(rows)
        count += pc.sum(theirs).as_py() or 0
        place = rows.schema.get_field_index(ID)
        return rows.set_column(
            place, rows.schema.field(ID), pc.if_else(theirs, alias, rows.column(ID))
        )

    _rewrite(lake, table, is_theirs, change)
    return count


def _rewrite(lake: Lake, table: str, is_theirs: Find, change: Change) -> None:
    """Write the batches anew that hold rows of a person, each row in its place."""
    names = find_table(table).names
    files = lake.named_files(table)
    batches: set[str] = set()
    for file in files:
        stored = pq.read_schema(file).names
        asked = [name for name in (*names, "batch_id") if name in stored and name in LOOKED_AT]
        rows = pq.read_table(file, columns=asked, partitioning=None)
        if ID in asked or table == FIELDS:
            batches.update(rows.filter(is_theirs(rows)).column("batch_id").to_pylist())
    if batches:
        lake.replace_batches(table, batches, _read_batches(files, table, batches, change))


def _read_batches(
    files: list[str], table: str, batches: Collection[str], change: Change
) -> Iterator[pa.RecordBatch]:
    schema = arrow_schema(find_table(table))
    for file in files:
        with pq.ParquetFile(file) as parquet:
            for group in range(parquet.num_row_groups):
                rows = parquet.read_row_group(group)
                rows = rows.filter(_is_in(rows, "batch_id", batches))
                columns = {
                    one.name: rows.column(one.name).cast(one.type)
                    if one.name in rows.column_names
                    else pa.nulls(rows.num_rows, one.type)
                    for one in schema
                }
                whole = pa.table(columns, schema=schema)
                if whole.num_rows:
                    yield from change(whole).to_batches()


def _is_in(rows: pa.Table, column: str, values: Collection[str]) -> pa.ChunkedArray:
    wanted = pa.array(sorted(values), pa.string())
    return pc.is_in(rows.column(column).cast(pa.string()), value_set=wanted)


def _clean_quarantine(folder: Path, secrets: Collection[str]) -> int:
    """Take refused rows out that name the person; each file is replaced whole."""
    removed = 0
    for path in sorted(folder.glob("*.jsonl")):
        # at line feeds only: JSON leaves U+2028 and its like within a line
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not _names(line, secrets)]
        if len(kept) == len(lines):
            continue
        removed += len(lines) - len(kept)
        draft = path.with_name(f".{path.name}.tmp")
        with open(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as written:
            written.writelines(kept)
            written.flush()
            os.fsync(written.fileno())
        draft.replace(path)
    return removed


def _names(line: bytes, secrets: Collection[str]) -> bool:
    """Say whether a refused row holds one of the texts, as a value or within a longer one."""
    try:
        row = json.loads(line)["row"]
    except (ValueError, KeyError, TypeError):
        return True  # a torn line is nobody's loss
    values = [str(one) for one in row.values()] if isinstance(row, dict) else [str(row)]
    return any(
        value == secret or (len(secret) >= SHORTEST_WITHIN and secret in value)
        for value in values
        for secret in secrets
    )
