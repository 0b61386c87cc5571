"""Raw forecasts as Arrow bytes: plain numbers, so that a backtest can stop and go on.

One row per number of a node: kind ``leg`` (mean and 21 quantiles), ``part``, ``to_date`` or
``floor`` (mean only). What belongs to the whole forecast stands in the schema's metadata as JSON.
After the stream stands its SHA-256: Arrow believes what it reads, and damaged bytes can crash it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from lifecycle.errors import DataError
from lifecycle.periods import FiscalCalendar, Quarter
from models.forecast.grid import LEVELS, FloatArray
from models.forecast.raw import Leg, RawForecast

META = b"truecast"
DIGEST_BYTES = 32


def to_bytes(forecasts: Sequence[RawForecast]) -> bytes:
    """Write raw forecasts as one Arrow stream; ``from_bytes`` gives the same bits back."""
    rows = [row for place, one in enumerate(forecasts) for row in _rows(place, one)]
    count = len(LEVELS)
    grid = np.concatenate([row[3] for row in rows]) if rows else np.zeros((0, count))
    table = pa.table(
        {
            "forecast": np.repeat([row[0] for row in rows], [len(row[2]) for row in rows]),
            "kind": np.repeat([row[1] for row in rows], [len(row[2]) for row in rows]),
            "mean_minor": np.concatenate([row[2] for row in rows]) if rows else [],
            "grid_minor": pa.FixedSizeListArray.from_arrays(pa.array(grid.ravel()), count),
        }
    )
    heads = json.dumps([_head(one) for one in forecasts])
    table = table.replace_schema_metadata({META: heads})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    stream: bytes = sink.getvalue().to_pybytes()
    return stream + hashlib.sha256(stream).digest()


def from_bytes(stored: bytes, calendar: FiscalCalendar) -> list[RawForecast]:
    """Read what ``to_bytes`` wrote.

    Raises
    ------
    DataError
        The bytes are not those of raw forecasts, or not all of them.
    """
    stream, digest = stored[:-DIGEST_BYTES], stored[-DIGEST_BYTES:]
    try:
        if hashlib.sha256(stream).digest() != digest:
            raise ValueError("the digest is another")
        table = pa.ipc.open_stream(stream).read_all()
        heads = json.loads((table.schema.metadata or {})[META])
        forecast = np.asarray(table["forecast"])
        kinds = np.asarray(table["kind"].to_pylist(), dtype=object)
        mean = np.asarray(table["mean_minor"], dtype=np.float64)
        flat = table["grid_minor"].combine_chunks()
        grid = np.asarray(flat.flatten(), dtype=np.float64).reshape(-1, len(LEVELS))
        return [
            _read(head, kinds[rows], mean[rows], grid[rows], calendar=calendar)
            for place, head in enumerate(heads)
            for rows in [forecast == place]
        ]
    except (pa.ArrowException, OSError, KeyError, ValueError, IndexError, TypeError) as error:
        todo = "delete the file; it is made again"
        raise DataError("kept forecasts that cannot be read", "an Arrow stream", todo) from error


def _head(one: RawForecast) -> dict[str, Any]:
    return {
        "target": one.target,
        "period": str(one.quarter),
        "origin": one.origin.isoformat(),
        "nodes": one.nodes,
        "model_version": one.model_version,
        "notes": dict(one.notes),
    }


def _rows(place: int, one: RawForecast) -> Iterable[tuple[int, str, FloatArray, FloatArray]]:
    blank = np.full((len(one.nodes), len(LEVELS)), np.nan)
    for name, leg in one.legs.items():
        yield place, f"leg:{name}", leg.mean_minor, leg.grid_minor
    for name, part in one.parts.items():
        yield place, f"part:{name}", part, blank
    yield place, "to_date:", one.to_date_minor, blank
    yield place, "floor:", one.floor_minor, blank


def _read(
    head: Mapping[str, Any],
    kinds: np.ndarray,
    mean: FloatArray,
    grid: FloatArray,
    *,
    calendar: FiscalCalendar,
) -> RawForecast:
    legs, parts, plain = {}, {}, {}
    for kind in dict.fromkeys(kinds.tolist()):
        rows = kinds == kind
        what, name = kind.split(":", 1)
        if what == "leg":
            legs[name] = Leg(mean[rows], grid[rows])
        elif what == "part":
            parts[name] = mean[rows]
        else:
            plain[what] = mean[rows]
    return RawForecast(
        target=head["target"],
        quarter=Quarter.parse(head["period"], calendar),
        origin=date.fromisoformat(head["origin"]),
        nodes=tuple(head["nodes"]),
        legs=legs,
        to_date_minor=plain["to_date"],
        floor_minor=plain["floor"],
        parts=parts,
        model_version=head["model_version"],
        notes=head["notes"],
    )
