"""All versions of a table, and since when each no longer holds."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

from lifecycle.history import History, open_history
from lifecycle.snapshot import Snapshot
from tests.builders import build_lake, noon
from tests.features.contracts import snapshot_of
from tests.features.deals.cases import ZONE, moved, on, told

Told = list[tuple[Any, datetime, datetime | None]]


def versions(at: Snapshot, table: str, value: str) -> Told:
    rows = at.collect(at.versions(table).order_by("known_at")).to_pylist()
    return [(row[value], row["known_at"], row["void_at"]) for row in rows]


def test_every_version_of_an_entity_known_by_then_is_told(tmp_path: Path) -> None:
    deals = [told("d", on(month, 1), amount_minor=month) for month in (3, 4, 8)]
    at = snapshot_of(tmp_path, date(2021, 6, 1), opportunities=deals)
    found = versions(at, "opportunities", "amount_minor")
    assert [(value, void) for value, _, void in found] == [(3, None), (4, None)]


def corrected(folder: Path) -> History:
    change = moved("d", on(4, 1), "amount", 1, 2)
    build_lake(folder, opportunity_changes=[change])
    build_lake(folder, batch="b2", opportunity_changes=[
        {**change, "amount_after_minor": 3, "known_at": noon(on(5, 1))}])  # fmt: skip
    return open_history(folder / "lake", zone=ZONE)


def test_a_corrected_event_says_when_it_became_void(tmp_path: Path) -> None:
    found = versions(corrected(tmp_path).as_of(on(6, 1)), "opportunity_changes",
                     "amount_after_minor")  # fmt: skip
    first, second = noon(on(4, 1)), noon(on(5, 1))
    assert found == [(2, first, second), (3, second, None)]


def test_a_correction_that_is_not_known_yet_voids_nothing(tmp_path: Path) -> None:
    found = versions(corrected(tmp_path).as_of(on(4, 20)), "opportunity_changes",
                     "amount_after_minor")  # fmt: skip
    assert found == [(2, noon(on(4, 1)), None)]
