"""The command of business measures: MRR movements, retention, revenue, CLV:CAC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

import pyarrow.compute as pc
import typer

from lifecycle.console import Console
from lifecycle.currencies import MINOR_DIGITS
from lifecycle.errors import DataError, ModelNotFoundError, NotEnoughHistoryError, RefusedError
from lifecycle.metrics.acquisition import Acquisition, measure_channels, measure_cohorts
from lifecycle.metrics.movements import (
    KINDS,
    Movement,
    build_movements,
    check_reconciled,
    read_balances,
    sum_by_month,
    sum_paid,
)
from lifecycle.metrics.retention import Retention, measure_retention
from lifecycle.metrics.revenue import Billing, measure_billing
from lifecycle.options import AsOf, DataDir, Json
from lifecycle.periods import add_months, parse_as_of
from lifecycle.snapshot import Snapshot
from models.clv.contract.portfolio import Interval, NetRetention
from models.clv.contract.value import ContractValue
from models.scoring import load_model
from service.cli_jobs import load_place
from service.refresh.place import Place, open_snapshot
from service.refresh.releases import choose_releases, nearest_release
from service.refresh.routes import CONTRACTUAL, build_route
from service.refresh.scoring import CLV

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

MONTHS_SHOWN = 12
YEAR_DAYS, FIVE_YEARS_DAYS = 365, 1825
EVERYBODY = "all"


@app.callback()
def _group() -> None:
    """Show business measures."""  # an app of one command would not expect that command's name


@app.command("metrics", epilog="Example: truecast metrics --as-of 2024-12-30")
def metrics_command(as_of: AsOf, data_dir: DataDir = None, json_mode: Json = False) -> None:
    """Show MRR movements, NRR and GRR by segment, billing, and CLV:CAC by cohort and channel."""
    console, place = Console(json_mode), load_place(data_dir)
    snapshot = open_snapshot(place, parse_as_of(as_of, place.zone))
    movements = build_movements(snapshot)
    if not movements:
        raise NotEnoughHistoryError(
            f"no contract known before {snapshot.day}",
            "subscriptions",
            "ingest them (tables subscriptions and subscription_changes)",
        )
    fault = _find_fault(snapshot, movements)
    retention, billing = _retention(snapshot, movements), measure_billing(snapshot)
    book = _value_book(snapshot, place, movements)
    cohorts = measure_cohorts(snapshot, movements, book.totals)
    channels = measure_channels(snapshot, movements, book.totals)
    console.mark(synthetic=place.synthetic)
    if fault:
        console.say(f"warning: {fault}")
    digits = 10 ** MINOR_DIGITS.get(place.currency, 2)
    _show_movements(console, snapshot.day, movements, digits=digits)
    _show_retention(console, retention, book)
    _show_billing(console, billing, place, digits=digits)
    for title, found in (("quarter won", cohorts[-8:]), ("channel", channels)):
        _show_acquisition(console, title, found, digits=digits)
    _show_book(console, book, place, digits=digits)
    about = {"as_of": snapshot.day.isoformat(), "currency": place.currency}
    console.emit(
        {
            **about,
            "synthetic": place.synthetic,
            "unreconciled": fault,
            "movements": {str(month): sums for month, sums in sum_by_month(movements).items()},
            "retention": {name: _document(one) for name, one in retention.items()},
            "billing": asdict(billing),
            "residual_value": None if book.interval is None else asdict(book.interval),
            "implied_nrr": {one.segment: one.implied for one in book.retention},
            "cohorts": [_ratio(one) for one in cohorts],
            "channels": [_ratio(one) for one in channels],
        }
    )


def _find_fault(snapshot: Snapshot, movements: Sequence[Movement]) -> str | None:
    """Return what does not reconcile: one broken line must not take all other figures away."""
    try:
        check_reconciled(snapshot, movements)
    except DataError as error:
        return str(error)
    return None


def _retention(snapshot: Snapshot, movements: Sequence[Movement]) -> dict[str, Retention]:
    """Compare today's balances with those of a year ago, for all and by segment.

    Empty where the record of anything but beginnings is younger than that: of the time before, an
    export tells only those who stayed, and 100 % would be no finding.
    """
    day = snapshot.day - timedelta(days=YEAR_DAYS)
    changed = [one.effective_on for one in movements if one.kind != "new"]
    if not changed or day < min(changed):
        return {}
    start, end = read_balances(movements, day), read_balances(movements, snapshot.day)
    accounts = snapshot.table("accounts").select("account_id", "segment")
    segment = {
        row["account_id"]: row["segment"] or "" for row in snapshot.collect(accounts).to_pylist()
    }
    found = {EVERYBODY: measure_retention(start, end)}
    for name in sorted({segment.get(account, "") for account in start} - {""}):
        mine = {account: mrr for account, mrr in start.items() if segment.get(account) == name}
        found[name] = measure_retention(mine, end)
    return found


@dataclass(frozen=True)
class _Book:
    """What all accounts under contract are worth, where a released model can say it."""

    totals: Mapping[str, float] = field(default_factory=dict)
    interval: Interval | None = None
    retention: Sequence[NetRetention] = ()


def _value_book(snapshot: Snapshot, place: Place, movements: Sequence[Movement]) -> _Book:
    """Value the book: its interval with common shocks, implied NRR, and totals by account.

    Who left keeps the margin on what was paid: without them a cohort would be worth what its
    survivors are.
    """
    try:
        releases = choose_releases(place.open_ledger(), snapshot.day)
    except (ModelNotFoundError, RefusedError):
        return _Book()
    release = nearest_release(releases, CLV, route=CONTRACTUAL, horizon_days=FIVE_YEARS_DAYS)
    if release is None:
        return _Book()
    frame = build_route(snapshot, CONTRACTUAL, frames_dir=place.frames_dir).frame
    model = load_model(place.bundles_dir, release.digest)
    if not isinstance(model, ContractValue) or not frame.num_rows:
        return _Book()  # a rule that knows no lifetime serves
    known = pc.mean(pc.if_else(pc.is_nan(frame["margin_share"]), None, frame["margin_share"]))
    margin = known.as_py() if known.is_valid else 1.0
    live = read_balances(movements, snapshot.day)
    totals = {
        account: margin * paid
        for account, paid in sum_paid(movements, snapshot.day).items()
        if account not in live
    }
    details = model.detail(frame, model.explain(frame))
    for name, detail in zip(frame["account_id"].to_pylist(), details, strict=True):
        if detail["total_minor"] is not None:
            totals[name] = float(detail["total_minor"])
    return _Book(totals, model.portfolio(frame), model.retention(frame))


def _show_movements(
    console: Console, day: date, movements: Sequence[Movement], *, digits: int
) -> None:
    first = add_months(day.replace(day=1), -MONTHS_SHOWN)
    balance = sum(read_balances(movements, first).values())
    rows: list[list[object]] = []
    for month, sums in sum_by_month(movements).items():
        if month >= first:
            balance += sum(sums.values())
            steps = [f"{sums[kind] / digits:+,.0f}" for kind in KINDS]
            rows.append([f"{month:%Y-%m}", *steps, f"{balance / digits:,.0f}"])
    console.table("MRR movements", ["month", *KINDS, "MRR after"], rows)


def _show_retention(console: Console, retention: Mapping[str, Retention], book: _Book) -> None:
    if not retention:
        console.say("retention: not observed, the record of changes is younger than a year")
        return
    implied = {one.segment: f"{one.implied:.1%}" for one in book.retention}
    rows: list[list[object]] = [
        [
            name,
            one.customers_count,
            f"{one.nrr:.1%}",
            implied.get(name, ""),
            f"{one.grr:.1%}",
            f"{one.logo:.1%}",
        ]
        for name, one in retention.items()
    ]
    columns = ["segment", "customers", "NRR", "NRR implied ahead", "GRR", "logos"]
    console.table("retention over twelve months", columns, rows)


def _show_book(console: Console, book: _Book, place: Place, *, digits: int) -> None:
    if book.interval is None:
        console.say("no lifetime values: run `truecast train clv` to see CLV:CAC")
        return
    low, middle, high = (
        f"{value / digits:,.0f}"
        for value in (
            book.interval.p10_minor,
            book.interval.expected_minor,
            book.interval.p90_minor,
        )
    )
    console.say(
        f"residual value of the book over 60 months: {middle} expected, {low} to {high}"
        f" {place.currency} in four of five futures"
    )


def _show_billing(console: Console, billing: Billing, place: Place, *, digits: int) -> None:
    if not billing.invoiced_minor:
        console.say("no invoices known")
        return
    console.say(
        f"invoiced {billing.invoiced_minor / digits:,.2f} = recognised"
        f" {billing.recognised_minor / digits:,.2f} + deferred"
        f" {billing.deferred_minor / digits:,.2f} {place.currency}"
    )


def _show_acquisition(
    console: Console, title: str, found: Sequence[Acquisition], *, digits: int
) -> None:
    def money(value: float | None) -> str:
        return "" if value is None else f"{value / digits:,.0f}"

    rows: list[list[object]] = [
        [
            one.group,
            one.customers_count,
            money(one.cac_minor),
            money(one.clv_minor),
            "" if one.clv_to_cac is None else f"{one.clv_to_cac:.1f}",
        ]
        for one in found
    ]
    if rows:
        console.table(f"CLV:CAC by {title}", [title, "won", "CAC", "CLV", "CLV:CAC"], rows)


def _document(one: Retention) -> dict[str, Any]:
    shares = {"nrr": one.nrr, "grr": one.grr, "logo": one.logo}
    finite = {name: value if value == value else None for name, value in shares.items()}
    return {**asdict(one), **finite}


def _ratio(one: Acquisition) -> dict[str, Any]:
    return {**asdict(one), "cac_minor": one.cac_minor, "clv_to_cac": one.clv_to_cac}
