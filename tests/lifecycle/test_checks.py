"""Values and rows against the rules, column by column."""

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.checks.columns import as_text
from lifecycle.checks.dates import read_days, read_instants
from lifecycle.checks.numbers import read_numbers, to_minor
from lifecycle.checks.repeated import KeyIndex
from lifecycle.checks.rules import Faults
from lifecycle.tables.catalog import find_table
from tests.builders import order, reader
from tests.lifecycle.exports import mapping_with, refused, stored, take, write_csv

LONDON = ZoneInfo("Europe/London")


def instant(text, *formats, zone=LONDON):
    return read_instants(pa.array([text]), formats, zone).values[0].as_py()


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2011-07-01", "2011-06-30T23:00"),
        ("2011-07-01 10:30", "2011-07-01T09:30"),
        ("2011-07-01T10:30:15.25", "2011-07-01T09:30:15.250"),
        ("2011-07-01T10:30:00Z", "2011-07-01T10:30"),
        ("2011-07-01 10:30:00+02:00", "2011-07-01T08:30"),
        ("2011-01-01 10:30", "2011-01-01T10:30"),
    ],
)
def test_naive_times_are_local_and_aware_ones_are_what_they_say(text, utc):
    assert instant(text) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_a_time_that_comes_twice_is_the_earlier_one():
    assert instant("2011-10-30 01:30").hour == 0


def test_a_time_that_does_not_exist_is_when_clocks_had_changed():
    assert instant("2011-03-27 01:30") == datetime(2011, 3, 27, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2011", "20110701", "2011-13-01", "1/7/2011", "tomorrow", "0"])
def test_what_is_no_iso_date_is_not_guessed(text):
    parsed = read_instants(pa.array([text]), (), LONDON)
    assert parsed.unread.tolist() == [True]
    assert parsed.values.null_count == 1


def test_several_formats_are_tried():
    both = ("%d.%m.%Y", "%Y/%m/%d")
    assert instant("05.03.2011", *both) == instant("2011/03/05", *both)


def test_a_date_that_two_formats_read_differently_is_ambiguous():
    texts = pa.array(["05/03/2011", "25/03/2011", "05/05/2011"])
    parsed = read_instants(texts, ("%d/%m/%Y", "%m/%d/%Y"), LONDON)
    assert parsed.ambiguous.tolist() == [True, False, False]
    assert not parsed.unread.any()


@pytest.mark.parametrize(
    ("text", "form"), [("1309516200", "epoch_s"), ("1309516200000", "epoch_ms")]
)
def test_seconds_since_1970_are_a_format(text, form):
    assert instant(text, form) == datetime(2011, 7, 1, 10, 30, tzinfo=UTC)


def test_a_day_is_the_day_it_is_in_the_zone():
    days = read_days(pa.array(["2011-07-01", "2011-06-30T23:30Z"]), (), LONDON)
    assert days.values.to_pylist() == [date(2011, 7, 1)] * 2


def test_repeated_dates_are_parsed_alike():
    texts = ["2011-07-01", None, "never"] * 5
    parsed = read_instants(pa.array(texts), (), LONDON)
    assert parsed.unread.tolist() == [False, False, True] * 5
    assert parsed.values.null_count == 10


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234.50", 1234.5),
        ("+7", 7.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-0", 0.0),
        ("1,234", 1234.0),
    ],
)
def test_a_number_is_read(text, value):
    assert read_numbers(pa.array([text])).values[0] == value


@pytest.mark.parametrize("text", ["1,23", "1.234,5", "12 €", "0x10", "1_000", "--1", "e5"])
def test_what_is_no_number_is_not_guessed(text):
    assert read_numbers(pa.array([text])).unread.tolist() == [True]


@given(st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=4))
def test_money_is_rounded_as_decimals_are(amount):
    expected = int((amount * 100).quantize(Decimal(1), ROUND_HALF_EVEN))
    money = to_minor(read_numbers(pa.array([format(amount, "f")])), np.array([2]))
    assert money.minor.tolist() == [expected]


def test_money_knows_the_digits_of_its_currency():
    numbers = read_numbers(pa.array(["12", "12", "12"]))
    assert to_minor(numbers, np.array([0, 2, 3])).minor.tolist() == [12, 1200, 12000]


def test_money_from_binary_floats_is_whole():
    money = to_minor(read_numbers(pa.array([0.29, 1.1, 4.35])), np.array([2, 2, 2]))
    assert money.minor.tolist() == [29, 110, 435]
    assert not money.rounded.any()


def test_ids_that_came_as_floats_lose_their_point():
    assert as_text(pa.array([1.0, None, 3.0])).to_pylist() == ["1", None, "3"]
    assert as_text(pa.array([1.5, float("nan")])).to_pylist() == ["1.5", None]


def test_a_row_has_the_first_fault_only():
    faults = Faults(2)
    faults.add("not_a_number", "a", np.array([True, False]))
    faults.add("missing_value", "b", np.array([True, True]))
    assert [faults.labels[code - 1][0] for code in faults.codes] == [
        "not_a_number",
        "missing_value",
    ]


def test_a_rule_without_a_name_is_a_mistake():
    with pytest.raises(KeyError):
        Faults(1).add("no_such_rule", "a", np.array([True]))


def test_the_first_of_a_key_counts_over_chunks():
    index = KeyIndex(find_table("orders"))
    first = next(iter(reader("orders", [order(order_id="x"), order(order_id="y")])))
    again = [order(order_id="x"), order(order_id="y", amount_minor=1), order(order_id="z")]
    assert not index.add(first).identical.any()
    repeats = index.add(next(iter(reader("orders", [*again, order(order_id="z")]))))
    assert repeats.identical.tolist() == [True, False, False, True]
    assert repeats.different.tolist() == [False, True, False, False]


def test_a_value_map_names_every_value_or_has_a_default(tmp_path):
    lines = ["o1,FR,2024-01-05,1,GBP", "o2,XX,2024-01-05,1,GBP"]
    strict = mapping_with({"segment": {"from": "account", "values": {"FR": "Europe"}}})
    report = take(tmp_path, write_csv(tmp_path, *lines), strict)
    assert [row["rule"] for row in refused(report)] == ["value_unmapped"]
    entry = {"from": "account", "values": {"FR": "Europe"}, "default": "Rest"}
    take(tmp_path / "b", write_csv(tmp_path, *lines), mapping_with({"segment": entry}))
    assert [row["segment"] for row in stored(tmp_path / "b")] == ["Europe", "Rest"]


def test_text_of_more_than_200_signs_is_refused(tmp_path):
    header = "id,account,at,amount,currency,town"
    lines = [f"o{n},a1,2024-01-05,1,GBP,{'x' * (200 + n)}" for n in range(2)]
    mapping = mapping_with({"country": "town"})
    report = take(tmp_path, write_csv(tmp_path, *lines, header=header), mapping)
    assert [row["rule"] for row in refused(report)] == ["text_too_long"]


def test_ids_can_be_joined_from_several_columns(tmp_path):
    mapping = mapping_with({"order_id": {"from": ["account", "id"]}})
    take(tmp_path, write_csv(tmp_path, "7,a1,2024-01-05,1,GBP"), mapping)
    assert stored(tmp_path)[0]["order_id"] == "a1:7"


def test_digits_below_the_minor_unit_are_rounded_and_counted(tmp_path):
    report = take(
        tmp_path, write_csv(tmp_path, "o1,a1,2024-01-05,1.005,GBP", "o2,a,2024-01-05,1,GBP")
    )
    assert stored(tmp_path)[0]["amount_minor"] == 100
    assert report.notes == {"money_rounded": 1}


def test_shares_flags_and_listed_values_are_checked(tmp_path):
    mapping = {
        "table": "stage_maps",
        "known_at": "arrival",
        "columns": {
            "pipeline": {"value": "p"},
            "source_stage": "stage",
            "effective_from": "since",
            "stage": "stage",
            "position": "place",
            "win_share": "share",
            "is_won": "won",
            "is_lost": {"value": "no"},
        },
    }
    lines = ["a,2024-01-01,0,0.5,yes", "b,2024-01-01,1,1.5,no", "c,2024-01-01,2,,maybe"]
    header = "stage,since,place,share,won"
    report = take(tmp_path, write_csv(tmp_path, *lines, header=header), mapping)
    assert [row["rule"] for row in refused(report)] == ["share_range", "not_a_flag"]
    assert stored(tmp_path, "stage_maps")[0]["is_won"] is True
