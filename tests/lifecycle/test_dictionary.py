"""The data dictionary says what the declarations say."""

from pathlib import Path

from lifecycle.dictionary import build_dictionary
from lifecycle.tables.catalog import TABLES

ROOT = Path(__file__).parents[2]


def test_the_dictionary_lists_every_column_of_every_table():
    text = build_dictionary()
    for table in TABLES.values():
        section = text.split(f"### `{table.name}`")[1].split("\n### ")[0]
        assert all(f"| `{name}` |" in section for name in table.names), table.name


def test_the_shipped_dictionary_is_the_generated_one():
    shipped = (ROOT / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    assert shipped == build_dictionary(), "run: truecast dictionary --write docs/data-dictionary.md"
