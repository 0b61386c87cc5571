"""One company in which every account is a case; the frame is built once and read by each rule."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from features.contract_columns import CONTRACT_COLUMNS
from features.contract_frame import contract_frame, split_notice
from features.routes import contract_accounts
from tests.builders import account
from tests.features.contract_company import DAY, SPELLS, TABLES
from tests.features.contracts import snapshot_of


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
    assert rows["term"]["serve_cost_minor"] == pytest.approx(3600 / 12)


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
