"""The commands of releases: promote one, or roll back to the one before; both are audited."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Annotated

import typer

from ledger.audit import AuditEntry, note_action
from ledger.audit_check import write_head
from ledger.engine import Ledger, attach_ledger
from ledger.promotion import PROMOTED, ROLLED_BACK, Decision, decide_release
from ledger.releases import (
    Release,
    read_champions,
    read_promoted,
    read_releases,
)
from lifecycle.console import Console
from lifecycle.errors import ConflictError, ModelNotFoundError, RefusedError
from lifecycle.options import DataDir, Json
from lifecycle.settings import load_existing
from service.cli_access import operator

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Reason = Annotated[str, typer.Option(help="Why, for the audit log; no contact values.")]


@app.command("promote")
def promote(
    version: Annotated[str, typer.Argument(help="As `truecast models` lists it.")],
    model: Annotated[str, typer.Option(help="Of which model, if several have that version.")] = "",
    *,
    reason: Reason = "",
    break_glass: Annotated[
        bool, typer.Option(help="Although you trained it; needs a reason, and the log is flagged.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Make a release the champion of its model, route and horizon; services follow in seconds.

    Nobody promotes what they trained.

    Example: truecast promote churn-90-20230102-9db8e2ca --reason "approved in review"
    """
    settings = load_existing(data_dir)
    with closing(attach_ledger(settings.ledger_address)) as ledger:
        release = _find(ledger, version, model)
        before = _speak(ledger, release, Decision(operator(), PROMOTED, reason, break_glass))
        write_head(ledger, settings.data_dir)
    _tell(Console(json), release, before)


@app.command("rollback")
def rollback(
    model: Annotated[str, typer.Argument(help="churn, clv, deal_win, …")],
    route: Annotated[str | None, typer.Option(help="Of which route, if there are several.")] = None,
    *,
    horizon_days: Annotated[int | None, typer.Option(help="Of which horizon.")] = None,
    reason: Reason = "",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Let the release speak again that spoke before the champion; services follow in seconds.

    Example: truecast rollback churn --route contractual --reason "wrong bands"
    """
    settings = load_existing(data_dir)
    with closing(attach_ledger(settings.ledger_address)) as ledger:
        champion = _find_champion(ledger, model, route, horizon_days)
        release = _find_before(ledger, champion)
        before = _speak(ledger, release, Decision(operator(), ROLLED_BACK, reason))
        write_head(ledger, settings.data_dir)
    _tell(Console(json), release, before)


def _find(ledger: Ledger, version: str, model: str) -> Release:
    found = [
        one
        for one in read_releases(ledger, model or None)
        if one.version == version and one.release_id is not None
    ]
    # trained again on the same facts, a model is the same to the bit: any of these will do
    if len({(one.model, one.route, one.horizon_days, one.digest) for one in found}) != 1:
        told = (
            f"{len(found)} releases {version[:60]!r}" if found else f"no release {version[:60]!r}"
        )
        raise ModelNotFoundError(
            told,
            "exactly one that `truecast models` lists",
            "correct it, or say of which --model",
        )
    return found[0]


def _find_champion(
    ledger: Ledger, model: str, route: str | None, horizon_days: int | None
) -> Release:
    found = [
        one
        for one in read_champions(ledger)
        if one.model == model
        and route in {None, one.route}
        and horizon_days in {None, one.horizon_days}
    ]
    if len(found) != 1:
        places = ", ".join(f"{one.route} {one.horizon_days} days" for one in found) or "none"
        raise ModelNotFoundError(
            f"champions of {model[:40]!r}: {places}", "exactly one", "--route or --horizon-days"
        )
    return found[0]


def _find_before(ledger: Ledger, champion: Release) -> Release:
    """Return the release that spoke last before a champion, whatever was promoted since.

    One of the same model, trained again on the same facts, is none: nothing would change.

    Raises
    ------
    ConflictError
        No other release ever had its place.
    """
    by_id = {one.release_id: one for one in read_releases(ledger, champion.model)}
    spoke = [by_id[release_id] for release_id in read_promoted(ledger, champion)]
    others = [one for one in spoke if _content(one) != _content(champion)]
    if not others:
        raise ConflictError(
            f"no release of {champion.model} spoke before {champion.version}",
            "an earlier champion of the same route and horizon",
            "train one, or promote a release by `truecast promote`",
        )
    return others[0]


def _content(release: Release) -> str:
    """Return what tells a model from others; a rule without a bundle has its version alone."""
    return release.digest or release.version


def _speak(ledger: Ledger, release: Release, decision: Decision) -> Release | None:
    """Let a release speak; that it was refused is kept too."""
    try:
        with ledger.writing() as connection:
            return decide_release(connection, release, decision)
    except RefusedError as error:
        entry = AuditEntry(decision.by, decision.action, f"release:{release.release_id}", "denied")
        note_action(ledger, replace(entry, reason=str(error)))
        raise


def _tell(console: Console, release: Release, before: Release | None) -> None:
    instead = f" instead of {before.version}" if before else ""
    console.say(f"release {release.version} of {release.model} ({release.route}) speaks{instead}")
    console.emit(
        {
            "model": release.model,
            "route": release.route,
            "horizon_days": release.horizon_days,
            "version": release.version,
            "digest": release.digest,
            "before": before and before.version,
        }
    )
