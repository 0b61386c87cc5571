"""Inputs of a simulation as Arrow bytes: arrays and plain values, read back to the bit."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from lifecycle.errors import DataError

META = b"truecast"
Inputs = TypeVar("Inputs")


def pack_inputs(inputs: Any) -> bytes:
    """Return an Arrow stream of a record whose fields are arrays or JSON values.

    Parameters
    ----------
    inputs
        A dataclass; arrays of texts have dtype object.
    """
    head: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    for one in fields(inputs):
        value = getattr(inputs, one.name)
        if not isinstance(value, np.ndarray):
            head[one.name] = value
            continue
        head[one.name] = [str(value.dtype), *value.shape]
        flat = pa.array(value.ravel().tolist() if value.dtype == object else value.ravel())
        columns[one.name] = pa.LargeListArray.from_arrays([0, len(flat)], flat)
    table = pa.table(columns).replace_schema_metadata({META: json.dumps(head)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def unpack_inputs(kind: type[Inputs], stored: bytes, *, of: str) -> Inputs:
    """Read what ``pack_inputs`` wrote.

    Parameters
    ----------
    kind
        The record's class.
    stored
        The bytes.
    of
        What they are inputs of, for the message.

    Raises
    ------
    DataError
        The bytes are not those of such inputs.
    """
    try:
        table = pa.ipc.open_stream(stored).read_all()
        head = json.loads((table.schema.metadata or {})[META])
        return kind(**{name: _value(table, name, told) for name, told in head.items()})
    except (pa.ArrowException, OSError, KeyError, ValueError, IndexError, TypeError) as error:
        found = f"kept inputs of {of} that cannot be read"
        raise DataError(found, "an Arrow stream", "make the forecast again") from error


def _value(table: pa.Table, name: str, told: Any) -> Any:
    if name not in table.column_names:
        return tuple(told) if name == "nodes" else told
    kind, *shape = told
    flat = table[name].combine_chunks().flatten()
    values = np.array(flat.to_pylist(), dtype=object) if kind == "object" else flat.to_numpy(False)
    return np.array(values, dtype=kind).reshape(shape)
