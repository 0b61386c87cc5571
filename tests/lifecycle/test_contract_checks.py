"""Contract lines whose days contradict each other go to the quarantine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lifecycle.exports import refused, stored, take, write_csv

HEADER = "line,account,start,term,end,mrr,currency"
MAPPING = {
    "table": "subscriptions",
    "timezone": "UTC",
    "known_at": "arrival",
    "columns": {
        "subscription_id": "line",
        "account_id": "account",
        "started_on": "start",
        "term_started_on": "term",
        "term_ends_on": "end",
        "mrr_minor": {"from": "mrr", "unit": "minor"},
        "currency": "currency",
    },
}

CHANGE_COLUMNS = (
    "change_id", "subscription_id", "account_id", "kind", "changed_at", "effective_on",
    "mrr_before_minor", "mrr_after_minor", "currency",
)  # fmt: skip


@pytest.mark.parametrize(
    "days", ["2024-01-05,,2024-01-04", "2023-01-05,2024-01-05,2024-01-04"]
)  # fmt: skip
def test_a_term_that_ends_before_it_starts_is_refused(tmp_path: Path, days: str) -> None:
    lines = [f"bad,a1,{days},100,GBP", "good,a1,2024-01-05,,2025-01-05,100,GBP"]
    report = take(tmp_path, write_csv(tmp_path, *lines, header=HEADER), MAPPING)
    assert [(row["rule"], row["column"]) for row in refused(report)] == [
        ("end_before_start", "term_ends_on")
    ]
    assert [row["subscription_id"] for row in stored(tmp_path, "subscriptions")] == ["good"]


def test_a_missing_renewal_date_is_accepted(tmp_path: Path) -> None:
    export = write_csv(tmp_path, "open,a1,2024-01-05,,,100,GBP", header=HEADER)
    assert refused(take(tmp_path, export, MAPPING)) == []


def test_money_in_another_currency_is_refused(tmp_path: Path) -> None:
    lines = ["pounds,a1,2024-01-05,,,100,GBP", "euros,a1,2024-01-05,,,100,EUR"]
    report = take(tmp_path, write_csv(tmp_path, *lines, header=HEADER), MAPPING)
    assert [row["rule"] for row in refused(report)] == ["currency_foreign"]


def test_a_negative_mrr_is_refused_and_none_is_not(tmp_path: Path) -> None:
    lines = ["bad,a1,2024-01-05,,,-100,GBP", "free,a1,2024-01-05,,,0,GBP"]
    report = take(tmp_path, write_csv(tmp_path, *lines, header=HEADER), MAPPING)
    assert [(row["rule"], row["column"]) for row in refused(report)] == [
        ("negative_mrr", "mrr_minor")
    ]
    assert [row["subscription_id"] for row in stored(tmp_path, "subscriptions")] == ["free"]


@pytest.mark.parametrize("money", ["-5,100", "100,-5"])
def test_a_change_from_or_to_a_negative_mrr_is_refused(tmp_path: Path, money: str) -> None:
    header = "id,line,account,kind,at,on,before,after,currency"
    sources = zip(CHANGE_COLUMNS, header.split(","), strict=True)
    mapping = {
        "table": "subscription_changes",
        "timezone": "UTC",
        "known_at": "arrival",
        "columns": {
            name: {"from": source, "unit": "minor"} if name.startswith("mrr_") else source
            for name, source in sources
        },
    }
    lines = [f"c1,s1,a1,expansion,2024-01-05,2024-01-05,{money},GBP"]
    lines += ["c2,s1,a1,expansion,2024-01-06,2024-01-06,5,9,GBP"]
    report = take(tmp_path, write_csv(tmp_path, *lines, header=header), mapping)
    assert [row["rule"] for row in refused(report)] == ["negative_mrr"]
