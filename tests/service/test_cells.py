"""Cells of CSV files: 10,000 random ones, and the ones that spreadsheets run."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cells import guard_cell, unguard_cell

TRIGGERS = "=+-@\t\r\n＝＋－＠"
texts = st.text(alphabet=st.one_of(st.sampled_from(TRIGGERS + "' 19.eE\",;"), st.characters(
    exclude_categories=["Cs"], exclude_characters="\x00")), max_size=12)  # fmt: skip


def check(text: str, guard: Callable[[str], str] = guard_cell) -> None:
    held = io.StringIO(newline="")
    csv.writer(held).writerow([guard(text), "end"])
    cell = next(csv.reader(io.StringIO(held.getvalue(), newline="")))[0]
    assert unguard_cell(cell) == text
    plain = text.strip("+-").replace(".", "").replace("e", "").replace("E", "")
    assert cell[:1] not in set(TRIGGERS) or plain.strip("+-").isdigit()


@settings(max_examples=10_000, deadline=None)
@given(texts)
def test_no_cell_is_a_formula_and_each_is_read_back(text: str) -> None:
    check(text)


@pytest.mark.parametrize("fault", [lambda text: text, lambda text: text.lstrip(TRIGGERS)])
def test_the_planted_fault_is_caught(fault: Callable[[str], str]) -> None:
    with pytest.raises(AssertionError):
        check("=1+1", fault)


@pytest.mark.parametrize("number", [-5, 1.5, "-5", "+1e9", None, True])
def test_numbers_stay_what_they_are(number: object) -> None:
    assert guard_cell(number) is number
