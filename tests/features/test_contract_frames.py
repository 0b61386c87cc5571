"""One company in which every account is a case; the frame is built once and read by each rule."""

from __future__ import annotations

import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from features.contract_columns import CONTRACT_COLUMNS
from features.contract_frame import contract_frame, split_notice
from features.routes import contract_accounts
from tests.builders import Row, account, fact, noon
from tests.features.contracts import attribute, change, merge, snapshot_of, sub

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


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return snapshot_of(tmp_path_factory.mktemp("company"), DAY, **TABLES)


@pytest.fixture(scope="module")
def frame(snapshot: Any) -> pa.Table:
    return contract_frame(snapshot)


@pytest.fixture(scope="module")
def rows(frame: pa.Table) -> dict[str, dict[str, Any]]:
    return {row["account_id"]: row for row in frame.to_pylist()}


def show(row: dict[str, Any], *names: str) -> list[Any]:
    return [row[name] for name in names]


def test_the_frame_has_the_declared_columns_then_custom_fields(frame: pa.Table) -> None:
    declared = [column.name for column in CONTRACT_COLUMNS]
    assert frame.column_names == [*declared, "number:employees", "text:tier"]
    text = [field.name for field in frame.schema if field.type == pa.string()]
    assert text == ["account_id", "segment", "industry", "country", "text:tier"]
    assert {field.type for field in frame.schema} == {pa.string(), pa.float64()}


def test_a_row_stands_for_an_account_with_a_live_contract(rows: dict[str, Any]) -> None:
    not_there = {"free", "test", "gone", "future", "duplicate"}
    assert set(rows) == (set(SPELLS) - not_there) | {"survivor"}


def test_renewal_and_deadline_are_counted_from_the_day(rows: dict[str, Any]) -> None:
    days = show(rows["term"], "renewal_days", "notice_deadline_days", "tenure_days", "term_months")
    assert days == [92.0, 32.0, 517.0, 12.0]
    assert rows["term"]["renewals_count"] == 1


def test_a_missing_renewal_date_is_an_open_end(rows: dict[str, Any]) -> None:
    assert rows["open"]["is_open_ended"] == 1
    assert math.isnan(rows["open"]["renewal_days"])


def test_a_term_that_ran_out_renews_by_itself_or_stays_in_limbo(rows: dict[str, Any]) -> None:
    assert rows["stale"]["renewal_days"] == 334  # a year of 365.25 days less the 31 since
    assert rows["limbo"]["renewal_days"] == -31


def test_an_account_under_notice_is_listed_apart(frame: pa.Table) -> None:
    still, noticed = split_notice(frame)
    assert noticed["account_id"].to_pylist() == ["noticed"]
    assert still.num_rows == frame.num_rows - 1


def test_notice_of_one_line_of_two_is_a_share(rows: dict[str, Any]) -> None:
    shown = show(rows["half"], "under_notice", "notice_mrr_share", "lines_count", "mrr_minor")
    assert shown == [0.0, 0.25, 2.0, 40_000.0]
    assert math.isnan(rows["half"]["renewal_days"])  # the line that stays is open-ended


def test_a_switch_of_lines_is_no_return_but_a_gap_is(rows: dict[str, Any]) -> None:
    assert [rows[name]["is_returned"] for name in ("switched", "returned")] == [0, 1]
    assert show(rows["switched"], "tenure_days", "customer_days") == [92.0, 517.0]


def test_merged_accounts_bring_their_facts_along(rows: dict[str, Any]) -> None:
    shown = show(rows["survivor"], "seats_count", "active_28d_rate", "text:tier")
    assert shown == [5.0, 2.0, "gold"]


def test_an_account_without_history_is_unknown_not_zero(rows: dict[str, Any]) -> None:
    quiet = rows["quiet"]
    assert show(quiet, "has_usage", "nps_missing", "tickets_90d_count") == [0.0, 1.0, 0.0]
    unknown = ("active_28d_rate", "events_28d_84d_log", "nps_score", "meeting_age_days",
               "late_365d_share", "serve_cost_minor", "margin_share")  # fmt: skip
    assert all(math.isnan(value) for value in show(quiet, *unknown))


def test_tenure_counts_from_before_the_data(rows: dict[str, Any]) -> None:
    assert rows["quiet"]["tenure_days"] == (DAY - date(2012, 5, 1)).days


def test_a_contract_paid_years_ahead_counts_by_its_month(rows: dict[str, Any]) -> None:
    assert show(rows["prepaid"], "mrr_minor", "billing_months") == [10_000.0, 36.0]


def test_lateness_is_judged_by_the_due_day(rows: dict[str, Any]) -> None:
    late = show(rows["prepaid"], "late_90d_count", "late_365d_count", "overdue_days")
    assert late == [1.0, 2.0, 30.0]
    assert show(rows["prepaid"], "overdue_minor", "beyond_terms_365d_days") == [360_000.0, 20.0]
    credited = show(rows["prepaid"], "credit_notes_365d_count", "failed_90d_count")
    assert credited == [1.0, 1.0]


def test_moves_of_mrr_are_trends(rows: dict[str, Any]) -> None:
    shown = show(rows["moved"], "mrr_minor", "mrr_90d_ratio", "mrr_365d_ratio")
    assert shown == [10_000.0, 0.25, 1.0]
    priced = show(rows["moved"], "price_change_ratio", "price_change_age_days", "mrr_seat_minor")
    assert priced == [0.25, 60.0, 1_000.0]


def test_use_is_a_rate_per_week_against_seats_and_the_past(rows: dict[str, Any]) -> None:
    shown = show(rows["term"], "active_28d_rate", "seat_use_28d_ratio", "active_peak_ratio")
    assert shown == [4.0, 0.4, 0.5]
    expected = math.log(4.1) - math.log((4 * 4 + 8 * 8) / 12 + 0.1)
    assert rows["term"]["active_28d_84d_log"] == pytest.approx(expected)


def test_any_other_metric_counts_as_events(rows: dict[str, Any]) -> None:
    assert show(rows["term"], "events_84d_rate", "events_182d_rate") == [0.0, 70 * 14 / 26]
    assert rows["term"]["usage_slope_ratio"] < 0


def test_tickets_about_leaving_are_not_counted(rows: dict[str, Any]) -> None:
    shown = show(rows["term"], "tickets_30d_count", "severe_tickets_30d_count",
                 "tickets_open_count", "tickets_180d_count", "reopened_180d_count")  # fmt: skip
    assert shown == [1.0, 1.0, 1.0, 2.0, 2.0]


def test_the_last_answer_and_silence_both_speak(rows: dict[str, Any]) -> None:
    shown = show(rows["term"], "nps_score", "nps_change", "nps_age_days", "last_survey_silent")
    assert shown == [6.0, -3.0, 60.0, 1.0]
    assert rows["term"]["answered_365d_share"] == pytest.approx(2 / 3)


def test_a_lost_champion_and_the_last_meeting_are_seen(rows: dict[str, Any]) -> None:
    shown = show(rows["term"], "champion_lost", "champion_left_days", "contacts_count",
                 "meeting_age_days", "missed_180d_count")  # fmt: skip
    assert shown == [1.0, 50.0, 1.0, 20.0, 1.0]


def test_open_deals_their_pushes_and_rivals_are_counted(rows: dict[str, Any]) -> None:
    shown = show(rows["term"], "expansion_open_count", "expansion_open_minor",
                 "deal_pushes_count", "competitor_180d_count")  # fmt: skip
    assert shown == [1.0, 500.0, 1.0, 1.0]


def test_margin_and_cost_to_serve_are_known_where_told(rows: dict[str, Any]) -> None:
    assert rows["term"]["margin_share"] == 0.8
    assert rows["term"]["serve_cost_minor"] == pytest.approx(3600 * 30.4375 / 365)


def test_lines_as_units_speak_of_themselves(snapshot: Any) -> None:
    by_line = contract_frame(snapshot, unit="subscription")
    found = {row["subscription_id"]: row for row in by_line.to_pylist()}
    assert by_line.column_names[:2] == ["account_id", "subscription_id"]
    assert [found[name]["under_notice"] for name in ("s-half1", "s-half2")] == [1.0, 0.0]
    assert [found[name]["mrr_minor"] for name in ("s-half1", "s-half2")] == [10_000, 30_000]
    assert found["s-half2"]["text:plan"] == "plus"


def test_accounts_that_hold_or_held_a_contract_are_contractual(snapshot: Any) -> None:
    assert contract_accounts(snapshot) == (set(SPELLS) - {"free", "test", "future"}) | {"survivor"}


def test_a_lake_without_contracts_gives_an_empty_frame(tmp_path: Path) -> None:
    empty = contract_frame(snapshot_of(tmp_path, DAY, accounts=[account("a")]))
    assert empty.num_rows == 0
    assert empty.column_names == [column.name for column in CONTRACT_COLUMNS]


def test_a_frame_from_the_cache_is_the_frame(snapshot: Any, frame: pa.Table,
                                             tmp_path: Path) -> None:  # fmt: skip
    for _ in range(2):
        assert str(contract_frame(snapshot, cache_dir=tmp_path).to_pylist()) == str(
            frame.to_pylist()
        )
    contract_frame(snapshot, cache_dir=tmp_path, allow=("account_status",))
    assert len(list(tmp_path.iterdir())) == 2
