"""A mapping file says what it means, or is refused with what was found and expected."""

from datetime import timedelta
from pathlib import Path

import pytest

from lifecycle.errors import UsageError
from lifecycle.sources.mapping_file import load_mapping, parse_mapping
from tests.lifecycle.exports import MAPPING, mapping_with

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "mappings").glob("*.toml"))

WRONG = {
    "an unknown table": ({"table": "ordres"}, "table: ordres; expected one of account_merges"),
    "an unknown key": ({"tables": "x"}, "key 'tables'; expected one of attributes"),
    "an unknown zone": ({"timezone": "Europe/Londn"}, "expected an IANA time zone"),
    "two currencies": ({"currency": "GBP"}, "currency: GBP; expected in .columns. or above them"),
    "no known_at": ({"known_at": None}, 'known_at: None; expected "arrival"'),
    "two kinds of known_at": (
        {"known_at": {"column": "x", "event_clock_delay": "1d"}},
        "expected .arrival., { column",
    ),
    "a delay without unit": ({"known_at": {"event_clock_delay": "1"}}, "such as 1d"),
    "an unknown source key": ({"source": {"sheet": 1}}, r"\[source\]: key 'sheet'"),
    "an unknown format": ({"source": {"format": "xlsx"}}, "expected one of csv, jsonl"),
    "a long delimiter": ({"source": {"delimiter": "||"}}, "expected one character"),
    "attributes of orders": ({"attributes": ["*"]}, "attributes: orders; expected one of accounts"),
    "attributes that are no list": ({"attributes": "*"}, "expected a list of texts"),
}
WRONG_COLUMNS = {
    "an unknown column": ({"colour": "c"}, "key 'colour'; expected one of account_id"),
    "an unknown column key": ({"country": {"from": "c", "unti": "x"}}, "key 'unti'"),
    "a unit without money": ({"country": {"from": "c", "unit": "major"}}, "on a money column"),
    "nothing to fill from": ({"country": {"default": "x"}}, "from, value or sign_of"),
    "a number for a column": ({"country": 3}, "expected a source column"),
    "a sign of something else": ({"channel": {"sign_of": "amount_minor"}}, "kind of orders"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_is_named(change, message):
    with pytest.raises(UsageError, match=message):
        parse_mapping(mapping_with(**change))


@pytest.mark.parametrize(("columns", "message"), WRONG_COLUMNS.values(), ids=list(WRONG_COLUMNS))
def test_what_is_wrong_in_a_column_is_named(columns, message):
    with pytest.raises(UsageError, match=message):
        parse_mapping(mapping_with(columns))


def test_a_required_column_that_is_not_mapped_is_named():
    columns = {name: entry for name, entry in MAPPING["columns"].items() if name != "order_id"}
    with pytest.raises(UsageError, match="no order_id; expected every required column of orders"):
        parse_mapping({**MAPPING, "columns": columns})


def test_an_unknown_currency_is_named():
    columns = {name: entry for name, entry in MAPPING["columns"].items() if name != "currency"}
    with pytest.raises(UsageError, match="currency: XXX; expected an ISO 4217 code"):
        parse_mapping({**MAPPING, "currency": "XXX", "columns": columns})


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_every_shipped_mapping_is_read(path):
    assert load_mapping(path).digest


def test_a_delay_is_assumed_and_a_column_recorded():
    delayed = parse_mapping(mapping_with(known_at={"event_clock_delay": "2h"})).known_at
    recorded = parse_mapping(mapping_with(known_at={"column": "seen"})).known_at
    assert (delayed.delay, delayed.known_source) == (timedelta(hours=2), "assumed")
    assert recorded.known_source == "recorded"


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    (tmp_path / "m.toml").write_text("table = ")
    with pytest.raises(UsageError, match=r"m\.toml: .*; expected TOML in UTF-8"):
        load_mapping(tmp_path / "m.toml")


def test_a_mapping_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="no mapping file"):
        load_mapping(tmp_path / "none.toml")


def test_another_mapping_makes_another_digest(tmp_path):
    text = EXAMPLES[0].read_text()
    (tmp_path / "m.toml").write_text(text + "\n# changed\n")
    assert load_mapping(tmp_path / "m.toml").digest != load_mapping(EXAMPLES[0]).digest
