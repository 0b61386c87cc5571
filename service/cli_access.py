"""The commands of access: keys, books and the audit log; all run in the slim install."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.audit import Actor, AuditEntry, note_action, read_audit
from ledger.audit_check import verify_audit, write_head
from ledger.engine import Ledger, attach_ledger, open_ledger
from ledger.keys import (
    DEFAULT_LIFE_DAYS,
    ApiKey,
    KeyRequest,
    assign_book,
    create_key,
    load_pepper,
    read_keys,
    revoke_key,
    rotate_key,
)
from ledger.visible import Book, check_book, parse_pairs, read_books, write_book
from lifecycle.console import Console
from lifecycle.errors import UsageError
from lifecycle.operator import name_operator
from lifecycle.options import DataDir, Json
from lifecycle.settings import load_settings
from service.permissions import Role, load_permissions

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
keys = typer.Typer(no_args_is_help=True, help="Create, rotate, list and revoke API keys.")
books = typer.Typer(no_args_is_help=True, help="Name the rows that a key may see.")
audit = typer.Typer(no_args_is_help=True, help="Check and export the log of what was done.")
app.add_typer(keys, name="keys")
app.add_typer(books, name="books")
app.add_typer(audit, name="audit")

KeyId = Annotated[str, typer.Argument(help="The 8-character id of the key.")]


@keys.command("create")
def create(
    data_dir: DataDir = None,
    role: Annotated[str, typer.Option(help="What it may do; see permissions.json.")] = "reader",
    *,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    days: Annotated[
        int, typer.Option("--days", "--expires", help="Life in days, at most 366.")
    ] = DEFAULT_LIFE_DAYS,
    book: Annotated[str | None, typer.Option(help="The book whose rows it sees.")] = None,
    scopes: Annotated[str, typer.Option(help="Only these of its role, with commas.")] = "",
    cidr: Annotated[list[str] | None, typer.Option(help="Network it may be used from.")] = None,
    json: Json = False,
) -> None:
    """Make a key and print it, once, as one JSON line on stdout; it cannot be shown again.

    Example: truecast keys create --role sales --book emea --label crm --days 90
    """
    wanted = load_permissions().check_role(role)
    chosen = _narrow(wanted, scopes)
    settings, by = load_settings(data_dir), operator()
    request = KeyRequest(role, chosen, label, by.name, days, book, tuple(cidr or ()))
    with closing(open_ledger(settings.ledger_address)) as ledger:
        if book is not None:
            check_book(ledger, book)
        elif wanted.book:
            raise UsageError(f"role {role} without a book", "--book", "see `truecast books list`")
        text, key = create_key(ledger, load_pepper(settings.data_dir), request, by=by)
        write_head(ledger, settings.data_dir)
    Console(True).emit({"key": text, **_describe(key)})


@keys.command("rotate")
def rotate(
    key_id: KeyId,
    data_dir: DataDir = None,
    *,
    days: Annotated[
        int, typer.Option("--days", "--expires", help="Life in days, at most 366.")
    ] = DEFAULT_LIFE_DAYS,
    json: Json = False,
) -> None:
    """Make a second key with the same rights and print it, once; then revoke the first.

    Example: truecast keys rotate 1a2b3c4d --days 90
    """
    settings = load_settings(data_dir)
    with closing(attach_ledger(settings.ledger_address)) as ledger:
        pepper = load_pepper(settings.data_dir)
        text, key = rotate_key(ledger, pepper, key_id, by=operator(), days=days)
        write_head(ledger, settings.data_dir)
    Console(True).emit({"key": text, **_describe(key)})


@keys.command("list")
def list_all(data_dir: DataDir = None, json: Json = False) -> None:
    """List all keys, without their secrets.

    Example: truecast keys list --json
    """
    console = Console(json)
    with closing(attach_ledger(load_settings(data_dir).ledger_address)) as ledger:
        found = [_describe(key) for key in read_keys(ledger)]
    columns = ["key_id", "role", "book", "label", "created_at", "expires_at", "revoked_at"]
    console.table("API keys", columns, [[one[name] for name in columns] for one in found])
    console.emit(found)


@keys.command("revoke")
def revoke(key_id: KeyId, data_dir: DataDir = None, *, json: Json = False) -> None:
    """End a key's life; running services refuse it within 5 seconds.

    Example: truecast keys revoke 1a2b3c4d
    """
    console = Console(json)
    settings = load_settings(data_dir)
    with closing(attach_ledger(settings.ledger_address)) as ledger:
        key = revoke_key(ledger, key_id, by=operator())
        write_head(ledger, settings.data_dir)
    console.say(f"key {key.key_id} is revoked")
    console.emit(_describe(key))


@books.command("create")
def create_book(
    name: Annotated[str, typer.Argument(help="Name of the book.")],
    pair: Annotated[list[str], typer.Option(help="dimension=value, as often as wanted.")],
    data_dir: DataDir = None,
    *,
    json: Json = False,
) -> None:
    """Make a book, or give one other pairs; a row that has one of the pairs is in it.

    Example: truecast books create emea --pair region=emea --pair owner=W07
    """
    console = Console(json)
    settings, book = load_settings(data_dir), Book(name, parse_pairs(pair))
    with closing(open_ledger(settings.ledger_address)) as ledger:
        write_book(ledger, book, operator())
        write_head(ledger, settings.data_dir)
    console.say(f"book {name} holds {len(book.pairs)} pairs")
    console.emit(_describe_book(book))


@books.command("list")
def list_books(data_dir: DataDir = None, *, json: Json = False) -> None:
    """List all books with their pairs.

    Example: truecast books list --json
    """
    console = Console(json)
    with closing(attach_ledger(load_settings(data_dir).ledger_address)) as ledger:
        found = [_describe_book(one) for one in read_books(ledger)]
    rows = [(one["book"], ", ".join(one["pairs"])) for one in found]
    console.table("books", ["book", "pairs"], rows)
    console.emit(found)


@books.command("assign")
def assign(
    key_id: KeyId,
    book: Annotated[str, typer.Argument(help="Name of the book.")],
    data_dir: DataDir = None,
    *,
    json: Json = False,
) -> None:
    """Let a key see the rows of a book from now on; running services follow within 5 seconds.

    Example: truecast books assign 1a2b3c4d emea
    """
    console = Console(json)
    settings = load_settings(data_dir)
    with closing(attach_ledger(settings.ledger_address)) as ledger:
        check_book(ledger, book)
        key = assign_book(ledger, key_id, book, by=operator())
        write_head(ledger, settings.data_dir)
    console.say(f"key {key.key_id} sees the book {key.book}")
    console.emit(_describe(key))


@audit.command("verify")
def verify(data_dir: DataDir = None, *, json: Json = False) -> None:
    """Check every row of the audit log; exit code 4 names the first that is not as written.

    Example: truecast audit verify
    """
    console = Console(json)
    settings = load_settings(data_dir)
    with closing(attach_ledger(settings.ledger_address)) as ledger:
        found = verify_audit(ledger, settings.data_dir)
        write_head(ledger, settings.data_dir)
    console.say(f"the audit log is whole: {found.rows} rows, head {found.hash[:16]}")
    console.emit({"whole": True, "rows": found.rows, "hash": found.hash})


@audit.command("export")
def export(
    out: Annotated[Path, typer.Option(help="File to write, one JSON line per row.")],
    data_dir: DataDir = None,
    *,
    json: Json = False,
) -> None:
    """Write the audit log to a file; that it was exported is its last row.

    Example: truecast audit export --out audit.jsonl
    """
    console = Console(json)
    settings = load_settings(data_dir)
    with closing(attach_ledger(settings.ledger_address)) as ledger:
        note_action(ledger, AuditEntry(operator(), "audit.export", out.name))
        count = _write_rows(ledger, out)
        write_head(ledger, settings.data_dir)
    console.say(f"{count} rows are in {out}")
    console.emit({"rows": count, "out": str(out)})


def operator() -> Actor:
    """Return the person at this machine, as the audit log names them."""
    return Actor(name_operator())


def _narrow(role: Role, scopes: str) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(one.strip() for one in scopes.split(",") if one.strip()))
    more = sorted(set(wanted) - set(role.scopes))
    if more:
        found = f"scopes beyond the role: {', '.join(more)}"
        raise UsageError(found[:200], f"some of {', '.join(role.scopes)}", "correct --scopes")
    return wanted or role.scopes


def _write_rows(ledger: Ledger, out: Path) -> int:
    from json import dumps

    count = 0
    with out.open("x", encoding="utf-8") as file:
        for row in read_audit(ledger):
            file.write(dumps(row.told(), ensure_ascii=True) + "\n")
            count += 1
    return count


def _describe_book(book: Book) -> dict[str, Any]:
    return {"book": book.name, "pairs": [f"{name}={value}" for name, value in sorted(book.pairs)]}


def _describe(key: ApiKey) -> dict[str, Any]:
    moments = ("created_at", "expires_at", "revoked_at", "last_used_at")
    told = {name: getattr(key, name) for name in moments}
    return {
        "key_id": key.key_id,
        "role": key.role,
        "book": key.book,
        "scopes": list(key.scopes),
        "cidrs": list(key.cidrs),
        "label": key.label,
        "created_by": key.created_by,
        "follows": key.follows,
        **{name: one and one.isoformat(timespec="seconds") for name, one in told.items()},
    }
