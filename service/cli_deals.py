"""The command of deals: who wins, what slips, what stands still, and how commits compare."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.deals import DealFilters, DealPosition, DealRow, DealSort, read_deals
from ledger.engine import Ledger
from ledger.issued_deals import IssuedDeal, read_deal
from ledger.owner_bias import OwnerBiasRow, read_owner_bias
from ledger.runs import Run, read_current_run
from lifecycle.console import Console
from lifecycle.currencies import MINOR_DIGITS
from lifecycle.errors import NoScoresError, UsageError
from lifecycle.options import DataDir, Json
from lifecycle.periods import Quarter
from service.cli_jobs import load_place
from service.files import check_out, write_rows
from service.refresh.place import Place

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

PAGE_COUNT = 1_000
SHOWN_COUNT = 20
KINDS = ("new_business", "expansion")


@app.callback()
def deals() -> None:
    """Keep ``deals`` a command of its own name."""


@app.command("deals", epilog="Example: truecast deals --sort slip --quarter 2012Q1 --out deals.csv")
def deals_command(
    deal: Annotated[
        str | None, typer.Argument(help="One deal's id: its chances, reasons and moves.")
    ] = None,
    sort: Annotated[DealSort, typer.Option(help="Order, the largest first.")] = DealSort.win,
    owner: Annotated[str | None, typer.Option(help="Only this owner's.")] = None,
    team: Annotated[str | None, typer.Option(help="Only this team's.")] = None,
    segment: Annotated[str | None, typer.Option(help="Only this segment's.")] = None,
    kind: Annotated[str | None, typer.Option(help="new_business or expansion.")] = None,
    quarter: Annotated[
        str | None, typer.Option(help="Expected close in this fiscal quarter, such as 2012Q1.")
    ] = None,
    stalled: Annotated[
        bool | None, typer.Option("--stalled/--moving", help="Only those that stand still.")
    ] = None,
    bias: Annotated[bool, typer.Option("--bias", help="Owners' commits against wins.")] = False,
    out: Annotated[Path | None, typer.Option(help="File to write: .csv or .parquet.")] = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Show the open deals as scored last, one deal, or how owners' commits compare with wins."""
    _check_words(kind, out)
    _check_one(deal=deal is not None, bias=bias, out=out)
    console, place = Console(json_mode), load_place(data_dir)
    first, end = _span(quarter, place)
    wanted = DealFilters(
        owner, team, segment, kind, stalled=stalled, close_from=first, close_before=end
    )
    ledger = place.open_ledger()
    try:
        run = _current(ledger)
        console.mark(synthetic=place.synthetic)
        if deal is not None:
            _show_deal(console, read_deal(ledger, deal), deal, place=place)
        elif bias:
            _show_bias(console, read_owner_bias(ledger, run_id=run.run_id, owner_id=owner,
                       team=team), place=place)  # fmt: skip
        else:
            _show_all(console, run, _read_all(ledger, wanted, sort), out=out, place=place)
    finally:
        ledger.close()


def _check_words(kind: str | None, out: Path | None) -> None:
    if kind is not None and kind not in KINDS:
        raise UsageError(f"kind {kind[:40]!r}", " or ".join(KINDS), "correct --kind")
    if out is not None:
        check_out(out)


def _check_one(*, deal: bool, bias: bool, out: Path | None) -> None:
    if deal and bias:
        raise UsageError("one deal and --bias", "one of them", "ask for them apart")
    if out is not None and (deal or bias):
        raise UsageError("--out beside one deal or --bias", "the list of deals", "use --json")


def _span(quarter: str | None, place: Place) -> tuple[Any, Any]:
    if quarter is None:
        return None, None
    found = Quarter.parse(quarter, place.calendar)
    return found.start, found.end


def _current(ledger: Ledger) -> Run:
    run = read_current_run(ledger, "deals")
    if run is None:
        raise NoScoresError(
            "no deals were scored yet",
            "at least one run with open deals",
            "run `truecast train deal_win`, then `truecast refresh`",
        )
    return run


def _read_all(ledger: Ledger, wanted: DealFilters, sort: DealSort) -> list[DealRow]:
    rows: list[DealRow] = []
    cursor: DealPosition | None = None
    while True:
        page = read_deals(ledger, wanted, sort=sort, cursor=cursor, limit=PAGE_COUNT)
        rows += page.rows if page else []
        cursor = page.following if page else None
        if cursor is None:
            return rows


def _show_all(
    console: Console, run: Run, rows: list[DealRow], *, out: Path | None, place: Place
) -> None:
    head = {"as_of": run.as_of.isoformat(), "synthetic": place.synthetic}
    if out is not None:
        write_rows([{**head, **_flat(row)} for row in rows], out)
        console.say(f"{len(rows):,} deals → {out}")
        console.emit({**head, "rows": len(rows), "out": str(out)})
        return
    names = ("opportunity_id", "account_name", "owner_id", "stage", "close_on", "p_win", "p_slip",
             "stalled_days")  # fmt: skip
    titles = ["deal", "account", "owner", "stage", "closes", "wins", "slips", "stalled days",
              "amount", "in quarter", "first reason"]  # fmt: skip
    shown = [
        [*[getattr(row, name) for name in names], _money(row.amount_minor, row.currency),
         _money(row.expected_in_quarter_minor, row.currency), _first_reason(row)]
        for row in rows[:SHOWN_COUNT]
    ]  # fmt: skip
    if shown:
        title = f"Open deals as of {run.as_of}: {len(rows):,}, the first {len(shown)} shown"
        console.table(title, titles, shown)
    else:
        console.say(f"no open deal as of {run.as_of} is of that kind")
    console.emit({**head, "deals": [asdict(row) for row in rows]})


def _show_deal(console: Console, issued: list[IssuedDeal], deal: str, *, place: Place) -> None:
    if not issued:
        raise UsageError(
            f"deal {deal[:64]!r}, which was never scored",
            "an id that `truecast deals` lists: renewals and deals created closed are not scored",
            "correct the id, or ingest the deal and run `truecast refresh`",
        )
    newest, row = issued[0], issued[0].row
    facts = ("stage", "category", "owner_id", "close_on", "p_win_quarter", "p_win_eventual",
             "p_slip", "stalled_days", "push_count")  # fmt: skip
    table = [[name, getattr(row, name)] for name in facts]
    table += [
        [name, _money(getattr(row, name), row.currency)]
        for name in ("amount_minor", "expected_amount_minor", "expected_in_quarter_minor")
    ]
    console.table(f"{deal} as of {newest.run.as_of}", ["what", "is"], table)
    for reason in row.reasons:
        console.say(f"{reason['direction']}: {reason.get('label') or reason['group']}")
    for evidence in (row.detail or {}).get("evidence") or []:
        console.say(f"compare: {evidence['text']}")
    moves = [
        [one["at"][:10], one["field"].removesuffix("_minor")]
        + [_plain(one[name], one["field"], row.currency) for name in ("before", "after")]
        for one in row.history or []
    ]
    if moves:
        console.table("Moves", ["on", "what", "from", "to"], moves)
    told = [{"as_of": one.run.as_of, "p_win": one.row.p_win} for one in issued[1:]]
    head = {"as_of": newest.run.as_of, "current": newest.current, "synthetic": place.synthetic}
    console.emit({**head, "model_version": newest.model_version, **asdict(row), "scores": told})


def _show_bias(console: Console, rows: list[OwnerBiasRow], *, place: Place) -> None:
    names = ("owner_id", "team", "label", "ratio", "ratio_low", "ratio_high",
             "beside_others", "p_beyond", "deals_count", "late_share", "won_count")  # fmt: skip
    titles = ["owner", "team", "label", "won / committed", "low", "high", "beside others",
              "P(> 10 % off)", "n", "late", "wins"]  # fmt: skip
    if rows:
        table = [[getattr(row, name) for name in names] for row in rows]
        console.table("Commits and wins by owner", titles, table)
    else:
        console.say("no owner has committed to or won a deal of an ended quarter")
    console.emit({"synthetic": place.synthetic, "owners": [asdict(row) for row in rows]})


def _flat(row: DealRow) -> dict[str, Any]:
    """Return a row of plain values: documents as JSON text."""
    return {
        name: json.dumps(value) if isinstance(value, dict | list) else value
        for name, value in asdict(row).items()
    }


def _plain(value: Any, field: str, currency: str | None) -> Any:
    return _money(value, currency) if field == "amount_minor" else value


def _money(minor: int | None, currency: str | None) -> str | None:
    if minor is None:
        return None
    return f"{minor / 10 ** MINOR_DIGITS.get(currency or '', 2):,.0f} {currency or ''}".rstrip()


def _first_reason(row: DealRow) -> str | None:
    if not row.reasons:
        return None
    return str(row.reasons[0].get("label") or row.reasons[0].get("group") or "")
