"""What webhooks are told: written in the transaction of its cause, and seen with it or not at all.

What is called by a cause takes the cause's own connection and costs it a few rows. What a run has
changed is worked out later, by whoever sends it (`fill_open`): runs never change, so that it comes
to the same. Nothing that is told holds a name: accounts are ids.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ledger.books import TOTAL
from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.holdouts import HELD_OUT
from ledger.tables import at_risk, current_runs, forecast_books, runs, vintages
from ledger.webhook_tables import webhook_deliveries as deliveries
from ledger.webhooks import (
    FORECAST,
    PROMOTED,
    RISK,
    STALE,
    TEST,
    Webhook,
    find_listeners,
    find_webhook,
)

MOST_ACCOUNTS = 1_000
FILLED_AT_ONCE = 50


@dataclass(frozen=True)
class Told:
    """What one webhook is told.

    Attributes
    ----------
    data
        A JSON mapping without names.
    dedup
        A word under which a webhook is told once.
    at
        UTC instant of the cause; the clock's if left out.
    state
        ``open`` while the data are still to be worked out.
    """

    event: str
    data: dict[str, Any]
    dedup: str | None = None
    at: datetime | None = None
    state: str = "waiting"


def tell_run(connection: Connection, kind: str, run_id: int) -> None:
    """Tell that a run takes the place of the current one; call it before it does."""
    event = {"scores": RISK, "forecast": FORECAST}.get(kind)
    listeners = find_listeners(connection, event) if event else []
    if not listeners or event is None:
        return
    current = select(current_runs.c.run_id).where(current_runs.c.kind == kind)
    before = connection.scalar(current)
    if before is None:
        return
    head = {"run_id": run_id, "run_id_before": before}
    for one in listeners:
        add_delivery(connection, one, Told(event, head, state="open"))


def fill_open(ledger: Ledger) -> int:
    """Work out what published runs changed, and let it be sent; return how many are told of it.

    Who would be told of nothing is not told.
    """
    query = select(deliveries).where(deliveries.c.state == "open").order_by(deliveries.c.id)
    with ledger.reading() as connection:
        rows = connection.execute(query.limit(FILLED_AT_ONCE)).mappings().all()
    return sum(_fill(ledger, row) for row in rows)


def _fill(ledger: Ledger, row: RowMapping) -> bool:
    body = parse_document(row["body"])
    run_id, before = body["data"]["run_id"], body["data"]["run_id_before"]
    with ledger.reading() as connection:
        whose = find_webhook(connection, row["webhook_id"])
        if row["event"] == RISK:
            told = _crossed(connection, run_id, before, threshold=whose.risk_threshold)
        else:
            told = _changed(connection, run_id, before, share=whose.change_share)
        body["data"] |= {"as_of": _day_of(connection, run_id), **(told or {})}
    # of two that fill it the second changes nothing
    mine = (deliveries.c.id == row["id"], deliveries.c.state == "open")
    with ledger.writing() as connection:
        if told is None:
            connection.execute(delete(deliveries).where(*mine))
            return False
        filled = {"state": "waiting", "body": dump_document(body, f"the event {row['event']}")}
        return connection.execute(update(deliveries).where(*mine).values(filled)).rowcount == 1


def tell_promoted(connection: Connection, promotion: dict[str, Any]) -> None:
    """Tell that a release speaks from now on; the reason, which a person wrote, is not told."""
    names = ("model", "route", "horizon_days", "release_id")
    for one in find_listeners(connection, PROMOTED):
        told = {name: promotion[name] for name in names}
        add_delivery(connection, one, Told(PROMOTED, told, at=promotion["promoted_at"]))


def tell_stale(
    connection: Connection, kind: str, run_id: int, *, told: dict[str, Any], now: datetime
) -> int:
    """Tell, once for each run, that the current one is stale; return to how many it is new."""
    said = Told(STALE, {"kind": kind, "run_id": run_id, **told}, f"{STALE} {run_id}", now)
    listeners = find_listeners(connection, STALE)
    return sum(add_delivery(connection, one, said) is not None for one in listeners)


def tell_test(connection: Connection, webhook: Webhook) -> str:
    """Tell one webhook that somebody tries it; return the delivery's id."""
    return str(add_delivery(connection, webhook, Told(TEST, {})))


def add_delivery(connection: Connection, webhook: Webhook, told: Told) -> str | None:
    """Write one delivery, due at once; return its id, or ``None`` if it was told before."""
    when, delivery_id = told.at or datetime.now(UTC), secrets.token_hex(16)
    body = {"id": delivery_id, "event": told.event, "created_at": when.isoformat()}
    row = {
        "webhook_id": webhook.webhook_id,
        "delivery_id": delivery_id,
        "event": told.event,
        "body": dump_document({**body, "data": told.data}, f"the event {told.event}"),
        "dedup": told.dedup,
        "created_at": when,
        "state": told.state,
        "tries": 0,
    }
    add = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    made = add(deliveries).values(row).on_conflict_do_nothing()
    written = connection.scalar(made.returning(deliveries.c.id))
    return None if written is None else delivery_id


def _crossed(
    connection: Connection, run_id: int, before: int, *, threshold: float
) -> dict[str, Any] | None:
    """Return the accounts whose risk is high now and was not; ``None`` without any.

    One that was not listed before was not at risk. Those drawn to be left alone are not told.
    """
    new, old = at_risk.alias("new"), at_risk.alias("old")
    same = and_(old.c.run_id == before, old.c.account_id == new.c.account_id)
    rose = (
        new.c.run_id == run_id,
        new.c.status == "at_risk",
        new.c.risk >= threshold,
        or_(old.c.risk.is_(None), old.c.risk < threshold),
        or_(new.c.treatment.is_(None), new.c.treatment != HELD_OUT),
    )
    joined = new.outerjoin(old, same)
    count = connection.scalar(select(func.count()).select_from(joined).where(*rose)) or 0
    query = select(new.c.account_id, new.c.risk, old.c.risk.label("risk_before"))
    query = query.select_from(joined).where(*rose)
    first = query.order_by(new.c.risk.desc(), new.c.account_id).limit(MOST_ACCOUNTS)
    if not count:
        return None
    accounts = [dict(row) for row in connection.execute(first).mappings()]
    return {"threshold": threshold, "count": count, "accounts": accounts}


def _changed(
    connection: Connection, run_id: int, before: int, *, share: float
) -> dict[str, Any] | None:
    """Return the targets whose total moved by more than a share; ``None`` without any."""
    old = {(row.target, row.period): row for row in connection.execute(_totals(before))}
    moved = []
    for row in connection.execute(_totals(run_id)):
        was = old.get((row.target, row.period))
        if was is None or row.p50_minor == was.p50_minor:
            continue
        change = (row.p50_minor - was.p50_minor) / abs(was.p50_minor) if was.p50_minor else None
        if change is None or abs(change) > share:
            told = {name: getattr(row, name) for name in ("target", "period", "currency")}
            said = {"p50_minor": row.p50_minor, "p50_minor_before": was.p50_minor}
            moved.append({**told, **said, "change_share": change})
    return {"change_share": share, "changes": moved} if moved else None


def _totals(run_id: int) -> Select[Any]:
    """Select the served totals of a run: the newest origin of each target and period."""
    here = vintages.c
    newest = select(func.max(forecast_books.c.origin)).where(forecast_books.c.run_id == run_id)
    return (
        select(here.target, here.period, here.currency, here.p50_minor)
        .where(here.run_id == run_id, here.node == TOTAL, here.served)
        .where(here.origin == newest.scalar_subquery())
        .order_by(here.target, here.period)
    )


def _day_of(connection: Connection, run_id: int) -> str:
    day: date = connection.execute(select(runs.c.as_of).where(runs.c.id == run_id)).scalar_one()
    return day.isoformat()
