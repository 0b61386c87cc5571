"""Feature rows of a run: written by refresh beside its scores, read by what-ifs and replays.

A row is a JSON list in the order of its layout; numbers keep every bit, a missing one is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Select, bindparam, insert, select

from ledger.documents import dump_document
from ledger.engine import Ledger
from ledger.feature_tables import feature_layouts, feature_rows
from ledger.rows import write_rows

Kind = Literal["number", "text"]
NAMES = ("unit_id", "layout_id", "digest", "content")


@dataclass(frozen=True)
class FeatureLayout:
    """The columns of a run's rows of one route, in order.

    Attributes
    ----------
    names, kinds
        As long as a row.
    """

    layout_id: int
    run_id: int
    route: str
    names: tuple[str, ...]
    kinds: tuple[Kind, ...]


@dataclass(frozen=True)
class FeatureRow:
    """One unit's row.

    Attributes
    ----------
    unit_id
        An account, or a deal.
    digest
        SHA-256 (hex) of its values, as each score shows it (``input_digest``).
    values
        In the order of the layout: floats, texts, None.
    """

    unit_id: str
    layout_id: int
    digest: str
    values: list[float | str | None]


def write_features(
    ledger: Ledger,
    run_id: int,
    route: str,
    *,
    kinds: Mapping[str, Kind],
    rows: Iterable[tuple[str, str, Sequence[float | str | None]]],
) -> int:
    """Write the rows of a route into an open run; return how many.

    Parameters
    ----------
    kinds
        By column, in the order of the rows' values.
    rows
        Unit, digest and values.

    Raises
    ------
    ConflictError
        The run is closed, or a unit occurs twice.
    RowsError
        A number is not finite.
    """
    columns = dump_document([[name, kind] for name, kind in kinds.items()], "the features' names")
    layout = {"run_id": run_id, "route": route, "columns": columns}
    with ledger.writing() as connection:
        written = connection.execute(
            insert(feature_layouts).returning(feature_layouts.c.id), layout
        )
        layout_id = int(written.scalar_one())
    return write_rows(ledger, feature_rows, _rows(run_id, layout_id, rows))


def read_layouts(ledger: Ledger, run_id: int) -> list[FeatureLayout]:
    """Return the layouts of a run, one per route that was scored."""
    query = select(feature_layouts).where(feature_layouts.c.run_id == run_id)
    with ledger.reading() as connection:
        found = connection.execute(query.order_by(feature_layouts.c.id)).mappings().all()
    layouts = []
    for row in found:
        columns = json.loads(row["columns"])
        names, kinds = (tuple(one[place] for one in columns) for place in (0, 1))
        layouts.append(FeatureLayout(row["id"], row["run_id"], row["route"], names, kinds))
    return layouts


def read_features(ledger: Ledger, run_id: int, unit_ids: Sequence[str]) -> dict[str, FeatureRow]:
    """Return the rows of some units by their id; those that were not scored are left out."""
    return {
        unit_id: FeatureRow(unit_id, layout_id, digest, json.loads(content))
        for unit_id, layout_id, digest, content in _fetch(ledger, run_id, unit_ids, NAMES)
    }


def read_layout_rows(ledger: Ledger, layout_id: int) -> list[FeatureRow]:
    """Return all rows of a layout in the order in which they were scored."""
    query = select(*[feature_rows.c[name] for name in NAMES])
    query = query.where(feature_rows.c.layout_id == layout_id).order_by(feature_rows.c.id)
    with ledger.reading() as connection:
        return [
            FeatureRow(unit_id, of, digest, json.loads(content))
            for unit_id, of, digest, content in connection.execute(query)
        ]


def read_digests(ledger: Ledger, run_id: int, unit_ids: Sequence[str]) -> dict[str, str]:
    """Return the digests of some units' rows by their id."""
    return dict(_fetch(ledger, run_id, unit_ids, ("unit_id", "digest")))


def _fetch(
    ledger: Ledger, run_id: int, unit_ids: Sequence[str], names: tuple[str, ...]
) -> list[Any]:
    values: dict[str, Any] = {f"id_{at}": name for at, name in enumerate(unit_ids)}
    return ledger.fetch(_of_units(names, len(unit_ids)), {"run_id": run_id, **values})


@lru_cache(maxsize=512)
def _of_units(names: tuple[str, ...], count: int) -> Select[Any]:
    """Build the statement for so many ids once, so that its compiled text is found again."""
    units: list[Any] = [bindparam(f"id_{at}") for at in range(count)]
    return select(*[feature_rows.c[name] for name in names]).where(
        feature_rows.c.run_id == bindparam("run_id"), feature_rows.c.unit_id.in_(units)
    )


def _rows(
    run_id: int, layout_id: int, rows: Iterable[tuple[str, str, Sequence[float | str | None]]]
) -> Iterator[dict[str, Any]]:
    for unit_id, digest, values in rows:
        yield {
            "layout_id": layout_id,
            "run_id": run_id,
            "unit_id": unit_id,
            "digest": digest,
            "content": dump_document(list(values), f"the features of {unit_id}"),
        }
