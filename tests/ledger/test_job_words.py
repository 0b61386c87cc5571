"""The word under which one waiting job is enough fits its column, and no two words become one."""

from __future__ import annotations

from sqlalchemy import String

from ledger.engine import Ledger
from ledger.job_tables import jobs
from ledger.jobs import LONGEST_DEDUP
from tests.ledger.test_jobs import ask


def test_the_longest_word_is_as_long_as_the_column() -> None:
    kind = jobs.c.dedup.type
    assert isinstance(kind, String)
    assert kind.length == LONGEST_DEDUP


def test_a_word_too_long_for_its_column_names_one_job_all_the_same(ledger: Ledger) -> None:
    fits, long = "w" * LONGEST_DEDUP, "w" * (LONGEST_DEDUP + 1)
    made = [ask(ledger, dedup=word) for word in (fits, long, f"{long}!", fits, long)]
    assert made[3:] == made[:2]
    assert len(set(made[:3])) == 3
