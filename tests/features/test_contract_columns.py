from __future__ import annotations

from typing import get_args

from features.columns import Family
from features.contract_columns import CONTRACT_COLUMNS, USAGE_DAYS, ZERO_WHEN_ABSENT
from features.usage import WINDOWS_DAYS
from lifecycle.tables.catalog import FACT_TABLES

SUFFIXES = {"_minor": "minor", "_count": "count", "_days": "days", "_ratio": "ratio",
            "_share": "share", "_rate": "rate", "_log": "log"}  # fmt: skip
FAMILIES = {"id", "renewal", "contract", "price", "billing", "usage", "trend", "support", "survey",
            "relationship", "commercial", "tenure", "context"}  # fmt: skip
ROOTLESS = {"uplift_share"}  # a canonical column of any sign


def test_a_suffix_names_the_unit() -> None:
    for column in CONTRACT_COLUMNS:
        if column.name not in ROOTLESS:
            named = [unit for suffix, unit in SUFFIXES.items() if column.name.endswith(suffix)]
            assert named in ([], [column.unit]), column.name


def test_names_and_meanings_are_unique_sentences() -> None:
    for part in ("name", "meaning"):
        told = [getattr(column, part) for column in CONTRACT_COLUMNS]
        assert sorted(told) == sorted(set(told))
    assert all(column.meaning.endswith(".") for column in CONTRACT_COLUMNS)


def test_every_family_of_the_method_has_columns() -> None:
    assert {column.family for column in CONTRACT_COLUMNS} == FAMILIES
    assert set(get_args(Family)) >= {*FAMILIES, "attributes"}


def test_sources_are_canonical_tables() -> None:
    sources = {name for column in CONTRACT_COLUMNS for name in column.source.split(", ")}
    assert sources - {"as of"} <= set(FACT_TABLES)


def test_what_is_zero_when_absent_is_a_column() -> None:
    assert {column.name for column in CONTRACT_COLUMNS} >= ZERO_WHEN_ABSENT


def test_the_columns_speak_of_the_windows_that_are_built() -> None:
    assert USAGE_DAYS == WINDOWS_DAYS
