"""Scenarios: named, saved with their reason and author, and what each said when it was run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select

from ledger.audit import Actor, AuditEntry, append_audit, digest_of
from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.gap_tables import scenario_runs, scenarios
from lifecycle.errors import ConflictError, UsageError


@dataclass(frozen=True)
class SavedScenario:
    """A named what-if of one target and quarter; it never changes.

    Attributes
    ----------
    name
        Unique.
    target, period
        What it is about.
    rationale, author
        Why, and who says so.
    change
        What is supposed, JSON values: ``models.forecast.scenarios`` reads it.
    created_at
        UTC instant.
    """

    name: str
    target: str
    period: str
    rationale: str
    author: str
    change: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class ScenarioRun:
    """What a scenario said on the inputs of one forecast.

    Attributes
    ----------
    name
        The scenario.
    forecast_run_id, origin, digest
        The forecast whose inputs it ran on, its day, and the SHA-256 (hex) of the inputs.
    computed_at
        UTC instant.
    result
        What ``models.forecast.scenarios.run_scenario`` returned, JSON values.
    """

    name: str
    forecast_run_id: int
    origin: date
    digest: str
    computed_at: datetime
    result: dict[str, Any]


_NAMES = ("name", "target", "period", "rationale", "author", "change", "created_at")
_RUN_NAMES = ("forecast_run_id", "origin", "digest", "computed_at", "result")


def write_scenario(
    ledger: Ledger, scenario: SavedScenario, by: Actor | None = None
) -> SavedScenario:
    """Save a scenario; saving the same one again changes nothing. Return what is saved.

    Raises
    ------
    ConflictError
        Another one has that name.
    RowsError
        Its change is not JSON.
    """
    with ledger.writing() as connection:
        return save_scenario(connection, scenario, by)


def save_scenario(
    connection: Connection, scenario: SavedScenario, by: Actor | None = None
) -> SavedScenario:
    """Save a scenario in the caller's transaction, as `write_scenario` does.

    Raises
    ------
    ConflictError
        Another one has that name.
    RowsError
        Its change is not JSON.
    """
    values = {name: getattr(scenario, name) for name in _NAMES}
    values["change"] = dump_document(scenario.change, f"scenario {scenario.name}")
    saved = find_scenario(connection, scenario.name)
    if saved is None:
        connection.execute(insert(scenarios), values)
        actor = by or Actor(f"author:{scenario.author}")
        entry = AuditEntry(actor, "scenarios.create", f"scenario:{scenario.name}")
        append_audit(connection, replace(entry, after_hash=digest_of(values)))
        return scenario
    if {**vars(saved), "created_at": None} != {**vars(scenario), "created_at": None}:
        raise ConflictError(
            f"scenario {scenario.name!r}, saved by {saved.author} with other contents",
            "a name that is not taken",
            "choose another name: what was said under this one stays on record",
        )
    return saved


def find_scenario(connection: Connection, name: str) -> SavedScenario | None:
    """Return the scenario of a name; ``None`` if there is none."""
    query = select(*[scenarios.c[one] for one in _NAMES]).where(scenarios.c.name == name)
    row = connection.execute(query).mappings().first()
    return None if row is None else _scenario(row)


def read_scenarios(ledger: Ledger, period: str | None = None) -> list[SavedScenario]:
    """Return the saved scenarios, newest first; only those of a period if one is given."""
    query = select(*[scenarios.c[name] for name in _NAMES]).order_by(scenarios.c.id.desc())
    if period is not None:
        query = query.where(scenarios.c.period == period)
    with ledger.reading() as connection:
        return [_scenario(row) for row in connection.execute(query).mappings()]


def read_scenario(ledger: Ledger, name: str) -> SavedScenario:
    """Return the scenario of a name.

    Raises
    ------
    UsageError
        There is none.
    """
    found = [one for one in read_scenarios(ledger) if one.name == name]
    if not found:
        raise UsageError(
            f"scenario {name[:100]!r}, which was never saved",
            "a name that `truecast scenarios list` shows",
            "correct the name, or save it with `truecast scenarios add`",
        )
    return found[0]


def write_scenario_run(ledger: Ledger, run: ScenarioRun, by: Actor | None = None) -> None:
    """Append what a scenario said; the same run on the same forecast changes nothing.

    Raises
    ------
    UsageError
        There is no scenario of that name.
    RowsError
        Its result is not JSON.
    """
    read_scenario(ledger, run.name)
    values = {name: getattr(run, name) for name in _RUN_NAMES}
    values["result"] = dump_document(run.result, f"the result of scenario {run.name}")
    with ledger.writing() as connection:
        key = connection.scalar(select(scenarios.c.id).where(scenarios.c.name == run.name))
        same = (
            scenario_runs.c.scenario_id == key,
            scenario_runs.c.forecast_run_id == run.forecast_run_id,
        )
        if connection.scalar(select(scenario_runs.c.id).where(*same)) is None:
            connection.execute(insert(scenario_runs), {**values, "scenario_id": key})
            entry = AuditEntry(by or Actor("unknown"), "scenarios.run", f"scenario:{run.name}")
            append_audit(connection, replace(entry, after_hash=digest_of(values["result"])))


def read_scenario_runs(ledger: Ledger, name: str) -> list[ScenarioRun]:
    """Return what a scenario said on each forecast it was run on, newest first."""
    query = (
        select(scenarios.c.name, *[scenario_runs.c[one] for one in _RUN_NAMES])
        .join(scenarios, scenarios.c.id == scenario_runs.c.scenario_id)
        .where(scenarios.c.name == name)
        .order_by(scenario_runs.c.id.desc())
    )
    with ledger.reading() as connection:
        return [
            ScenarioRun(**{**row, "result": parse_document(row["result"])})
            for row in connection.execute(query).mappings()
        ]


def now() -> datetime:
    """Return the present UTC instant: when a scenario is saved or run."""
    return datetime.now(UTC)


def _scenario(row: RowMapping) -> SavedScenario:
    return SavedScenario(**{**row, "change": parse_document(row["change"])})
