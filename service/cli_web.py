"""The commands of the web side: serve, doctor, migrate; all run in the slim install."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from ledger.engine import attach_ledger, open_ledger
from ledger.keys import PEPPER_FILE, read_keys
from lifecycle.console import Console
from lifecycle.errors import LedgerError, RefusedError, TruecastError
from lifecycle.options import DataDir, Json
from lifecycle.settings import Settings, load_settings
from service.app import create_app, read_issuer, read_options
from service.deps import Service
from service.doctor import Folders, examine
from service.health import find_reasons
from service.logs import configure_logs
from service.measurements import tell_measurements
from service.server import bind_port, build_server, calm_collector

NEAR = ("127.0.0.1", "::1", "localhost")

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def serve(
    data_dir: DataDir = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    insecure_dev: Annotated[
        bool, typer.Option(help="Start although nobody can sign in yet; on this machine only.")
    ] = False,
    json: Json = False,
) -> None:
    """Answer over HTTP from the ledger until stopped.

    Refuses to start where nobody could sign in: no key was made and no issuer is set. It starts
    before the first refresh: /readyz then says what is missing, and it becomes ready by itself.

    Example: truecast serve --data-dir ./truecast-data --port 8000
    """
    console = Console(json)
    settings = load_settings(data_dir)
    options = read_options(settings)
    configure_logs(settings.log_format, settings.log_level)
    _check_access(settings, host, insecure_dev=insecure_dev)
    web = create_app(settings.ledger_address, options, read_issuer(settings))
    taken = bind_port(host, port)
    for reason in find_reasons(Service(settings.ledger_address, options)).values():
        console.say(f"not ready: {reason}")
    shown = f"[{host}]" if ":" in host else host
    console.mark(synthetic=settings.synthetic)
    console.say(f"Truecast listens on http://{shown}:{port} (stop with Ctrl-C)")
    console.emit(
        {
            "url": f"http://{shown}:{port}",
            "data_dir": str(settings.data_dir),
            "synthetic": settings.synthetic,
        }
    )
    measured = tell_measurements(web.state.measurements, settings.metrics_port)
    calm_collector()
    with taken, measured:
        build_server(web, settings.limits).run(sockets=[taken])


@app.command()
def migrate(data_dir: DataDir = None, json: Json = False) -> None:
    """Make the ledger, or bring its tables to this version.

    Example: truecast migrate --data-dir ./truecast-data
    """
    console = Console(json)
    settings = load_settings(data_dir)
    open_ledger(settings.ledger_address).close()
    console.say("the ledger's tables are those of this version")
    console.emit({"migrated": True})


@app.command()
def doctor(data_dir: DataDir = None, json: Json = False) -> None:
    """Check the data directory and say what is missing; exit code 5 if something is.

    Example: truecast doctor --data-dir ./truecast-data --json
    """
    console = Console(json)
    settings = load_settings(data_dir)
    findings = examine(
        Folders(
            settings.data_dir,
            settings.lake_dir,
            settings.bundles_dir,
            settings.ledger_address,
            stale_after_days=settings.stale_after_days,
            refuse_after_days=settings.refuse_after_days,
        )
    )
    rows = [(one.check, "ok" if one.ok else "LOOK", one.found, one.todo) for one in findings]
    console.table(f"doctor: {settings.data_dir}", ["check", "", "found", "to do"], rows)
    well = all(one.ok for one in findings)
    console.emit({"ok": well, "findings": [vars(one) for one in findings]})
    if not well:
        raise typer.Exit(TruecastError.exit_code)


def _check_access(settings: Settings, host: str, *, insecure_dev: bool) -> None:
    """Refuse to serve where nobody can sign in; a ledger out of reach is no such place."""
    if insecure_dev and host not in NEAR:
        raise RefusedError(f"--insecure-dev on {host[:60]}", f"one of {', '.join(NEAR)}", "drop it")
    if settings.oidc_issuer or insecure_dev:
        return
    if (settings.data_dir / PEPPER_FILE).exists():
        try:
            with closing(attach_ledger(settings.ledger_address)) as ledger:
                found = read_keys(ledger)
        except LedgerError:
            return
        if any(key.lives(datetime.now(UTC)) for key in found):
            return
    raise RefusedError(
        "nobody could sign in: no living key and no identity provider",
        "a key, or TRUECAST_OIDC_ISSUER",
        "run `truecast keys create` with the same --data-dir, or give --insecure-dev to try it out",
    )
