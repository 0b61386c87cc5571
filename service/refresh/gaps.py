"""What a refresh keeps beside a forecast: its gap to targets, its units, and its inputs.

Levers are simulated here, once a night; what-ifs run later from the inputs, without the lake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np

from ledger.engine import Ledger
from ledger.forecast_inputs import Packed, write_inputs, write_items
from ledger.gaps import GapRow, ToDateRow, read_to_date, write_gaps
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.conclude import Concluded
from models.forecast.engines import Engine
from models.forecast.gap.again import Kept, keep_inputs
from models.forecast.gap.answer import Past, Shown, build_gap
from models.forecast.items import pack_items
from models.forecast.judged import Said
from models.forecast.targets import Target, read_targets


@dataclass(frozen=True)
class Beside:
    """What stands beside one forecast.

    Attributes
    ----------
    concluded
        The forecast.
    answer
        Its gap, JSON values.
    kept
        Its inputs; ``None`` where it cannot be simulated again.
    """

    concluded: Concluded
    answer: dict[str, Any]
    kept: Kept | None


def build_gaps(
    built: Sequence[Concluded],
    engines: Sequence[Engine],
    snapshot: Snapshot,
    *,
    ledger: Ledger,
    currency: str,
) -> list[Beside]:
    """Compute what stands beside each forecast of a refresh, in their order.

    Parameters
    ----------
    built
        Forecasts as of the snapshot's day.
    engines
        Those that made them.
    ledger
        Where earlier forecasts are.
    currency
        ISO 4217 code of all money.
    """
    targets = read_targets(snapshot)
    pasts: dict[str, Past] = {}
    found = []
    for concluded in built:
        raw = concluded.raw
        engine = _engine_of(raw.target, engines)
        if raw.target not in pasts:
            rows = [one for one in read_to_date(ledger, raw.target) if one.origin < snapshot.day]
            asked = _quarters(rows, targets, raw.quarter, day=snapshot.day)
            pasts[raw.target] = Past(_said(rows), _actuals(engine, raw.target, asked, snapshot.day))
        kept = keep_inputs(engine, raw.target, raw.origin, raw.quarter)
        grid = concluded.legs[concluded.served].grid_minor
        shown = Shown(raw, grid, currency, None if kept is None else kept.ground())
        found.append(Beside(concluded, build_gap(shown, targets, pasts[raw.target]), kept))
    return found


def write_beside(ledger: Ledger, run_id: int, found: Sequence[Beside]) -> None:
    """Append gaps, units and inputs to the open run of the forecasts.

    Raises
    ------
    ConflictError
        The run is closed, or has them.
    RowsError
        A number is not finite.
    """
    write_gaps(ledger, run_id, (GapRow(*_named(one), one.answer) for one in found))
    kept = [(one, one.kept) for one in found if one.kept is not None]
    write_inputs(ledger, run_id, (Packed(*_named(one), this.content) for one, this in kept))
    items = (Packed(*_named(one), pack_items(this.items(one.concluded))) for one, this in kept)
    write_items(ledger, run_id, items)


def _named(one: Beside) -> tuple[str, str, date]:
    raw = one.concluded.raw
    return raw.target, str(raw.quarter), raw.origin


def _engine_of(target: str, engines: Sequence[Engine]) -> Engine:
    return next(one for one in engines if target in getattr(one, "targets", ()))


def _quarters(
    rows: Sequence[ToDateRow], targets: Sequence[Target], quarter: Quarter, *, day: date
) -> list[Quarter]:
    """Return the ended quarters that are compared with, or that a target of this one covers."""
    names = {row.period for row in rows}
    asked = {Quarter.parse(name, quarter.calendar) for name in names}
    for target in targets:
        if target.start < quarter.start < target.end and not target.is_endless:
            first = quarter.shift(-1)
            while first.end > target.start:
                asked.add(first)
                first = first.shift(-1)
    return sorted(one for one in asked if one.end <= day)


def _actuals(
    engine: Engine, target: str, quarters: Sequence[Quarter], day: date
) -> Mapping[str, Mapping[str, float]]:
    found = {}
    for quarter in quarters:
        try:
            actual = engine.actuals(quarter, day).get(target)
        except NotEnoughHistoryError:
            continue
        if actual is not None:
            found[str(quarter)] = actual
    return found


def _said(rows: Sequence[ToDateRow]) -> list[Said]:
    """Return what was in by each origin in the form of forecasts without legs."""
    found = []
    for (period, origin), group in groupby(rows, key=lambda row: (row.period, row.origin)):
        some = list(group)
        nodes = tuple(row.node for row in some)
        values = np.array([row.to_date_minor for row in some])
        found.append(Said(period, origin, some[0].week, nodes, {}, values, 0.0))
    return found
