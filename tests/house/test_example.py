"""The bundled real data: its counts and sums, and the population of protocol OR2-90 on it."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from truecast import main

FOLDER = Path(__file__).parents[2] / "examples" / "online_retail_ii"

# protocol OR2-90 as the data page words it, on documents instead of lines
OR2_90 = """
with purchases as (
    select customer_id, invoice_date, amount from orders
    where kind = 'sale' and amount > 0 and customer_id is not null
), population as (
    select distinct customer_id from purchases where invoice_date < timestamp '2011-09-10'
), spend as (
    select customer_id, sum(amount) as pounds from purchases
    where invoice_date >= timestamp '2011-09-10' and invoice_date < timestamp '2011-12-09'
    group by customer_id
)
select count(*), sum(coalesce(pounds, 0)), count(pounds) / count(*)
from population left join spend using (customer_id)
"""

QUARTERS = """
select sum(amount) from orders where invoice_date < timestamp '2011-12-01'
group by date_trunc('quarter', invoice_date + interval 1 month)
order by date_trunc('quarter', invoice_date + interval 1 month)
"""


@pytest.fixture(scope="module")
def orders() -> pa.Table:
    return pq.read_table(FOLDER / "orders.parquet")


@pytest.fixture(scope="module")
def accounts() -> pa.Table:
    return pq.read_table(FOLDER / "accounts.parquet")


def test_every_invoice_is_there_once(orders: pa.Table) -> None:
    assert orders.num_rows == 53_270
    assert len(orders["invoice"].unique()) == 53_270


def test_kinds_count_and_add_up_to_the_penny(orders: pa.Table) -> None:
    query = "select kind, count(*), sum(amount) from orders group by kind order by kind"
    found = duckdb.query(query).fetchall()
    assert found == [
        ("adjustment", 4_905, Decimal("-158676.14")),
        ("credit", 8_287, Decimal("-1465677.23")),
        ("sale", 40_078, Decimal("20534097.47")),
    ]


def test_the_sign_of_an_amount_follows_its_kind(orders: pa.Table) -> None:
    wrong = "(kind = 'sale' and amount <= 0) or (kind = 'credit' and amount >= 0)"
    assert duckdb.query(f"select count(*) from orders where {wrong}").fetchall() == [(0,)]


def test_population_and_spend_are_those_of_protocol_or2_90(orders: pa.Table) -> None:
    (population, spend, share) = duckdb.query(OR2_90).fetchall()[0]
    assert population == 5_281
    assert round(spend) == 2_868_162
    assert round(share, 3) == 0.434


def test_eight_fiscal_quarters_have_their_known_revenue(orders: pa.Table) -> None:
    found = [round(pounds) for (pounds,) in duckdb.query(QUARTERS).fetchall()]
    assert found == [
        1_956_971, 1_971_752, 1_911_799, 3_321_473, 1_807_020, 1_899_808, 2_055_104, 3_552_149
    ]  # fmt: skip


def test_the_days_covered_are_those_of_the_source(orders: pa.Table) -> None:
    days = orders["invoice_date"].to_pylist()
    assert (min(days), max(days)) == (datetime(2009, 12, 1, 7, 45), datetime(2011, 12, 9, 12, 50))  # noqa: DTZ001


def test_each_account_row_is_a_first_sight_of_a_country(
    orders: pa.Table, accounts: pa.Table
) -> None:
    assert accounts.num_rows == 5_973
    assert set(accounts["customer_id"].unique()) == set(orders["customer_id"].drop_null().unique())
    pairs = list(zip(*(accounts[name].to_pylist() for name in accounts.column_names), strict=True))
    assert len(set(pairs)) == len(pairs)


def test_the_attribution_goes_with_the_files() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for words in ("Chen, D. (2012)", "doi.org/10.24432/C5CG6D", "CC BY 4.0", "Changes:"):
        assert words in text


def test_both_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.parquet")) < 2_000_000


@pytest.mark.parametrize(("name", "rows"), [("accounts", 5_973), ("orders", 53_270)])
def test_its_mapping_takes_every_row(
    name: str, rows: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "truecast.toml").write_text('currency = "GBP"\ntimezone = "Europe/London"\n')
    mapping = FOLDER.parent / "mappings" / f"online_retail_ii_{name}.toml"
    words = ["ingest", str(FOLDER / f"{name}.parquet"), "--mapping", str(mapping), "--json"]
    assert main([*words, "--data-dir", str(tmp_path)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["read_count"], report["quarantined"]) == (rows, {})
