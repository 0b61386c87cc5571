"""From a source to the lake: every row is added, known already, refused with a reason, or equal."""

from datetime import UTC, datetime

import pytest

from lifecycle.errors import RowsError, TableError, UsageError
from lifecycle.lake import Lake
from tests.lifecycle.exports import (
    GOOD,
    HEADER,
    MAPPING,
    mapping_with,
    refused,
    rules_of,
    stored,
    take,
    write_csv,
)

BAD_LINES = {
    "not_a_number": "b,a1,2024-01-05,abc,GBP",
    "not_finite": "b,a1,2024-01-05,NaN,GBP",
    "out_of_range": "b,a1,2024-01-05,99999999999999999,GBP",
    "missing_value": "b,a1,2024-01-05,,GBP",
    "not_a_date": "b,a1,05/01/2024,1.00,GBP",
    "future_event": "b,a1,2024-06-03,1.00,GBP",
    "id_form": "b c,a1,2024-01-05,1.00,GBP",
    "id_like_email": "b,ann@example.com,2024-01-05,1.00,GBP",
    "currency_unknown": "b,a1,2024-01-05,1.00,XXX",
    "currency_foreign": "b,a1,2024-01-05,1.00,USD",
    "key_repeated": "o1,a1,2024-01-05,1.00,GBP",
    "wrong_column_count": "b,a1,2024-01-05,1.00",
}


@pytest.mark.parametrize("rule", BAD_LINES)
def test_a_bad_row_is_refused_by_its_rule_and_the_good_one_goes_in(tmp_path, rule):
    assert rules_of(tmp_path, BAD_LINES[rule]) == [rule]
    assert [row["order_id"] for row in stored(tmp_path)] == ["o1"]


@pytest.mark.parametrize("value", ["inf", "-Infinity", "nan", "1e400"])
def test_no_spelling_of_infinity_or_nan_gets_in(tmp_path, value):
    assert rules_of(tmp_path, f"b,a1,2024-01-05,{value},GBP") == ["not_finite"]


@pytest.mark.parametrize(
    "identity", ["", "x" * 65, "a/b", "a b", "é", "ann@example.com", "ann.at.example.com"]
)
def test_an_id_that_is_none_is_refused(tmp_path, identity):
    assert rules_of(tmp_path, f"{identity},a1,2024-01-05,1.00,GBP")[0] in {
        "missing_value",
        "id_form",
        "id_like_email",
    }


def test_an_id_of_64_signs_is_taken(tmp_path):
    assert rules_of(tmp_path, f"{'x' * 64},a1,2024-01-05,1.00,GBP") == []


def test_the_refused_row_is_kept_with_its_line_number_and_reason(tmp_path):
    report = take(tmp_path, write_csv(tmp_path, GOOD, BAD_LINES["not_a_number"]))
    assert refused(report) == [
        {
            "line": 3,
            "rule": "not_a_number",
            "column": "amount_minor",
            "reason": "the value is not a number",
            "row": {
                "id": "b",
                "account": "a1",
                "at": "2024-01-05",
                "amount": "abc",
                "currency": "GBP",
            },
        }
    ]


def test_the_quarantine_masks_what_reaches_a_person(tmp_path):
    line = "ann@example.com,+44 20 7946 0958,2024-01-05,1.00,GBP"
    (row,) = refused(take(tmp_path, write_csv(tmp_path, GOOD, line)))
    assert (row["row"]["id"], row["row"]["account"]) == ("***", "***")


def test_the_quarantine_is_readable_by_its_owner_only(tmp_path):
    report = take(tmp_path, write_csv(tmp_path, GOOD, BAD_LINES["not_a_number"]))
    (file,) = (tmp_path / "quarantine").iterdir()
    assert str(file) == report.quarantine_file
    assert file.stat().st_mode & 0o777 == 0o600


def test_every_row_sent_is_accounted_for(tmp_path):
    take(tmp_path, write_csv(tmp_path, GOOD, name="earlier.csv"))
    lines = [GOOD, *BAD_LINES.values(), "o2,a1,2024-01-06,1.00,GBP", "o2,a1,2024-01-06,1.00,GBP"]
    report = take(tmp_path, write_csv(tmp_path, *lines))
    counts = report.tables["orders"]
    assert (counts["added"], counts["already_known"]) == (1, 1)
    assert sum(report.quarantined.values()) == len(BAD_LINES)
    assert report.notes["identical_duplicate"] == 1
    assert report.read_count == len(lines) == 1 + 1 + len(BAD_LINES) + 1


def test_more_than_the_allowed_share_of_bad_rows_refuses_the_batch(tmp_path):
    lines = [f"o{n},a1,2024-01-05,1.00,GBP" for n in range(19)]
    source = write_csv(tmp_path, *lines, BAD_LINES["not_a_number"])
    with pytest.raises(RowsError, match=r"1 of 20 rows broke a rule \(not_a_number 1\)"):
        take(tmp_path, source, max_bad=0.049)
    assert Lake(tmp_path / "lake").batches() == []
    assert take(tmp_path, source, max_bad=0.05).tables["orders"]["added"] == 19


def test_a_source_without_a_good_row_is_refused_even_if_all_may_be_bad(tmp_path):
    with pytest.raises(RowsError, match="1 of 1 rows broke a rule"):
        take(tmp_path, write_csv(tmp_path, BAD_LINES["not_finite"]), max_bad=1.0)


def test_a_source_without_rows_is_refused(tmp_path):
    with pytest.raises(RowsError, match="no rows in the source"):
        take(tmp_path, write_csv(tmp_path))


def test_the_same_source_again_changes_nothing(tmp_path):
    source = write_csv(tmp_path, GOOD)
    take(tmp_path, source)
    before = Lake(tmp_path / "lake").version()
    report = take(tmp_path, source, arrived_at=datetime(2025, 1, 1, tzinfo=UTC))
    assert report.repeated
    assert Lake(tmp_path / "lake").version() == before


def test_a_missing_column_is_named_with_what_was_found(tmp_path):
    source = write_csv(tmp_path, GOOD, header=HEADER.replace("amount", "total"))
    with pytest.raises(TableError, match=r"no column 'amount' among 'id', .*'total'.*; to do"):
        take(tmp_path, source)


def test_a_file_that_is_not_there_is_a_wrong_argument(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        take(tmp_path, tmp_path / "none.csv")


def test_zero_negative_and_positive_amounts_tell_the_kind(tmp_path):
    lines = ["o1,a1,2024-01-05,1,GBP", "o2,a1,2024-01-05,-1,GBP", "o3,a1,2024-01-05,0,GBP"]
    take(tmp_path, write_csv(tmp_path, *lines))
    kinds = [(row["kind"], row["amount_minor"]) for row in stored(tmp_path)]
    assert kinds == [("sale", 100), ("credit", -100), ("adjustment", 0)]


@pytest.mark.parametrize("amount", ["0", "-1.00"])
def test_a_sale_that_brings_nothing_is_refused(tmp_path, amount):
    columns = {"kind": {"value": "sale"}}
    assert rules_of(tmp_path, f"b,a1,2024-01-05,{amount},GBP", columns=columns) == ["sign_kind"]


def test_an_anonymous_sale_has_no_account(tmp_path):
    take(tmp_path, write_csv(tmp_path, "o1,,2024-01-05,1,GBP"))
    assert stored(tmp_path)[0]["account_id"] is None


def test_a_negative_count_is_refused(tmp_path):
    columns = {"lines_count": {"from": "account"}}
    lines = ["o1,3,2024-01-05,1,GBP", "o2,-3,2024-01-05,1,GBP", "o3,2.5,2024-01-05,1,GBP"]
    report = take(tmp_path, write_csv(tmp_path, *lines), mapping_with(columns))
    assert [row["rule"] for row in refused(report)] == ["negative_count", "not_whole"]


def test_known_at_is_the_event_clock_and_the_delay(tmp_path):
    take(tmp_path, write_csv(tmp_path, GOOD))
    (row,) = stored(tmp_path)
    assert row["known_at"] == datetime(2024, 1, 6, 10, tzinfo=UTC)
    assert row["known_source"] == "assumed"


def test_known_at_from_a_column_is_recorded(tmp_path):
    mapping = mapping_with(known_at={"column": "seen"})
    source = write_csv(tmp_path, f"{GOOD},2024-02-01T08:00Z", header=f"{HEADER},seen")
    report = take(tmp_path, source, mapping)
    assert stored(tmp_path)[0]["known_at"] == datetime(2024, 2, 1, 8, tzinfo=UTC)
    assert report.known_sources == {"orders": {"recorded": 1}}


def test_known_at_is_the_arrival_when_the_mapping_says_so(tmp_path):
    report = take(tmp_path, write_csv(tmp_path, GOOD), mapping_with(known_at="arrival"))
    assert stored(tmp_path)[0]["known_at"] == datetime(2024, 6, 1, tzinfo=UTC)
    assert report.known_sources == {"orders": {"arrival": 1}}


@pytest.mark.parametrize(
    ("seen", "rule"), [("2024-01-02", "known_before_event"), ("2024-07-01", "future_known")]
)
def test_a_known_at_that_cannot_be_is_refused(tmp_path, seen, rule):
    mapping = mapping_with(known_at={"column": "seen"})
    good = f"{GOOD},2024-02-01"
    bad = f"b,a1,2024-01-05,1,GBP,{seen}"
    report = take(tmp_path, write_csv(tmp_path, good, bad, header=f"{HEADER},seen"), mapping)
    assert report.quarantined == {rule: 1}


def test_a_corrected_export_corrects_the_lake(tmp_path):
    take(tmp_path, write_csv(tmp_path, GOOD))
    corrected = write_csv(tmp_path, GOOD.replace("12.50", "11.50"), name="again.csv")
    report = take(tmp_path, corrected)
    assert report.tables["orders"]["corrected"] == 1
    assert [row["amount_minor"] for row in stored(tmp_path)] == [1250, 1150]
    assert stored(tmp_path, "superseded")[0]["key"] == "o1"


def test_versions_of_an_account_come_in_together(tmp_path):
    mapping = {
        "table": "accounts",
        "known_at": {"column": "seen", "assumed": True},
        "columns": {"account_id": "id", "country": "land"},
    }
    lines = ["a1,FR,2024-01-01", "a1,DE,2024-02-01", "a1,DE,2024-03-01", "a1,IT,2024-02-01"]
    report = take(tmp_path, write_csv(tmp_path, *lines, header="id,land,seen"), mapping)
    assert [row["country"] for row in stored(tmp_path, "accounts")] == ["FR", "DE"]
    assert report.tables["accounts"]["already_known"] == 1
    assert report.quarantined == {"key_repeated": 1}


WIDE = {
    "table": "accounts",
    "known_at": {"column": "seen"},
    "columns": {"account_id": "id"},
    "attributes": ["*"],
    "attributes_exclude": ["notes"],
}


def test_further_columns_become_attributes(tmp_path):
    lines = ["a1,2024-01-01,12.5,gold,secret", "a2,2024-01-01,,n/a,secret"]
    take(tmp_path, write_csv(tmp_path, *lines, header="id,seen,size,tier,notes"), WIDE)
    found = [
        (row["entity_id"], row["name"], row["number"], row["text"])
        for row in stored(tmp_path, "attributes")
    ]
    assert sorted(found, key=str) == [
        ("a1", "size", 12.5, None),
        ("a1", "tier", None, "gold"),
        ("a2", "tier", None, "n/a"),
    ]


def test_an_attribute_that_looks_like_an_address_is_left_out_and_counted(tmp_path):
    source = write_csv(tmp_path, "a1,2024-01-01,ann@example.com", header="id,seen,who")
    assert take(tmp_path, source, WIDE).notes == {"attribute_contact_like": 1}
    assert stored(tmp_path, "attributes") == []


def test_a_million_rows_with_one_bad_one_lose_only_that_one(tmp_path):
    lines = [f"o{n},a{n % 999},2024-01-05 10:00,{n % 500 + 1}.25,GBP" for n in range(1_000_000)]
    lines[765_432] = "o765432,a1,2024-01-05 10:00,inf,GBP"
    report = take(tmp_path, write_csv(tmp_path, *lines), max_bad=0.05)
    assert report.tables["orders"]["added"] == 999_999
    assert [(row["line"], row["rule"]) for row in refused(report)] == [(765_434, "not_finite")]
    assert report.seconds < 60


def test_the_mapping_is_part_of_the_batch(tmp_path):
    source = write_csv(tmp_path, GOOD)
    assert take(tmp_path, source, MAPPING).repeated is False
