"""The commands of the web side: serve, doctor, migrate; all run in the slim install."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.engine import open_ledger
from lifecycle.console import Console
from lifecycle.errors import TruecastError
from lifecycle.options import DataDir, Json
from lifecycle.settings import Settings, load_settings
from service.app import create_app
from service.deps import Options, Service
from service.doctor import Folders, examine
from service.health import find_reasons
from service.server import bind_port, build_server

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def serve(
    data_dir: DataDir = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    json: Json = False,
) -> None:
    """Answer over HTTP from the ledger until stopped.

    Starts without a ledger too: /readyz then says what is missing, and the service becomes ready by
    itself once it has been made.

    Example: truecast serve --data-dir ./truecast-data --port 8000
    """
    console = Console(json)
    settings = load_settings(data_dir)
    options = _options(settings)
    web = create_app(settings.ledger_address, options)
    taken = bind_port(host, port)
    for reason in find_reasons(Service(settings.ledger_address, options)):
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
    with taken:
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
        Folders(settings.data_dir, settings.lake_dir, settings.bundles_dir, settings.ledger_address)
    )
    rows = [(one.check, "ok" if one.ok else "LOOK", one.found, one.todo) for one in findings]
    console.table(f"doctor: {settings.data_dir}", ["check", "", "found", "to do"], rows)
    well = all(one.ok for one in findings)
    console.emit({"ok": well, "findings": [vars(one) for one in findings]})
    if not well:
        raise typer.Exit(TruecastError.exit_code)


def _options(settings: Settings) -> Options:
    return Options(
        settings.data_dir,
        settings.stale_after_days,
        settings.calendar,
        settings.synthetic,
        settings.limits,
        refuse_after_days=settings.refuse_after_days,
    )
