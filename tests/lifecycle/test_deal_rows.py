"""Bad deals: which rows are refused, which are kept as they are, and what is told of them."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path

import pytest

from lifecycle.errors import RowsError
from lifecycle.tables import catalog
from lifecycle.tables.catalog import find_table
from tests.builders import build_lake, fact, noon
from tests.lifecycle.deal_exports import DEAL_HEADER, DEALS, columns_of, take_lines
from tests.lifecycle.exports import refused, stored

GOOD = "2024-01-05,good,a1,2024-01-05,Proposal,1000,USD,2024-03-31,open,"


def rules_of(folder: Path, *lines: str) -> list[str]:
    """Rules that the lines break beside a good one."""
    return [row["rule"] for row in refused(take_lines(folder, DEALS, DEAL_HEADER, GOOD, *lines))]


@pytest.mark.parametrize(
    ("amount", "rule"),
    [("-1", "deal_amount"), ("1e15", "deal_amount"), ("1e16", "out_of_range")],
)
def test_an_amount_that_is_none_is_refused(tmp_path, amount, rule):
    assert rules_of(tmp_path, GOOD.replace("good", "bad").replace("1000", amount)) == [rule]


@pytest.mark.parametrize("amount", ["", "0"])
def test_a_deal_without_a_price_yet_is_a_deal(tmp_path, amount):
    assert rules_of(tmp_path, GOOD.replace("good", "d").replace("1000", amount)) == []


def test_a_deal_without_account_is_a_deal(tmp_path):
    assert rules_of(tmp_path, GOOD.replace("good,a1", "d,")) == []


def test_a_stage_nobody_mapped_is_kept_as_the_source_names_it(tmp_path):
    assert rules_of(tmp_path, GOOD.replace("good", "d").replace("Proposal", "Phase 17")) == []
    assert stored(tmp_path, "opportunities")[0]["stage"] == "Phase 17"


def test_a_deal_in_another_currency_is_refused(tmp_path):
    assert rules_of(tmp_path, GOOD.replace("good", "d").replace("USD", "EUR")) == [
        "currency_foreign"
    ]


@pytest.mark.parametrize("day", ["1900-01-01", "2999-12-31"])
def test_a_close_date_nobody_means_is_kept_and_counted(tmp_path, day):
    line = GOOD.replace("good", "far").replace("2024-03-31", day)
    report = take_lines(tmp_path, DEALS, DEAL_HEADER, GOOD, line)
    assert report.notes == {"close_date_far": 1}
    assert stored(tmp_path, "opportunities")[0]["close_on"] == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("form", "text"), [("%d.%m.%Y", "31.12.9999"), ("iso", "0001-01-01T00:00Z")]
)
def test_far_days_are_read_in_every_format(tmp_path, form, text):
    close = {"from": "close", "formats": ["%Y-%m-%d", form]}
    mapping = {**DEALS, "columns": {**DEALS["columns"], "close_on": close}}
    line = GOOD.replace("good", "far").replace("2024-03-31", text)
    assert refused(take_lines(tmp_path, mapping, DEAL_HEADER, GOOD, line)) == []
    assert stored(tmp_path, "opportunities")[0]["close_on"].year in {1, 9999}


def test_a_close_date_that_is_no_date_is_refused(tmp_path):
    line = GOOD.replace("good", "bad").replace("2024-03-31", "2999-13-31")
    assert rules_of(tmp_path, line) == ["not_a_date"]


def test_a_deal_closed_before_it_was_created_is_refused(tmp_path):
    line = "2024-02-01,bad,a1,2024-01-05,Won,1,USD,2024-01-03,won,2024-01-03"
    assert rules_of(tmp_path, line) == ["closed_before_created"]


def test_a_deal_entered_on_the_day_it_was_won_is_kept(tmp_path):
    line = "2024-02-01,d,a1,2024-01-05 17:00,Won,1,USD,2024-01-05,won,2024-01-05"
    assert rules_of(tmp_path, line) == []


def test_a_closed_deal_needs_no_dates(tmp_path):
    assert rules_of(tmp_path, "2024-02-01,d,a1,,Won,1,USD,,won,") == []


def test_a_history_out_of_order_is_the_same_history(tmp_path):
    lines = [f"2024-0{month}-05{GOOD[10:].replace('Proposal', f'S{month}')}" for month in (3, 1, 2)]
    take_lines(tmp_path, DEALS, DEAL_HEADER, *lines)
    rows = stored(tmp_path, "opportunities")
    assert columns_of(rows, "stage") == [("S1",), ("S2",), ("S3",)]


def test_a_reopened_deal_is_open_again(tmp_path):
    lost = "2024-02-01,good,a1,2024-01-05,Lost,1000,USD,2024-02-01,lost,2024-02-01"
    take_lines(
        tmp_path, DEALS, DEAL_HEADER, GOOD, lost, GOOD.replace("2024-01-05", "2024-02-09", 1)
    )
    outcomes = [row["outcome"] for row in stored(tmp_path, "opportunities")]
    assert outcomes == ["open", "lost", "open"]


def test_thirty_stages_are_thirty_stages(tmp_path):
    lines = [GOOD.replace("good", f"d{n}").replace("Proposal", f"S{n}") for n in range(30)]
    assert rules_of(tmp_path, *lines) == []


def test_a_negative_amount_in_a_change_is_refused(tmp_path):
    mapping = {
        "table": "opportunity_changes",
        "known_at": {"event_clock_delay": "0d"},
        "currency": "USD",
        "columns": {
            "change_id": "id",
            "opportunity_id": "id",
            "changed_at": "at",
            "field": {"value": "amount"},
            "amount_after_minor": "after",
        },
    }
    report = take_lines(tmp_path, mapping, "id,at,after", "c1,2024-01-05,-5", "c2,2024-01-05,5")
    assert [row["rule"] for row in refused(report)] == ["deal_amount"]


def test_a_keep_that_no_row_passes_is_refused(tmp_path):
    mapping = {**DEALS, "keep": {"from": "stage", "values": ["none"]}}
    with pytest.raises(RowsError, match="none of 1 rows passes the mapping's keep"):
        take_lines(tmp_path, mapping, DEAL_HEADER, GOOD)


def test_rows_left_out_do_not_dilute_the_share_of_bad_ones(tmp_path):
    mapping = {**DEALS, "keep": {"from": "stage", "values": ["Proposal"]}}
    others = [GOOD.replace("good", f"o{n}").replace("Proposal", "x") for n in range(50)]
    with pytest.raises(RowsError, match="1 of 2 rows broke a rule"):
        take_lines(
            tmp_path, mapping, DEAL_HEADER, GOOD, GOOD.replace("good", ""), *others, max_bad=0.1
        )


def test_an_older_lake_takes_deals_without_dates_from_now_on(tmp_path, monkeypatch):
    now, day = find_table("opportunities"), date(2024, 1, 5)
    strict = tuple(
        dataclasses.replace(column, null=column.null and column.name != "created_at")
        for column in now.columns
    )
    for tables in (catalog.TABLES, catalog.FACT_TABLES):
        monkeypatch.setitem(tables, now.name, dataclasses.replace(now, columns=strict))
    build_lake(tmp_path, opportunities=[fact(day, opportunity_id="o1", created_at=noon(day))])
    monkeypatch.undo()
    build_lake(tmp_path, batch="b2", opportunities=[fact(day, opportunity_id="o2", outcome="won")])
    assert [row["created_at"] is None for row in stored(tmp_path, "opportunities")] == [False, True]
