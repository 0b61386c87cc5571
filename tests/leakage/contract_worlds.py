"""A small company that sells contracts, told in the four ways of `tests.leakage.worlds`.

Every table that the contract frame reads is told: its future is deleted, shuffled (amounts times
1000, and its rows handed to other accounts), or joined by facts that happened before but were
known from the day on: a notice, a cancellation, a merge, use, tickets, a lost champion.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from lifecycle.periods import day_start
from tests.builders import Row, account, fact, noon
from tests.leakage.worlds import ZONE, Facts, Worlds, delete, write_worlds

TODAY = date(2021, 7, 1)  # summer time, so that the day does not begin at midnight UTC
_FIRST = date(2020, 1, 6)
_ACCOUNTS = 40
_SUMS = ("amount_minor", "quantity", "mrr_minor", "mrr_after_minor", "score", "number")
"""What shuffling multiplies by 1000."""


def build_contract_worlds(folder: Path, day: date = TODAY) -> Worlds:
    """Write the four lakes and open their histories."""
    facts, at = company(day), day_start(day, ZONE)
    return write_worlds(folder, day, facts, shuffle(facts, at), back_date(facts, at))


def company(day: date) -> Facts:
    """40 accounts with one line each until half a year after ``day``; some news comes late.

    Some facts of every kind are known exactly when the day begins: they belong to the future.
    """
    facts: Facts = {}
    for number in range(_ACCOUNTS):
        for table, row in _account_rows(number, day, random.Random(number)):
            facts.setdefault(table, []).append(row)
    return {name: _tied(rows, day_start(day, ZONE)) for name, rows in facts.items()}


def _account_rows(number: int, day: date, draw: random.Random) -> Iterator[tuple[str, Row]]:
    who, line = f"a{number:02}", f"s{number:02}"
    start = _FIRST + timedelta(days=draw.randrange(200))
    end = day + timedelta(days=180)
    yield "accounts", account(who, start, segment=draw.choice(["home", "abroad"]))
    yield "attributes", fact(start, entity="account", entity_id=who, name="size",
                             number=float(draw.randrange(9)))  # fmt: skip
    yield "subscriptions", _line(line, who, start, start)
    yield "subscription_changes", _change(line, who, start, "new")
    yield from _contract_rows(line, who, start, draw)
    at = noon(start)
    while at < noon(end):
        late = at + timedelta(days=7 + draw.choice([0, 0, 0, 3, 30]))
        used = {"metric": "active_users", "quantity": float(draw.randrange(20))}
        yield "usage", _event("usage", who, at, late, span_days=7.0, **used)
        if draw.random() < 0.15:
            yield from _other_rows(who, at, late, draw)
        at += timedelta(days=7)


def _contract_rows(
    line: str, who: str, start: date, draw: random.Random
) -> Iterator[tuple[str, Row]]:
    renewal = start + timedelta(days=365)
    later = renewal - timedelta(days=30)
    if draw.random() < 0.4:
        yield "subscription_changes", _change(line, who, later, "notice", on=renewal)
        yield "subscription_changes", _change(line, who, renewal, "nonrenewal", on=renewal, after=0)
        return
    yield "subscription_changes", _change(line, who, renewal, "expansion", after=20_000)
    yield "subscriptions", _line(line, who, start, renewal, mrr_minor=20_000)


def _other_rows(
    who: str, at: datetime, late: datetime, draw: random.Random
) -> Iterator[tuple[str, Row]]:
    money = {"amount_minor": draw.randrange(100, 900), "currency": "GBP"}
    ticket = _event("tickets", who, at, late, severity="high", status="open")
    yield "tickets", ticket
    yield "tickets", {**ticket, "status": "solved", "known_at": late + timedelta(days=9)}
    yield "surveys", _event("surveys", who, at, late, kind="nps", outcome="answered",
                            score=float(draw.randrange(11)))  # fmt: skip
    invoice = _event("invoices", who, at, late, kind="invoice", due_on=at.date(), **money)
    yield "invoices", invoice
    yield "payments", _event("payments", who, at, late + timedelta(days=20), outcome="paid",
                             invoice_id=invoice["invoice_id"], **money)  # fmt: skip
    yield "activities", _event("activities", who, at, late, kind="meeting", outcome="held")
    yield "costs", _event("costs", who, at, late, kind="service", **money)
    yield "contacts", fact(late, contact_id=f"c-{who}-{at:%j%y}", account_id=who, is_champion=True,
                           left_on=at.date() if draw.random() < 0.5 else None)  # fmt: skip
    deal = f"d-{who}-{at:%j%y}"
    yield "opportunities", fact(late, opportunity_id=deal, account_id=who, kind="expansion",
                                created_at=at, outcome="open", **money)  # fmt: skip
    yield "opportunity_changes", fact(
        late, change_id=f"x-{deal}", opportunity_id=deal, field="close_on", changed_at=at,
        close_before_on=at.date(), close_after_on=at.date() + timedelta(days=30),
    )  # fmt: skip


_KEYS = {
    "usage": ("usage_id", "used_at"),
    "tickets": ("ticket_id", "opened_at"),
    "surveys": ("response_id", "answered_at"),
    "invoices": ("invoice_id", "issued_at"),
    "payments": ("payment_id", "paid_at"),
    "activities": ("activity_id", "occurred_at"),
    "costs": ("cost_id", "incurred_at"),
}


def _event(table: str, who: str, at: datetime, known: datetime, **other: Any) -> Row:
    key, clock = _KEYS[table]
    return fact(known, **{key: f"{table}-{who}-{at:%j%y}", "account_id": who, clock: at, **other})


def _line(line: str, who: str, start: date, known: date, **other: Any) -> Row:
    row = {"subscription_id": line, "account_id": who, "started_on": start, "mrr_minor": 10_000,
           "currency": "GBP", "term_months": 12, "notice_days": 30, "seats_count": 10.0,
           "term_started_on": known, "term_ends_on": known + timedelta(days=365)}  # fmt: skip
    return fact(known, **{**row, **other})


def _change(line: str, who: str, day: date, kind: str, **other: Any) -> Row:
    row = {"change_id": f"{line}-{kind}-{day:%j%y}", "subscription_id": line, "account_id": who,
           "kind": kind, "changed_at": noon(day), "effective_on": other.pop("on", day),
           "mrr_before_minor": 10_000, "mrr_after_minor": other.pop("after", 10_000),
           "currency": "GBP"}  # fmt: skip
    return fact(day, **{**row, **other})


def _tied(rows: list[Row], at: datetime) -> list[Row]:
    """Move what is first known after the day began to the very instant at which it begins."""
    later = [row for row in rows if row["known_at"] >= at]
    first = min(later, key=lambda row: row["known_at"], default=None)
    return [{**row, "known_at": at} if row is first else row for row in rows]


def shuffle(facts: Facts, at: datetime) -> Facts:
    """Multiply future amounts by 1000 and hand future rows to other accounts."""
    draw, told = random.Random(11), delete(facts, at)
    for name, rows in facts.items():
        future = [row for row in rows if row["known_at"] >= at]
        owners = [row.get("account_id") for row in future]
        draw.shuffle(owners)
        for row, owner in zip(future, owners, strict=True):
            larger = {key: row[key] * 1000 for key in _SUMS if row.get(key) is not None}
            moved = {"account_id": owner} if owner else {}
            told[name].append({**row, **larger, **moved})
    return told


def back_date(facts: Facts, at: datetime) -> Facts:
    """Add facts of every table that happened before ``at`` but were known from then on."""
    told = {name: list(rows) for name, rows in facts.items()}
    for name, rows in delete(facts, at).items():
        for n, row in enumerate(rows[::5]):
            key = next(iter(row))
            new = {} if name in ("accounts", "attributes") else {key: f"late-{row[key]}"}
            told[name].append({**row, **new, "known_at": at + timedelta(days=n % 40)})
    return {**told, **_unwelcome(told, at)}


def _unwelcome(told: Facts, at: datetime) -> Facts:
    """News of past leaves, merges and versions that only the future brings."""
    past = at.date() - timedelta(days=40)
    changes = [
        {**_change(f"s{n:02}", f"a{n:02}", past, kind, after=0), "known_at": at}
        for n in range(0, _ACCOUNTS, 3)
        for kind in ("notice", "midterm_cancel")
    ]
    merges = [
        fact(at, merge_id=f"m{n}", account_id=f"a{n:02}", into_account_id="a00",
             merged_at=noon(past))
        for n in range(1, _ACCOUNTS, 4)
    ]  # fmt: skip
    soon = at + timedelta(seconds=1)
    people = told["accounts"][:_ACCOUNTS:3]
    elsewhere = [{**row, "segment": "elsewhere", "known_at": soon} for row in people]
    tests = [
        fact(at, entity="account", entity_id=f"a{n:02}", name="is_test", number=1.0)
        for n in range(2, _ACCOUNTS, 5)
    ]
    return {
        "subscription_changes": told["subscription_changes"] + changes,
        "account_merges": merges,
        "accounts": told["accounts"] + elsewhere,
        "attributes": told["attributes"] + tests,
    }
