"""Make the example's two Parquet files from the published invoice lines.

Run from the project's root::

    python examples/online_retail_ii/build.py ../shared/data/online_retail_ii

Nothing is drawn, sampled or invented here: lines are summed per invoice, and a customer gets one
row per country it was seen in. README.md beside this file says whose data it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent

# Prices become decimals before they are summed: sums of binary fractions depend on their order.
# 18 lines are priced at a tenth of a penny, so the sum has three places and is rounded once.
ORDERS = """
with lines as (
    select invoice, customer_id, invoice_date, stock_code, quantity, country,
           price::decimal(12, 3) as price
    from read_parquet(?)
), invoices as (
    select invoice, any_value(customer_id) as customer, min(invoice_date) as invoice_date,
           sum(quantity * price) as exact, sum(quantity) as units, count(*) as lines,
           count(distinct stock_code) as products, any_value(country) as country,
           bool_or(quantity > 0 and price > 0) as sold, bool_or(quantity < 0 and price > 0) as taken
    from lines group by invoice
)
select invoice, customer::varchar as customer_id, invoice_date::timestamp as invoice_date,
       case when sold then 'sale' when taken then 'credit' else 'adjustment' end as kind,
       exact::decimal(12, 2) as amount, units::bigint as units, lines::bigint as lines,
       products::bigint as products, country
from invoices order by invoice_date, invoice
"""

# A customer's country is what its latest invoice says; a new row only when that changes.
ACCOUNTS = """
with seen as (
    select customer_id, country, invoice_date, invoice,
           lag(country) over (partition by customer_id order by invoice_date, invoice) as before
    from orders where customer_id is not null
)
select customer_id, country, invoice_date as first_seen
from seen where before is null or before <> country order by first_seen, customer_id
"""


def build_orders(lines: Path) -> pa.Table:
    """Sum the lines of each invoice; ``amount`` in pounds with two places, times are UK local."""
    return duckdb.execute(ORDERS, [str(lines)]).to_arrow_table()


def build_accounts(orders: pa.Table) -> pa.Table:
    """List each customer's countries with the first time each was seen."""
    with duckdb.connect() as connection:
        connection.register("orders", orders)
        return connection.execute(ACCOUNTS).to_arrow_table()


def save_compact(table: pa.Table, path: Path) -> None:
    """Write one small Parquet file: a single row group, zstd at its strongest."""
    pq.write_table(
        table, path, compression="zstd", compression_level=22, row_group_size=table.num_rows
    )


def main(arguments: list[str]) -> int:
    """Build both files from the folder that holds ``online_retail_ii.parquet``."""
    if len(arguments) != 1:
        sys.stderr.write("usage: build.py FOLDER (the one with online_retail_ii.parquet)\n")
        return 2
    orders = build_orders(Path(arguments[0]) / "online_retail_ii.parquet")
    accounts = build_accounts(orders)
    save_compact(orders, HERE / "orders.parquet")
    save_compact(accounts, HERE / "accounts.parquet")
    sys.stderr.write(f"{orders.num_rows} orders, {accounts.num_rows} account rows\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
