"""The door: exit codes, one clear line, and figures for machines."""

import json
from pathlib import Path

import pytest

import truecast
from tests.lifecycle.exports import GOOD, write_csv

ROOT = Path(__file__).parents[2]
MAPPING = """
table = "orders"
known_at = { event_clock_delay = "1d" }
[columns]
order_id = "id"
account_id = "account"
ordered_at = "at"
kind = { sign_of = "amount_minor" }
amount_minor = { from = "amount", unit = "major" }
currency = "currency"
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run `truecast ingest` on lines; give the exit code, stdout and stderr."""
    monkeypatch.setenv("TRUECAST_CURRENCY", "GBP")
    (tmp_path / "m.toml").write_text(MAPPING)

    def go(*lines, options=(), **source):
        given = [str(write_csv(tmp_path, *lines, **source)), "--mapping", str(tmp_path / "m.toml")]
        data = ["--data-dir", str(tmp_path / "data")]
        code = truecast.main(["ingest", *given, *data, *options])
        return code, *capsys.readouterr()

    return go


def test_good_rows_go_in_and_are_counted(run):
    code, out, _ = run(GOOD)
    assert code == 0
    assert "orders" in out
    assert "read 1 rows in" in out


def test_the_same_again_says_so(run):
    run(GOOD)
    code, out, _ = run(GOOD)
    assert code == 0
    assert "is already in the lake, nothing changed" in out


def test_machines_get_one_json_document(run):
    code, out, _ = run(GOOD, options=["--json"])
    document = json.loads(out)
    assert code == 0
    assert document["tables"]["orders"]["added"] == 1
    assert document["known_sources"] == {"orders": {"assumed": 1}}


def test_too_many_bad_rows_leave_with_4_and_one_line(run):
    code, _, err = run(GOOD, "o2,a1,2024-01-05,x,GBP")
    assert code == 4
    last = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(last) == 1
    assert "1 of 2 rows broke a rule (not_a_number 1)" in last[0]


def test_the_refused_rows_file_is_named(run):
    code, out, _ = run(GOOD, "o2,a1,2024-01-05,x,GBP", options=["--max-bad", "0.5"])
    assert code == 0
    assert "refused rows are kept in" in out
    assert "not_a_number" in out


def test_a_missing_column_leaves_with_4(run):
    code, _, err = run(GOOD, header="id,account,at,total,currency")
    assert code == 4
    assert "no column 'amount' among" in err


def test_a_wrong_share_leaves_with_2(run):
    assert run(GOOD, options=["--max-bad", "7"])[0] == 2


def test_a_damaged_lake_leaves_with_5(run, tmp_path):
    run(GOOD)
    (file,) = (tmp_path / "data" / "lake" / "orders").glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-9])
    code, _, err = run(GOOD, "o2,a1,2024-01-05,2,GBP")
    assert code == 5
    assert f"{file.name} is damaged" in err


def test_the_dictionary_is_printed_and_written(tmp_path, capsys):
    assert truecast.main(["dictionary"]) == 0
    assert "### `orders`" in capsys.readouterr().out
    assert truecast.main(["dictionary", "--write", str(tmp_path / "d.md")]) == 0
    assert "### `orders`" in (tmp_path / "d.md").read_text()


@pytest.mark.parametrize(("name", "rows"), [("orders", 53_270), ("accounts", 5_973)])
def test_the_bundled_real_data_goes_in_whole(tmp_path, monkeypatch, capsys, name, rows):
    monkeypatch.setenv("TRUECAST_CURRENCY", "GBP")
    source = ROOT / "examples" / "online_retail_ii" / f"{name}.parquet"
    mapping = ROOT / "examples" / "mappings" / f"online_retail_ii_{name}.toml"
    given = [str(source), "--mapping", str(mapping), "--data-dir", str(tmp_path), "--json"]
    assert truecast.main(["ingest", *given]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["tables"][name]["added"] == document["read_count"] == rows
