"""A forecast's inputs, items and gap, and a scenario, for the tests of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ledger.books import write_books
from ledger.engine import Ledger
from ledger.forecast_inputs import Packed, write_inputs, write_items
from ledger.gaps import GapRow, write_gaps
from ledger.runs import publish_run
from ledger.scenarios import SavedScenario, ScenarioRun, write_scenario, write_scenario_run
from tests.ledger.forecast_story import book
from tests.ledger.story import DAY, KNOWN, new_run


def packed(content: bytes = b"inputs", **changed: object) -> Packed:
    given: dict[str, object] = {"target": "bookings", "period": "2012Q1", "origin": DAY}
    return Packed(**{**given, **changed}, content=content)  # type: ignore[arg-type]


def gap(origin: date = DAY, **answer: object) -> GapRow:
    return GapRow("bookings", "2012Q1", origin, {"targets": [], **answer})


def scenario(name: str = "Acme signs", **changed: object) -> SavedScenario:
    given: dict[str, object] = {
        "name": name,
        "target": "bookings",
        "period": "2012Q1",
        "rationale": "verbal yes of the board",
        "author": "Kim",
        "change": {"deals": [{"deal": "D1", "to": "won"}]},
        "created_at": KNOWN,
    }
    return SavedScenario(**{**given, **changed})  # type: ignore[arg-type]


def scenario_run(run_id: int, name: str = "Acme signs") -> ScenarioRun:
    return ScenarioRun(name, run_id, DAY, "ab" * 32, KNOWN, {"delta_p50_minor": 5})


def open_forecast(ledger: Ledger) -> int:
    run_id = new_run(ledger, "forecast")
    write_books(ledger, run_id, [book()])
    return run_id


def publish_gap(
    ledger: Ledger, *, inputs: Sequence[Packed] = (), gaps: Sequence[GapRow] = ()
) -> int:
    run_id = open_forecast(ledger)
    write_inputs(ledger, run_id, inputs)
    write_items(ledger, run_id, inputs)
    write_gaps(ledger, run_id, gaps)
    publish_run(ledger, run_id)
    return run_id


def fill_gaps(ledger: Ledger) -> None:
    run_id = publish_gap(ledger, inputs=[packed()], gaps=[gap()])
    write_scenario(ledger, scenario())
    write_scenario_run(ledger, scenario_run(run_id))
