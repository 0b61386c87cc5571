"""What a mapping may say of rows, of ways to fill a column, of ids and of known attributes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from lifecycle.checks.columns import as_ids
from lifecycle.errors import TableError, UsageError
from lifecycle.sources.mapping_file import parse_mapping
from tests.lifecycle.deal_exports import DEALS, columns_of, take_lines
from tests.lifecycle.exports import refused, stored

FLAT: dict[str, Any] = {
    "table": "opportunities",
    "known_at": "arrival",
    "columns": {"opportunity_id": "id", "outcome": "end"},
    "attributes": {"columns": ["*"], "exclude": ["notes"]},
}
WRONG = {
    "a keep without values": ({"keep": {"from": "x"}}, "keep: .*; expected a table with from"),
    "an age nobody knows": (
        {"attributes": {"columns": ["*"], "known": {"x": "early"}}},
        r"\[attributes.known\] x: early; expected one of created, closed, unknown",
    ),
    "an unknown key of attributes": ({"attributes": {"names": []}}, r"\[attributes\]: key 'names'"),
    "two lists of exclusions": (
        {"attributes": {"columns": ["*"]}, "attributes_exclude": ["x"]},
        "attributes_exclude: beside .attributes.",
    ),
    "two ways to know": ({"known_at": {"value": "2020-01-01", "column": "x"}}, "known_at"),
}
WRONG_COLUMNS = {
    "a test without from": ({"stage": {"from": "x", "when": {"values": []}}}, "stage when"),
    "an id out of a day": ({"close_on": {"from": "x", "as_id": True}}, "close_on as_id"),
    "no way at all": ({"stage": []}, "at least one way to fill it"),
    "a source that is no text": ({"stage": {"from": 3}}, "a source column or a list"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_is_named(change, message):
    with pytest.raises(UsageError, match=message):
        parse_mapping({**DEALS, **change})


@pytest.mark.parametrize(("columns", "message"), WRONG_COLUMNS.values(), ids=list(WRONG_COLUMNS))
def test_what_is_wrong_in_a_column_is_named(columns, message):
    with pytest.raises(UsageError, match=message):
        parse_mapping({**DEALS, "columns": {**DEALS["columns"], **columns}})


def test_money_in_major_units_without_a_currency_is_refused():
    columns = {"opportunity_id": "id", "amount_minor": {"from": "x", "unit": "major"}}
    with pytest.raises(UsageError, match="unit: major; expected currency above"):
        parse_mapping({"table": "opportunities", "known_at": "arrival", "columns": columns})


def test_every_test_of_keep_must_hold(tmp_path):
    keep = [
        {"from": "end", "values": ["won", "lost"]},
        {"from": ["id", "end"], "values": ["1:won"]},
    ]
    report = take_lines(tmp_path, {**FLAT, "keep": keep}, "id,end", "1,won", "2,won", "3,open")
    assert report.notes["not_kept"] == 2
    assert columns_of(stored(tmp_path, "opportunities"), "opportunity_id") == [("1",)]


def test_the_line_number_of_a_refused_row_counts_rows_left_out(tmp_path):
    mapping = {**FLAT, "keep": {"from": "end", "values": ["won"]}}
    report = take_lines(tmp_path, mapping, "id,end", "1,open", "b d,won", "3,won")
    assert [row["line"] for row in refused(report)] == [3]


def test_the_first_way_that_gives_a_value_fills_the_column(tmp_path):
    columns = {**FLAT["columns"], "stage": [{"from": "a"}, "b", {"value": "none"}]}
    mapping = {"table": "opportunities", "known_at": "arrival", "columns": columns}
    take_lines(tmp_path, mapping, "id,end,a,b", "1,won,x,y", "2,won,,y", "3,won,,")
    rows = stored(tmp_path, "opportunities")
    assert columns_of(rows, "stage") == [("x",), ("y",), ("none",)]


def test_a_value_map_with_when_need_not_name_the_values_of_other_rows(tmp_path):
    when = {"from": "end", "values": ["won"]}
    stage = {"from": "a", "when": when, "values": {"x": "X"}, "default": "rest"}
    mapping = {**FLAT, "columns": {**FLAT["columns"], "stage": stage}}
    take_lines(tmp_path, mapping, "id,end,a", "1,won,x", "2,lost,?", "3,won,?")
    assert columns_of(stored(tmp_path, "opportunities"), "stage") == [("X",), (None,), ("rest",)]


def test_names_become_ids_that_stay_apart():
    names = ["Ann Lee", "Müller", "Möller", "x" * 70, "ann@example.com", None]
    ids = as_ids(pa.array(names)).to_pylist()
    assert (ids[0], ids[4], ids[5]) == ("Ann_Lee", "ann@example.com", None)
    assert len(set(ids[:4])) == 4
    assert all(len(one) <= 64 and one.isascii() for one in ids[:4])


def test_an_address_does_not_become_an_id(tmp_path):
    columns = {**FLAT["columns"], "owner_id": {"from": "who", "as_id": True}}
    mapping = {**FLAT, "columns": columns}
    report = take_lines(tmp_path, mapping, "id,end,who", "1,won,ann@example.com", "2,won,Ann Lee")
    assert [row["rule"] for row in refused(report)] == ["id_like_email"]


def test_of_a_deal_that_arrives_closed_nobody_knows_since_when(tmp_path):
    take_lines(tmp_path, FLAT, "id,end,size,notes", "1,won,5,x", "2,open,6,x")
    rows = stored(tmp_path, "attributes")
    assert columns_of(rows, "entity_id", "name", "known") == [
        ("1", "size", "unknown"),
        ("2", "size", None),
    ]


def test_a_dated_attribute_counts_from_its_own_clock(tmp_path):
    mapping = {**FLAT, "known_at": {"column": "at"}}
    take_lines(tmp_path, mapping, "id,end,size,at", "1,won,5,2024-01-05")
    assert stored(tmp_path, "attributes")[0]["known"] is None


def test_a_mapping_says_of_each_attribute_when_it_was_known(tmp_path):
    known = {"size": "created", "*": "closed"}
    mapping = {**FLAT, "attributes": {"columns": ["*"], "known": known}}
    take_lines(tmp_path, mapping, "id,end,size,days", "1,won,5,9")
    rows = stored(tmp_path, "attributes")
    assert sorted(columns_of(rows, "name", "known")) == [("days", "closed"), ("size", "created")]


def test_an_attribute_that_is_declared_and_not_there_is_named(tmp_path):
    mapping = {**FLAT, "attributes": {"columns": ["*"], "known": {"sise": "created"}}}
    with pytest.raises(TableError, match="no column 'sise' among 'id'"):
        take_lines(tmp_path, mapping, "id,end,size", "1,won,5")


def test_rows_of_one_id_with_other_attributes_are_not_equal(tmp_path):
    lines = ["1,won,5", "1,won,5", "1,won,6"]
    report = take_lines(tmp_path, FLAT, "id,end,size", *lines)
    assert report.notes == {"identical_duplicate": 1}
    assert [row["rule"] for row in refused(report)] == ["key_repeated"]


def test_iso_times_can_stand_beside_other_formats(tmp_path):
    columns = {**FLAT["columns"], "closed_at": {"from": "at", "formats": ["iso", "epoch_ms"]}}
    lines = ["1,won,2024-01-05T00:00:00Z", "2,won,1704412800000"]
    take_lines(tmp_path, {**FLAT, "columns": columns}, "id,end,at", *lines)
    first, second = stored(tmp_path, "opportunities")
    assert first["closed_at"] == second["closed_at"]
