"""One company in which every account is a case of the contract frame."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.builders import Row, account, fact, noon
from tests.features.contracts import attribute, change, merge, sub

DAY = date(2021, 6, 1)
TERM = {"term_ends_on": date(2021, 9, 1), "term_started_on": date(2020, 9, 1), "term_months": 12,
        "notice_days": 60, "auto_renew": True, "seats_count": 10.0}  # fmt: skip
SPELLS = {
    "term": [sub("s-term", "term", **TERM, product_id="p1")],
    "open": [sub("s-open", "open")],
    "stale": [sub("s-stale", "stale", **{**TERM, "term_ends_on": date(2021, 5, 1)})],
    "limbo": [sub("s-limbo", "limbo", **{**TERM, "auto_renew": False,
                                         "term_ends_on": date(2021, 5, 1)})],
    "noticed": [sub("s-noticed", "noticed", **TERM)],
    "half": [sub("s-half1", "half", **TERM), sub("s-half2", "half", mrr_minor=30_000)],
    "switched": [sub("s-old", "switched"), sub("s-new", "switched", date(2021, 3, 1))],
    "returned": [sub("s-first", "returned"), sub("s-then", "returned", date(2021, 5, 1))],
    "duplicate": [sub("s-dup", "duplicate", seats_count=5.0)],
    "quiet": [sub("s-quiet", "quiet", date(2012, 5, 1))],
    "prepaid": [sub("s-prepaid", "prepaid", term_months=36, billing_months=36,
                    term_ends_on=date(2023, 1, 1))],
    "free": [sub("s-free", "free", mrr_minor=0)],
    "test": [sub("s-test", "test")],
    "gone": [sub("s-gone", "gone")],
    "moved": [sub("s-moved", "moved", seats_count=10.0)],
    "future": [sub("s-future", "future", DAY, known=date(2021, 5, 1))],
}  # fmt: skip
CHANGES = [
    change("notice", date(2021, 5, 3), "s-noticed", account="noticed"),
    change("notice", date(2021, 5, 3), "s-half1", account="half"),
    change("midterm_cancel", date(2021, 3, 1), "s-old", account="switched"),
    change("midterm_cancel", date(2021, 3, 1), "s-first", account="returned"),
    change("nonrenewal", date(2021, 4, 1), "s-gone", account="gone"),
    change("expansion", date(2020, 7, 1), "s-moved", account="moved", before=5_000, after=8_000),
    change("price_change", date(2021, 4, 2), "s-moved", account="moved", before=8_000),
    change("renewal", date(2020, 9, 1), "s-term", account="term"),
]  # fmt: skip


def weekly(
    who: str, metric: str, *values: float, until: date = DAY - timedelta(days=1)
) -> list[Row]:
    """One value per week, the last one for the week that ends on ``until``."""
    first = until - timedelta(days=7 * len(values))
    return [
        fact(first + timedelta(days=7 * (n + 1)), usage_id=f"{who}-{metric}-{n}", account_id=who,
             metric=metric, used_at=noon(first + timedelta(days=7 * n)), span_days=7.0,
             quantity=value)
        for n, value in enumerate(values)
    ]  # fmt: skip


def ticket(number: int, who: str, day: date, **other: Any) -> Row:
    row = {"ticket_id": f"t{number}", "account_id": who, "opened_at": noon(day), "status": "open",
           "severity": "normal"}  # fmt: skip
    return fact(day, **{**row, **other})


def nps(number: int, who: str, day: date, score: float | None) -> Row:
    outcome = "unanswered" if score is None else "answered"
    return fact(day, response_id=f"r{number}", account_id=who, kind="nps", outcome=outcome,
                answered_at=noon(day), score=score)  # fmt: skip


def invoice(number: int, who: str, due: date, **other: Any) -> Row:
    row = {"invoice_id": f"i{number}", "account_id": who, "issued_at": noon(due), "due_on": due,
           "kind": "invoice", "amount_minor": 360_000, "currency": "GBP"}  # fmt: skip
    return fact(due, **{**row, **other})


def payment(number: int, who: str, day: date, outcome: str, of: str | None = None) -> Row:
    return fact(day, payment_id=f"p{number}", account_id=who, invoice_id=of, paid_at=noon(day),
                outcome=outcome, amount_minor=1, currency="GBP")  # fmt: skip


TABLES: dict[str, list[Row]] = {
    "accounts": [account("term", segment="home"), account("half", segment="home")],
    "products": [fact(date(2020, 1, 1), product_id="p1", margin_share=0.8)],
    "subscriptions": [row for rows in SPELLS.values() for row in rows],
    "subscription_changes": CHANGES,
    "account_merges": [merge("duplicate", "survivor", date(2021, 5, 1))],
    "attributes": [
        attribute("test", "is_test", 1.0),
        attribute("term", "employees", 120.0),
        attribute("term", "account_status", "churned"),
        attribute("duplicate", "tier", "gold"),
        attribute("s-half2", "plan", "plus", entity="subscription"),
    ],
    "usage": [
        *weekly("term", "active_users", *[8.0] * 48, *[4.0] * 4),
        *weekly("term", "exports_run", *[70.0] * 40, *[0.0] * 12),
        *weekly("duplicate", "active_users", *[2.0] * 52),
    ],
    "tickets": [
        ticket(1, "term", date(2021, 5, 20), severity="urgent"),
        ticket(2, "term", date(2021, 3, 20), status="solved", reopened_count=2),
        ticket(3, "term", date(2021, 5, 25), topic="data_export"),
    ],
    "surveys": [
        nps(1, "term", date(2020, 12, 1), 9.0),
        nps(2, "term", date(2021, 4, 2), 6.0),
        nps(3, "term", date(2021, 5, 2), None),
    ],
    "invoices": [
        invoice(1, "prepaid", date(2021, 3, 1)),
        invoice(2, "prepaid", date(2021, 5, 2)),
        invoice(3, "prepaid", date(2021, 5, 3), kind="credit_note", amount_minor=-100),
    ],
    "payments": [
        payment(1, "prepaid", date(2021, 3, 11), "paid", "i1"),
        payment(2, "prepaid", date(2021, 5, 5), "failed", "i2"),
    ],
    "contacts": [
        fact(date(2021, 5, 1), contact_id="c1", account_id="term", is_champion=True,
             left_on=date(2021, 4, 12)),
        fact(date(2020, 5, 1), contact_id="c2", account_id="term"),
    ],
    "activities": [
        fact(date(2021, 5, 12), activity_id="a1", account_id="term", kind="meeting",
             occurred_at=noon(date(2021, 5, 12)), outcome="held"),
        fact(date(2021, 5, 22), activity_id="a2", account_id="term", kind="meeting",
             occurred_at=noon(date(2021, 5, 22)), outcome="no_show"),
    ],
    "opportunities": [
        fact(date(2021, 4, 2), opportunity_id="d1", account_id="term", kind="expansion",
             created_at=noon(date(2021, 4, 2)), outcome="open", amount_minor=500, currency="GBP",
             competitor="other"),
    ],
    "opportunity_changes": [
        fact(date(2021, 4, 9), change_id="x1", opportunity_id="d1", field="close_on",
             changed_at=noon(date(2021, 4, 9)), close_before_on=date(2021, 5, 1),
             close_after_on=date(2021, 6, 1)),
    ],
    "costs": [
        fact(date(2021, month, 1), cost_id=f"k{month}", account_id="term", kind="service",
             incurred_at=noon(date(2021, month, 1)), amount_minor=1200, currency="GBP")
        for month in (1, 2, 3)
    ],
}  # fmt: skip
