"""The commands of the web side: serve, keys, doctor, migrate; all run in the slim install."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer

from ledger.engine import attach_ledger, open_ledger
from ledger.keys import (
    DEFAULT_LIFE_DAYS,
    ApiKey,
    KeyRequest,
    create_key,
    load_pepper,
    read_keys,
    revoke_key,
)
from lifecycle.console import Console
from lifecycle.errors import TruecastError, UsageError
from lifecycle.options import DataDir, Json
from lifecycle.settings import Settings, load_settings
from service.app import create_app
from service.auth import ROLES
from service.deps import Options, Service
from service.doctor import Folders, examine
from service.health import find_reasons
from service.server import bind_port, build_server

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
keys = typer.Typer(no_args_is_help=True, help="Create, list and revoke API keys.")
app.add_typer(keys, name="keys")


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
        build_server(web).run(sockets=[taken])


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


@keys.command("create")
def create(
    data_dir: DataDir = None,
    role: Annotated[str, typer.Option(help=f"One of: {', '.join(ROLES)}.")] = "reader",
    *,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    days: Annotated[int, typer.Option(help="Life in days, at most 366.")] = DEFAULT_LIFE_DAYS,
    json: Json = False,
) -> None:
    """Make a key and print it, once, as one JSON line on stdout; it cannot be shown again.

    Example: truecast keys create --role reader --label crm --days 90
    """
    if role not in ROLES:
        raise UsageError(f"role {role[:40]!r}", f"one of {', '.join(ROLES)}", "correct --role")
    settings = load_settings(data_dir)
    request = KeyRequest(role, ROLES[role], label, f"cli:{_operator()}", days)
    ledger = open_ledger(settings.ledger_address)
    text, key = create_key(ledger, load_pepper(settings.data_dir), request)
    ledger.close()
    Console(True).emit({"key": text, **_describe(key)})


@keys.command("list")
def list_all(data_dir: DataDir = None, json: Json = False) -> None:
    """List all keys, without their secrets.

    Example: truecast keys list --json
    """
    console = Console(json)
    ledger = attach_ledger(load_settings(data_dir).ledger_address)
    found = [_describe(key) for key in read_keys(ledger)]
    ledger.close()
    columns = ["key_id", "role", "label", "created_at", "expires_at", "revoked_at"]
    console.table("API keys", columns, [[one[name] for name in columns] for one in found])
    console.emit(found)


@keys.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The 8-character id of the key.")],
    data_dir: DataDir = None,
    *,
    json: Json = False,
) -> None:
    """End a key's life; running services refuse it within 5 seconds.

    Example: truecast keys revoke 1a2b3c4d
    """
    console = Console(json)
    ledger = attach_ledger(load_settings(data_dir).ledger_address)
    key = revoke_key(ledger, key_id)
    ledger.close()
    console.say(f"key {key.key_id} is revoked")
    console.emit(_describe(key))


def _options(settings: Settings) -> Options:
    return Options(
        settings.data_dir,
        settings.stale_after_days,
        settings.calendar,
        settings.synthetic,
    )


def _describe(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "role": key.role,
        "scopes": list(key.scopes),
        "label": key.label,
        "created_by": key.created_by,
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "expires_at": key.expires_at.isoformat(timespec="seconds"),
        "revoked_at": key.revoked_at and key.revoked_at.isoformat(timespec="seconds"),
    }


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
