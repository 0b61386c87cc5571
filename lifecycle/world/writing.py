"""A world into the lake: one batch, streamed, named by what the world was made from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lifecycle.batches import BatchHeader, BatchReport
from lifecycle.console import SilentTicker, Ticker
from lifecycle.lake import Lake
from lifecycle.world.dirt import DirtRates
from lifecycle.world.facts import stream_facts
from lifecycle.world.presets import WorldParams
from lifecycle.world.trace import Trace

PIECE_ROWS = 250_000


def name_world(params: WorldParams, rates: DirtRates | None = None) -> str:
    """Return the digest that names a world: of its parameters and the rates of its dirt.

    Parameters
    ----------
    params
        The world.
    rates
        How dirty its records are; the declared rates unless given.

    Examples
    --------
    >>> from lifecycle.world.presets import preset
    >>> name_world(preset("tiny")) == name_world(preset("tiny", seed=2))
    False
    """
    made_of = {"params": asdict(params), "dirt": asdict(rates or DirtRates())}
    text = json.dumps(made_of, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def name_source(params: WorldParams) -> str:
    """Return how the list of batches tells where a world's facts come from.

    Parameters
    ----------
    params
        The world.
    """
    size = f"{params.accounts} accounts x {params.months} months"
    digest = name_world(params)
    return f"synthetic world {digest}: {size}, seed {params.seed}, {params.variant}"


def write_world(
    trace: Trace,
    lake_dir: Path,
    *,
    until: date | None = None,
    ticker: Ticker | None = None,
) -> BatchReport:
    """Append a world's facts to a lake as one batch; the same world again changes nothing.

    Parameters
    ----------
    trace
        What happened.
    lake_dir
        Folder of the lake.
    until
        Only what was known before this day (UTC); everything unless given.
    ticker
        Counts the rows written.

    Raises
    ------
    LakeError
        The lake cannot be read or written.
    """
    ticker = ticker or SilentTicker()
    digest = name_world(trace.params)
    batch_id = digest if until is None else f"{digest}-{until:%Y%m%d}"
    header = BatchHeader(batch_id, name_source(trace.params), datetime.now(UTC))
    with Lake(lake_dir).stage(header) as stage:
        if stage.repeated is not None:
            return BatchReport(stage.repeated, repeated=True)
        for name, rows in stream_facts(trace):
            for piece in _known_before(rows, until).to_batches(PIECE_ROWS):
                stage.write(name, piece)
            ticker.advance(rows.num_rows)
        return stage.commit()


def _known_before(rows: pa.Table, until: date | None) -> pa.Table:
    if until is None:
        return rows
    limit = datetime.combine(until, time(), tzinfo=UTC)
    return rows.filter(
        pc.less(rows.column("known_at"), pa.scalar(limit, pa.timestamp("us", "UTC")))
    )
