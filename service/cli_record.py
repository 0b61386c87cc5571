"""The command of what came of issued scores: risks of accounts, and deals' chances beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from ledger.deal_record import DealRecord, read_deal_record
from ledger.deals import DEAL_WIN
from ledger.track_record import TrackRecord, read_track_record
from lifecycle.console import Console
from lifecycle.currencies import MINOR_DIGITS
from lifecycle.errors import UsageError
from lifecycle.options import DataDir, Json
from service.cli_jobs import load_place
from service.refresh.place import Place

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

CHURN = "churn"


@app.callback()
def records() -> None:
    """Keep ``track-record`` a command of its own name."""


@app.command("track-record", epilog="Example: truecast track-record deal_win --json")
def track_record_command(
    model: Annotated[str | None, typer.Argument(help="churn or deal_win; without it both.")] = None,
    route: Annotated[
        str | None, typer.Option(help="Of churn, only contractual or non_contractual.")
    ] = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Show how right issued risks and chances turned out to be, n beside every share."""
    if model not in {None, CHURN, DEAL_WIN}:
        todo = "`truecast models` has the others' cards"
        raise UsageError(f"model {str(model)[:40]!r}", f"{CHURN} or {DEAL_WIN}", todo)
    check_route(route)
    if route is not None and model == DEAL_WIN:
        raise UsageError(f"--route {route} of {DEAL_WIN}", "no route: deals have one", "leave it")
    console, place = Console(json_mode), load_place(data_dir)
    console.mark(synthetic=place.synthetic)
    told: dict[str, Any] = {"synthetic": place.synthetic}
    ledger = place.open_ledger()
    if model != DEAL_WIN:
        risks = [one for one in read_track_record(ledger, CHURN) if route in {None, one.route}]
        show_records(console, risks, place)
        _show_bins(console, risks)
        told["records"] = [asdict(one) for one in risks]
    if model == DEAL_WIN or (model is None and route is None):
        chances = read_deal_record(ledger)
        _show_deals(console, chances)
        told["deals"] = [asdict(one) for one in chances]
    ledger.close()
    console.emit(told)


def check_route(route: str | None) -> None:
    """Refuse a route of accounts that is none.

    Raises
    ------
    UsageError
        It is neither contractual nor non_contractual.
    """
    if route not in {None, "contractual", "non_contractual"}:
        raise UsageError(f"route {str(route)[:40]!r}", "contractual or non_contractual")


def show_records(console: Console, records: Sequence[TrackRecord], place: Place) -> None:
    """Show how right issued risks were, by route, horizon and group."""
    if not records:
        console.say("no score has matured yet: a refresh on a later day writes what happened")
        return
    names = ("route", "horizon_days", "group", "n", "accounts_count", "mean_risk", "leave_rate",
             "brier_skill", "auc", "lift_top_tenth")  # fmt: skip
    titles = ["route", "days", "group", "n", "accounts", "said", "left", "skill", "AUC", "lift"]
    money = [f"expected loss, {place.currency}", f"lost, {place.currency}"]
    rows = [
        [
            *[getattr(one, name) for name in names],
            *[major(amount, place) for amount in (one.expected_loss_minor, one.lost_minor)],
        ]
        for one in records
    ]
    console.table("Issued risks and what happened", titles + money, rows)


def major(minor: float, place: Place) -> str:
    """Return money in whole units of the company's currency, as people write it."""
    return f"{minor / 10 ** MINOR_DIGITS[place.currency]:,.0f}"


def _show_bins(console: Console, records: Sequence[TrackRecord]) -> None:
    names = ("n", "mean_risk", "leave_rate", "leave_rate_low", "leave_rate_high")
    for one in records:
        if one.bins:
            title = f"Said and seen: {one.route} over {one.horizon_days} days"
            rows = [
                [f"{b.risk_from:g}-{b.risk_to:g}", *[getattr(b, n) for n in names]]
                for b in one.bins
            ]
            console.table(title, ["risk", *names], rows)


def _show_deals(console: Console, records: Sequence[DealRecord]) -> None:
    if not records:
        console.say("no quarter of deals was judged yet: a refresh a month after its end does so")
        return
    names = ("model_version", "n", "deals_count", "quarters_count", "mean_chance", "win_rate",
             "brier", "brier_base", "brier_skill", "auc", "left_out_count")  # fmt: skip
    titles = ["version", "n", "deals", "quarters", "said", "won", "Brier", "of the rate", "skill",
              "AUC", "closed in bulk"]  # fmt: skip
    rows = [[getattr(one, name) for name in names] for one in records]
    console.table("Issued chances to win in the quarter, and what happened", titles, rows)
    bins = ("n", "mean_chance", "win_rate", "win_rate_low", "win_rate_high")
    told = [
        [f"{b.chance_from:g}-{b.chance_to:g}", *[getattr(b, name) for name in bins]]
        for b in records[0].bins
    ]
    console.table("Said and seen: all versions", ["chance", *bins], told)
