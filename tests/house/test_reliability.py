"""The page of reliability names tests that are there."""

from __future__ import annotations

import re

import pytest

from tests.house.sources import ROOT, definitions

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
FILE = re.compile(r"`((?:tests|benchmarks)/[\w/]+\.py)(?:::(\w+))?`")
LATER = re.compile(r"`::(\w+)`")


def named(page: str) -> list[tuple[str, str]]:
    """Files and tests of a page; a test without a file belongs to every file of its line."""
    found = []
    for line in page.splitlines():
        here = FILE.findall(line)
        found += here
        found += [(file, test) for test in LATER.findall(line) for file, _ in here]
    return found


def missing(page: str) -> list[tuple[str, str]]:
    return [one for one in named(page) if not _is_there(*one)]


def _is_there(file: str, test: str) -> bool:
    path = ROOT / file
    return path.is_file() and (not test or test in {name for name, _ in definitions(path)})


def test_every_test_of_the_page_is_there() -> None:
    assert len(named(PAGE)) > 60
    assert missing(PAGE) == []


@pytest.mark.parametrize("wrong", ["`tests/no.py::test_a`", "`tests/house/sources.py::test_a`"])
def test_a_test_that_is_not_there_is_caught(wrong: str) -> None:
    assert missing(f"| a case | {wrong} | `::test_b` |")
