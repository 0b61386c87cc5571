"""The declarations keep the promises that readers of the lake rely on."""

import pytest

from lifecycle.errors import TableError
from lifecycle.tables.arrow import arrow_schema
from lifecycle.tables.catalog import ERASABLE_TABLES, FACT_TABLES, TABLES, find_table

EVERY_TABLE = list(FACT_TABLES.values())
BY_NAME = pytest.mark.parametrize("table", EVERY_TABLE, ids=[table.name for table in EVERY_TABLE])
UNIT_ENDINGS = {
    "_minor": "minor",
    "_at": "instant",
    "_on": "day",
    "_days": "days",
    "_months": "months",
    "_minutes": "minutes",
}


@BY_NAME
def test_a_table_names_each_column_once_and_its_key_is_never_null(table):
    assert len(set(table.names)) == len(table.names)
    assert all(not table.column(name).null for name in table.key)


@BY_NAME
def test_an_event_has_one_key_column_and_an_instant_as_clock(table):
    if table.kind == "event":
        assert len(table.key) == 1
        assert table.column(table.event_clock).type == "timestamp"
        assert not table.column(table.event_clock).null


@BY_NAME
def test_a_column_name_ends_in_its_unit(table):
    for column in table.columns:
        for ending, unit in UNIT_ENDINGS.items():
            if column.name.endswith(ending):
                assert column.unit == unit, column.name


@BY_NAME
def test_money_stands_beside_a_currency(table):
    if any(column.unit == "minor" for column in table.columns):
        assert "currency" in table.names


@BY_NAME
def test_every_fact_ends_in_the_three_system_columns(table):
    assert arrow_schema(table).names[-3:] == ["known_at", "known_source", "batch_id"]


def test_no_lake_table_names_a_person():
    personal = {"email", "phone"}
    assert not any(personal & set(table.names) for table in TABLES.values())
    assert personal <= set(ERASABLE_TABLES["contact_details"].names)


def test_orders_are_the_settled_columns():
    names = "order_id account_id ordered_at kind amount_minor currency units_count lines_count"
    names += " products_count segment country channel"
    assert find_table("orders").names == tuple(names.split())


def test_an_unknown_table_is_refused_with_the_known_ones():
    with pytest.raises(TableError, match="table 'ordrs'; expected one of account_merges"):
        find_table("ordrs")


def test_an_unknown_column_is_a_key_error():
    with pytest.raises(KeyError):
        find_table("orders").column("colour")
