"""The commands of scenarios: save a what-if of a quarter, list, run and show what it came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from ledger.job_effects import find_asker
from ledger.scenarios import (
    SavedScenario,
    ScenarioRun,
    now,
    read_scenario,
    read_scenario_runs,
    read_scenarios,
    write_scenario,
    write_scenario_run,
)
from lifecycle.console import Console
from lifecycle.currencies import MINOR_DIGITS
from lifecycle.errors import UsageError
from lifecycle.options import DataDir, Json
from lifecycle.periods import Quarter
from models.forecast.raw import BOOKINGS, ORDERS, TARGETS
from models.forecast.scenarios import Scenario, Toggle, to_document
from service.cli_access import operator
from service.cli_jobs import load_place
from service.refresh.place import Place
from service.scenario_runs import simulate_saved

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
commands = typer.Typer(no_args_is_help=True, help="Named what-ifs of a quarter.")
app.add_typer(commands, name="scenarios")

Name = Annotated[str, typer.Argument(help="The scenario's name.")]
Many = list[str] | None
Of = Annotated[str, typer.Option(help="Fiscal quarter, such as 2012Q1.")]
Why = Annotated[str, typer.Option(help="Why anybody should suppose so.")]
Who = Annotated[str, typer.Option(help="Who supposes it.")]
What = Annotated[str, typer.Option(help=f"One of {', '.join(TARGETS)}, but for orders.")]
Won = Annotated[Many, typer.Option(help="Deal that is won; may be repeated.")]
Lost = Annotated[Many, typer.Option(help="Deal that is lost.")]
Move = Annotated[Many, typer.Option(help="DEAL=QUARTER: closes in that quarter.")]
Amount = Annotated[Many, typer.Option(help="DEAL=MONEY: its amount, in whole units.")]
Shock = Annotated[Many, typer.Option(help="win|volume|amount|churn=VALUE, in log odds or logs.")]
Hiring = Annotated[
    str | None, typer.Option(help="FACTOR or FACTOR@WEEK: times as many deals from a week on.")
]
Pipeline = Annotated[str | None, typer.Option(help="Money of deals created now.")]
Save = Annotated[Many, typer.Option(help="Account that stays.")]
Leave = Annotated[Many, typer.Option(help="Account that leaves.")]


@app.callback()
def scenarios() -> None:
    """Keep ``scenarios`` a group of its own name."""


@commands.command(
    "add",
    epilog="Example: truecast scenarios add 'Acme signs' --period 2012Q1 --won O0000412 "
    "--rationale 'verbal yes of their board' --author kim",
)
def add_command(
    name: Name,
    period: Of,
    rationale: Why,
    author: Who,
    definition: What = BOOKINGS,
    won: Won = None,
    lost: Lost = None,
    move: Move = None,
    amount: Amount = None,
    shock: Shock = None,
    hiring: Hiring = None,
    pipeline: Pipeline = None,
    save: Save = None,
    leave: Leave = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Save a scenario; it never changes. Deals and accounts are checked when it is run."""
    console, place = Console(json_mode), load_place(data_dir)
    factor, week = _hiring(hiring)
    scenario = Scenario(
        name=name,
        rationale=rationale,
        author=author,
        target=_definition(definition),
        period=str(Quarter.parse(period, place.calendar)),
        toggles=_toggles([(won, "won"), (lost, "lost")], move, amount, place=place),
        shocks={key: _number(value) for key, value in _pairs(shock, "--shock")},
        hiring_factor=factor,
        hiring_from_week=week,
        extra_pipeline_minor=0.0 if pipeline is None else float(_minor(pipeline, place)),
        saved=tuple(save or ()),
        leaving=tuple(leave or ()),
    )
    _save(scenario, console, place)


@commands.command("list", epilog="Example: truecast scenarios list --period 2012Q1")
def list_command(
    period: Annotated[str | None, typer.Option(help="Only of this quarter.")] = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """List saved scenarios, newest first, with what each came to last."""
    console, place = Console(json_mode), load_place(data_dir)
    wanted = None if period is None else str(Quarter.parse(period, place.calendar))
    ledger = place.open_ledger()
    try:
        found = read_scenarios(ledger, wanted)
        runs = {one.name: read_scenario_runs(ledger, one.name)[:1] for one in found}
    finally:
        ledger.close()
    console.mark(synthetic=place.synthetic)
    rows = [[one.name, one.period, one.target, one.author, *_last(runs[one.name], place)]
            for one in found]  # fmt: skip
    if rows:
        titles = ["name", "quarter", "of", "author", "run as of", f"P50, {place.currency}", "Δ P50"]
        console.table("Scenarios", titles, rows)
    else:
        console.say("no scenario was saved yet: `truecast scenarios add --help` has an example")
    told = [{**_head(one), "last": [_run(run) for run in runs[one.name]]} for one in found]
    console.emit({"synthetic": place.synthetic, "scenarios": told})


@commands.command("run", epilog="Example: truecast scenarios run 'Acme signs'")
def run_command(name: Name, data_dir: DataDir = None, json_mode: Json = False) -> None:
    """Simulate a scenario on the newest forecast's inputs, beside it, and keep what it says."""
    console, place = Console(json_mode), load_place(data_dir)
    ledger = place.open_ledger()
    try:
        saved = read_scenario(ledger, name)
        run = simulate_saved(ledger, saved, place.calendar)
        write_scenario_run(ledger, run, find_asker(ledger, operator()))
    finally:
        ledger.close()
    console.mark(synthetic=place.synthetic)
    _show(console, run, place)
    console.emit({**_head(saved), **_run(run), "synthetic": place.synthetic})


@commands.command("show", epilog="Example: truecast scenarios show 'Acme signs' --json")
def show_command(name: Name, data_dir: DataDir = None, json_mode: Json = False) -> None:
    """Show what is supposed, why and by whom, and what it came to on each forecast."""
    console, place = Console(json_mode), load_place(data_dir)
    ledger = place.open_ledger()
    try:
        saved, runs = read_scenario(ledger, name), read_scenario_runs(ledger, name)
    finally:
        ledger.close()
    console.mark(synthetic=place.synthetic)
    console.say(f"{saved.name} ({saved.target} {saved.period}), by {saved.author}")
    console.say(f"because: {saved.rationale}")
    for run in runs[:1]:
        _show(console, run, place)
    if not runs:
        console.say(f"not run yet: `truecast scenarios run {name!r}`")
    told = {**_head(saved), "runs": [_run(run) for run in runs]}
    console.emit({**told, "synthetic": place.synthetic})


def _save(scenario: Scenario, console: Console, place: Place) -> None:
    names = ("name", "target", "period", "rationale", "author")
    named = {one: getattr(scenario, one) for one in names}
    saved = SavedScenario(**named, change=to_document(scenario), created_at=now())
    ledger = place.open_ledger()
    try:
        kept = write_scenario(ledger, saved, operator())
    finally:
        ledger.close()
    console.mark(synthetic=place.synthetic)
    console.say(f"saved {saved.name!r}: `truecast scenarios run {saved.name!r}` simulates it")
    console.emit({**_head(kept), "synthetic": place.synthetic})


def _toggles(
    outcomes: Sequence[tuple[Many, str]], move: Many, amount: Many, *, place: Place
) -> tuple[Toggle, ...]:
    """Return one toggle per deal and outcome; a deal of two outcomes is refused later on."""
    amounts = {deal: _minor(money, place) for deal, money in _pairs(amount, "--amount")}
    told = [(deal, to) for deals, to in outcomes for deal in deals or ()]
    told += [
        (deal, str(Quarter.parse(wanted, place.calendar)))
        for deal, wanted in _pairs(move, "--move")
    ]
    found = [Toggle(deal, to, amounts.pop(deal, None)) for deal, to in told]
    return (*found, *(Toggle(deal, None, minor) for deal, minor in amounts.items()))


def _pairs(given: Many, option: str) -> Iterator[tuple[str, str]]:
    for text in given or ():
        name, sign, value = text.partition("=")
        if not (sign and name and value):
            raise UsageError(f"{option} {text[:64]!r}", "NAME=VALUE", f"correct {option}")
        yield name, value


def _number(text: str) -> float:
    try:
        return float(Decimal(text))
    except InvalidOperation as error:
        raise UsageError(f"{text[:40]!r}", "a number such as 0.2", "correct it") from error


def _minor(text: str, place: Place) -> int:
    """Read money in whole units of the company's currency."""
    return round(_number(text) * float(10 ** MINOR_DIGITS[place.currency]))


def _hiring(text: str | None) -> tuple[float, int]:
    if text is None:
        return 1.0, 0
    factor, _, week = text.partition("@")
    if week and not week.isdecimal():
        raise UsageError(f"--hiring {text[:40]!r}", "FACTOR@WEEK such as 1.2@4", "correct it")
    return _number(factor), int(week or 0)


def _definition(name: str) -> str:
    known = [one for one in TARGETS if one != ORDERS]
    if name not in known:
        raise UsageError(f"definition {name[:40]!r}", f"one of {', '.join(known)}", "correct it")
    return name


def _head(saved: SavedScenario) -> dict[str, Any]:
    return {**asdict(saved), "created_at": saved.created_at.isoformat()}


def _run(run: ScenarioRun) -> dict[str, Any]:
    told = {name: value for name, value in asdict(run).items() if name != "name"}
    return {**told, "origin": str(run.origin), "computed_at": run.computed_at.isoformat()}


def _last(runs: Sequence[ScenarioRun], place: Place) -> list[Any]:
    if not runs:
        return [None, None, None]
    told = runs[0].result
    money = [told["scenario"]["p50_minor"], told["delta"]["p50_minor"]]
    return [runs[0].origin, *[_major(one, place) for one in money]]


def _show(console: Console, run: ScenarioRun, place: Place) -> None:
    told = run.result
    names = ("p10_minor", "p50_minor", "p90_minor", "mean_minor")
    rows = []
    for side in ("base", "scenario", "delta"):
        money = [_major(told[side][name], place) for name in names]
        rows.append([side, *money, told[side]["p_hit"]])
    title = f"{run.name} on the forecast as of {run.origin}, {place.currency}"
    console.table(title, ["", "P10", "P50", "P90", "mean", "P(hit)"], rows)
    moved = [
        [one["node"], *[_major(one[side]["mean_minor"], place) for side in ("base", "scenario")],
         _major(one["delta"]["mean_minor"], place)]
        for one in told["nodes"]
    ]  # fmt: skip
    if moved:
        console.table("Where it moves, means", ["node", "base", "scenario", "Δ"], moved)


def _major(minor: float, place: Place) -> str:
    return f"{minor / 10 ** MINOR_DIGITS[place.currency]:,.0f}"
