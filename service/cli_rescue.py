"""The commands of rescue work: interventions, at-risk."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.audit import AuditEntry, note_action
from ledger.holdouts import HELD_OUT, read_campaigns, read_holdouts
from ledger.rescue import RescueReport, read_rescue
from ledger.track_record import read_track_record
from ledger.views import AtRiskFilters, AtRiskRow, AtRiskSort, read_at_risk
from lifecycle.console import Console
from lifecycle.errors import NoScoresError, UsageError
from lifecycle.lake import Lake
from lifecycle.options import DataDir, Json
from service.cli_access import operator
from service.cli_jobs import load_place
from service.cli_record import check_route, major, show_records
from service.files import check_out, write_rows
from service.refresh.interventions import (
    FILE_COLUMNS,
    Intervention,
    check_accounts,
    parse_instant,
    parse_intervention,
    read_file,
    record_work,
)
from service.refresh.place import CAMPAIGN, Place, open_snapshot

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
interventions = typer.Typer(no_args_is_help=True, help="Record rescue work, and ask what it did.")
app.add_typer(interventions, name="interventions")

Route = Annotated[str | None, typer.Option(help="Only contractual or non_contractual.")]
PAGE_COUNT = 1_000
SHOWN_COUNT = 20


@interventions.command(
    "record", epilog="Example: truecast interventions record A17 --kind call --outcome reached"
)
def record_command(
    account: Annotated[
        str | None, typer.Argument(help="Account id; leave out with --file.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="call, visit, training, offer, discount, executive, …")
    ] = None,
    started_at: Annotated[
        str | None, typer.Option(help="Day or instant at which it was begun; default: today.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Who did it.")] = None,
    campaign: Annotated[str, typer.Option(help="Part of which programme.")] = CAMPAIGN,
    outcome: Annotated[str | None, typer.Option(help="What came of it, in a few words.")] = None,
    cost_minor: Annotated[int | None, typer.Option(help="What it cost, minor units.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="CSV with account_id, kind and optional columns.")
    ] = None,
    known_at: Annotated[
        str | None, typer.Option(help="Day or instant from which it was known; default: now.")
    ] = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Record rescue work into the lake, one piece or a CSV file; the same again changes nothing."""
    console, place = Console(json_mode), load_place(data_dir)
    if (account is None) == (file is None):
        given = "neither an account nor a file" if account is None else "an account and a file"
        raise UsageError(given, "ACCOUNT --kind K, or --file CSV")
    cost = None if cost_minor is None else str(cost_minor)
    told = (account, kind, started_at, owner, campaign, outcome, cost)
    if file is None:
        work = [parse_intervention(dict(zip(FILE_COLUMNS, told, strict=True)), place.zone)]
    else:
        work = read_file(file, place.zone)
    check_accounts(work, open_snapshot(place, datetime.now(UTC)))
    _note(place, "interventions.record", f"{len(work)} pieces of work")
    instant = None if known_at is None else parse_instant(known_at, place.zone)
    report = record_work(Lake(place.lake_dir), work, currency=place.currency, known_at=instant)
    _show_recorded(console, work, 0 if report.repeated else report.added, _held_out(place, work))


@interventions.command("report", epilog="Example: truecast interventions report --json")
def report_command(
    campaign: Annotated[str, typer.Option(help="Whose draws.")] = CAMPAIGN,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Report accuracy, loss and leave rates with and without treated accounts, and of held out."""
    console, place = Console(json_mode), load_place(data_dir)
    ledger = place.open_ledger()
    drawn = read_campaigns(ledger)
    records = read_track_record(ledger, "churn")
    report = read_rescue(ledger, campaign)
    ledger.close()
    if campaign not in {CAMPAIGN, *drawn}:
        known = ", ".join(sorted({CAMPAIGN, *drawn}))
        raise UsageError(f"campaign {campaign[:40]!r}, which drew nobody", known[:400])
    console.mark(synthetic=place.synthetic)
    show_records(console, records, place)
    _show_rescue(console, report, place)
    console.emit(
        {
            "synthetic": place.synthetic,
            "records": [asdict(one) for one in records],
            "rescue": asdict(report),
        }
    )


@app.command("at-risk", epilog="Example: truecast at-risk --route contractual --out risk.csv")
def at_risk_command(
    out: Annotated[Path | None, typer.Option(help="File to write: .csv or .parquet.")] = None,
    route: Route = None,
    status: Annotated[str, typer.Option(help="at_risk, lapsed, notice_given or all.")] = "at_risk",
    sort: Annotated[AtRiskSort, typer.Option(help="Order.")] = AtRiskSort.expected_loss,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Show the newest at-risk list of both routes, or write all of it to a file."""
    check_route(route)
    if status not in {"at_risk", "lapsed", "notice_given", "all"}:
        raise UsageError(f"status {status[:40]!r}", "at_risk, lapsed, notice_given or all")
    if out is not None:
        check_out(out)
    console, place = Console(json_mode), load_place(data_dir)
    filters = AtRiskFilters(route=route, status=None if status == "all" else status)
    rows = _read_list(place, filters, sort)
    console.mark(synthetic=place.synthetic)
    if out is not None:
        _note(place, "export", f"at-risk: {len(rows)} accounts")
        write_rows([_flat(row, place) for row in rows], out)
        console.say(f"{len(rows):,} accounts → {out}")
        console.emit({"rows": len(rows), "out": str(out), "synthetic": place.synthetic})
        return
    _show_list(console, rows, place)
    console.emit({"synthetic": place.synthetic, "accounts": [asdict(row) for row in rows]})


def _note(place: Place, action: str, what: str) -> None:
    """Keep in the audit log what is about to be done outside the ledger."""
    ledger = place.open_ledger()
    note_action(ledger, AuditEntry(operator(), action, what))
    ledger.close()


def _read_list(place: Place, filters: AtRiskFilters, sort: AtRiskSort) -> list[AtRiskRow]:
    ledger, rows, cursor = place.open_ledger(), [], None
    while True:
        page = read_at_risk(ledger, filters, sort=sort, cursor=cursor, limit=PAGE_COUNT)
        if page is None:
            raise NoScoresError(
                "no scores were published yet", "at least one run", "run `truecast refresh`"
            )
        rows += page.rows
        cursor = page.following
        if cursor is None:
            ledger.close()
            break
    if sort is AtRiskSort.expected_loss:
        # of equal losses (none is left once notice was given) the rank decides
        rows.sort(key=lambda row: (-row.expected_loss_minor, row.rank))
    return rows


def _show_recorded(
    console: Console, work: list[Intervention], added: int, held_out: list[str]
) -> None:
    console.say(f"{added} recorded, {len(work) - added} known already")
    for account_id in held_out:
        console.say(f"{account_id} is held out: it was to be left alone, for comparison")
    console.emit({"recorded": added, "given": len(work), "held_out": held_out})


def _held_out(place: Place, work: list[Intervention]) -> list[str]:
    ledger = place.open_ledger()
    drawn: dict[str, Any] = {}
    for campaign in sorted({CAMPAIGN, *(one.campaign for one in work if one.campaign)}):
        drawn |= {k: v for k, v in read_holdouts(ledger, campaign).items() if v.arm == HELD_OUT}
    ledger.close()
    return sorted({one.account_id for one in work} & set(drawn))


def _flat(row: AtRiskRow, place: Place) -> dict[str, Any]:
    """Return a row of plain values: documents as JSON text, and whether the facts are made up."""
    flat = {
        name: json.dumps(value) if isinstance(value, dict | list) else value
        for name, value in asdict(row).items()
    }
    return {**flat, "synthetic": place.synthetic}


def _show_list(console: Console, rows: list[AtRiskRow], place: Place) -> None:
    if not rows:
        console.say("the newest list has no account of that status and route")
        return
    names = ("rank", "account_id", "name", "status", "risk", "days_to_act", "treatment")
    titles = ["rank", "account", "name", "status", "risk", "days to act", "treatment"]
    titles += ["renews or leaves", f"value, {place.currency}", f"expected loss, {place.currency}"]
    shown = [
        [
            *[getattr(row, name) for name in names],
            row.leaving_on or row.renewal_on,
            major(row.value_if_kept_minor, place),
            major(row.expected_loss_minor, place),
            _first_reason(row),
        ]
        for row in rows[:SHOWN_COUNT]
    ]
    title = f"Accounts listed: {len(rows):,}, the first {len(shown)} shown"
    console.table(title, [*titles, "first reason"], shown)


def _first_reason(row: AtRiskRow) -> str | None:
    if not row.reasons:
        return None
    first = row.reasons[0]
    return str(first.get("label") or first.get("group") or "")


def _show_rescue(console: Console, report: RescueReport, place: Place) -> None:
    names = ("name", "n", "left_count", "leave_rate", "leave_rate_low", "leave_rate_high",
             "mean_risk")  # fmt: skip
    titles = ["arm", "n", "left", "rate", "low", "high", "said"]
    money = [f"expected loss, {place.currency}", f"lost, {place.currency}"]
    rows = [
        [
            *[getattr(arm, name) for name in names],
            *[major(amount, place) for amount in (arm.expected_loss_minor, arm.lost_minor)],
        ]
        for arm in report.arms
    ]
    title = f"Campaign {report.campaign}: {report.drawn_count} drawn"
    console.table(title, titles + money, rows)
    if report.difference is not None:
        low, high = report.difference_low, report.difference_high
        console.say(f"contact less held out: {report.difference:+.3f} ({low:+.3f} to {high:+.3f})")
    console.say(report.verdict)
