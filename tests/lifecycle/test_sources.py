"""Files and databases as other systems export them."""

import gzip
import json
import sqlite3
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lifecycle.errors import TableError, UsageError
from lifecycle.sources import text_lines
from lifecycle.sources.sql import export_rows, safe_address
from tests.lifecycle.exports import (
    GOOD,
    HEADER,
    mapping_with,
    refused,
    stored,
    take,
    write_csv,
)

ROW = {"id": "o1", "account": "a1", "at": "2024-01-05T10:00:00Z", "amount": 12.5, "currency": "GBP"}


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "e.csv").write_text("\n \n")
    with pytest.raises(TableError, match=r"e\.csv is empty; expected a header and rows"):
        take(tmp_path, tmp_path / "e.csv")


def test_a_header_that_names_a_column_twice_is_refused(tmp_path):
    source = write_csv(tmp_path, f"{GOOD},1", header=f"{HEADER},amount")
    with pytest.raises(TableError, match="header names 'amount' 2 times"):
        take(tmp_path, source)


def test_utf16_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "w.csv").write_text(f"{HEADER}\n{GOOD}\n", encoding="utf-16")
    with pytest.raises(TableError, match="is UTF-16; expected UTF-8"):
        take(tmp_path, tmp_path / "w.csv")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    (tmp_path / "b.csv").write_text(f"{HEADER}\r\n{GOOD}\r\n", encoding="utf-8-sig", newline="")
    assert take(tmp_path, tmp_path / "b.csv").tables["orders"]["added"] == 1


def test_lines_of_another_encoding_are_read_and_counted(tmp_path):
    lines = [f"{GOOD},Genève", "o2,a1,2024-01-05,1,GBP,Zürich", "o3,a1,2024-01-05,1,GBP,Köln"]
    codes = ["utf-8", "cp1252", "utf-8"]
    coded = [line.encode(code) for line, code in zip(lines, codes, strict=True)]
    (tmp_path / "m.csv").write_bytes(b"\n".join([f"{HEADER},town".encode(), *coded]))
    report = take(tmp_path, tmp_path / "m.csv", mapping_with({"country": "town"}))
    assert [row["country"] for row in stored(tmp_path)] == ["Genève", "Zürich", "Köln"]
    assert report.notes == {"cp1252_line": 1}


def test_quoted_line_ends_and_blank_lines_keep_the_line_numbers(tmp_path):
    lines = [
        'o1,"a\n1",2024-01-05,1,GBP',
        "",
        ",,,,",
        "o2,a2,2024-01-05,1,GBP",
        "o3,a3,never,1,GBP",
    ]
    report = take(tmp_path, write_csv(tmp_path, *lines))
    assert [(row["line"], row["rule"]) for row in refused(report)] == [
        (2, "id_form"),
        (7, "not_a_date"),
    ]
    assert report.notes == {"blank_line": 2}
    assert report.read_count == 3


def test_a_stray_quote_costs_its_own_line_only(tmp_path):
    lines = [GOOD, 'o2,"a2,2024-01-05,1,GBP', "o3,a3,2024-01-05,1,GBP", "o4,a4,2024-01-05,1,GBP"]
    report = take(tmp_path, write_csv(tmp_path, *lines))
    assert [row["order_id"] for row in stored(tmp_path)] == ["o1", "o3", "o4"]
    assert [(row["line"], row["rule"]) for row in refused(report)] == [(3, "wrong_column_count")]


def test_blocks_are_cut_between_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(text_lines, "BLOCK_BYTES", 64)
    lines = [f'o{n},"a{n}",2024-01-05,1,GBP' for n in range(200)]
    lines[50] = 'o50,"a\n\n\n50",2024-01-05,1,GBP'
    report = take(tmp_path, write_csv(tmp_path, *lines))
    assert report.tables["orders"]["added"] == 199
    assert [(row["line"], row["rule"]) for row in refused(report)] == [(52, "id_form")]


def test_a_delimiter_and_decimal_commas_are_understood(tmp_path):
    (tmp_path / "d.csv").write_text(
        f"{HEADER}\n{GOOD}\n".replace(",", ";").replace("12.50", "1.012,50")
    )
    mapping = mapping_with(source={"delimiter": ";", "decimal_comma": True})
    take(tmp_path, tmp_path / "d.csv", mapping)
    assert stored(tmp_path)[0]["amount_minor"] == 101_250


def test_a_gzipped_file_is_read_and_a_cut_off_one_refused(tmp_path):
    packed = gzip.compress(f"{HEADER}\n{GOOD}\n".encode() * 50)
    (tmp_path / "g.csv.gz").write_bytes(gzip.compress(f"{HEADER}\n{GOOD}\n".encode()))
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    assert take(tmp_path, tmp_path / "g.csv.gz").tables["orders"]["added"] == 1
    with pytest.raises(TableError, match="expected a whole gzip file"):
        take(tmp_path, tmp_path / "cut.csv.gz")


def test_json_lines_keep_every_digit(tmp_path):
    text = json.dumps(ROW).replace("12.5", "9007199254740.93")
    (tmp_path / "o.jsonl").write_text(f"{text}\n")
    take(tmp_path, tmp_path / "o.jsonl")
    assert stored(tmp_path)[0]["amount_minor"] == 900_719_925_474_093


def test_a_json_line_that_is_no_object_is_refused_alone(tmp_path):
    lines = [json.dumps(ROW), "{broken", "[1]", "", json.dumps({**ROW, "id": "o2", "amount": None})]
    (tmp_path / "o.jsonl").write_text("\n".join(lines))
    found = refused(take(tmp_path, tmp_path / "o.jsonl"))
    assert [(row["line"], row["rule"]) for row in found] == [
        (2, "not_json"),
        (3, "not_json"),
        (5, "missing_value"),
    ]


def test_parquet_types_are_taken_as_they_are(tmp_path):
    frame = {
        "id": pa.array([489434.0, None]),
        "account": pa.array(["a1", "a1"]).dictionary_encode(),
        "at": pa.array([pd.Timestamp("2023-07-01 00:30")] * 2, pa.timestamp("ns")),
        "amount": pa.array([Decimal("12.50"), Decimal("1.00")]),
        "currency": pa.array(["GBP", "GBP"], pa.large_string()),
    }
    pq.write_table(pa.table(frame), tmp_path / "o.parquet")
    report = take(tmp_path, tmp_path / "o.parquet")
    (row,) = stored(tmp_path)
    assert (row["order_id"], row["amount_minor"]) == ("489434", 1250)
    assert row["ordered_at"].isoformat() == "2023-06-30T23:30:00+00:00"
    assert report.quarantined == {"missing_value": 1}


def test_a_parquet_column_of_the_wrong_type_is_refused_row_by_row(tmp_path):
    frame = {name: [value] * 2 for name, value in ROW.items()}
    frame["amount"] = [[1], [2]]
    pq.write_table(pa.table(frame), tmp_path / "o.parquet")
    with pytest.raises(Exception, match="2 of 2 rows broke a rule"):
        take(tmp_path, tmp_path / "o.parquet")


def test_a_truncated_parquet_file_is_refused(tmp_path):
    pq.write_table(pa.table({name: [value] for name, value in ROW.items()}), tmp_path / "o.parquet")
    whole = (tmp_path / "o.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:-10])
    with pytest.raises(TableError, match=r"cut\.parquet: .*; expected a whole Parquet file"):
        take(tmp_path, tmp_path / "cut.parquet")


def test_a_sql_query_is_read(tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("create table sales (id, account, at, amount, currency)")
        shop.execute("insert into sales values ('o1', 'a1', '2024-01-05 10:00', 12.5, 'GBP')")
    shop.close()
    mapping = mapping_with(source={"query": "select * from sales"})
    report = take(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}", mapping)
    assert report.tables["orders"]["added"] == 1
    assert list((tmp_path / "imports").iterdir()) == []


def test_a_query_that_fails_is_one_line_without_secrets(tmp_path):
    mapping = mapping_with(source={"query": "select * from sales"})
    with pytest.raises(TableError, match="no such table: sales"):
        take(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}", mapping)


def test_a_password_is_never_shown(tmp_path):
    address = "postgresql+psycopg://reader:hush-hush@127.0.0.1:1/sales?sslpassword=hush-hush"
    with pytest.raises(TableError) as caught:
        export_rows(address, "select 1", tmp_path / "out")
    assert "hush" not in str(caught.value)
    assert "hush" not in safe_address(address)


def test_a_sql_address_without_a_query_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no query for sqlite:"):
        take(tmp_path, "sqlite:///x.db")


def test_a_file_of_unknown_kind_is_refused(tmp_path):
    (tmp_path / "o.xlsx").write_bytes(b"PK")
    with pytest.raises(UsageError, match=r"'o\.xlsx' of unknown kind"):
        take(tmp_path, tmp_path / "o.xlsx")
