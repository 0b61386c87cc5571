"""Who decides, signs or buys counts once somebody said so and the person was met."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.deals.people import DECIDES, build_people_columns
from tests.builders import Row, fact, noon
from tests.features.deals.context.company import DAY, ago, look, opened, snapshot_of


def person(name: str, known: date, **other: Any) -> Row:
    return fact(known, contact_id=name, account_id="a1", **other)


def call(number: int, with_whom: str, on: date) -> Row:
    return fact(on, activity_id=f"c{number}", opportunity_id="x", contact_id=with_whom,
                kind="call", occurred_at=noon(on))  # fmt: skip


def senior_contacts(folder: Path, people: list[Row], *calls: Row) -> float:
    snapshot = snapshot_of(
        folder, DAY, opportunities=[opened("x")], contacts=people, activities=list(calls)
    )
    return float(look(snapshot, build_people_columns)["x"]["senior_contacts_count"])


def test_each_senior_person_counts_once(tmp_path: Path) -> None:
    people = [
        person("boss", ago(90), role="executive"),
        person("lawyer", ago(90), seniority="General Counsel"),
        person("user", ago(90), role="user", seniority="staff"),
    ]
    met = [call(1, "boss", ago(30)), call(2, "boss", ago(20)), call(3, "lawyer", ago(10))]
    assert senior_contacts(tmp_path, people, *met, call(4, "user", ago(5))) == 2


@pytest.mark.parametrize(("known", "count"), [(ago(1), 1), (DAY, 0)], ids=["before", "that day"])
def test_a_role_counts_from_the_day_after_it_was_known(
    tmp_path: Path, known: date, count: int
) -> None:
    people = [person("boss", ago(90), role="user"), person("boss", known, role="executive")]
    assert senior_contacts(tmp_path, people, call(1, "boss", ago(30))) == count


def test_where_nobodys_role_is_known_nothing_is_counted(tmp_path: Path) -> None:
    assert np.isnan(senior_contacts(tmp_path, [person("boss", ago(9))], call(1, "boss", ago(3))))


@pytest.mark.parametrize(
    ("words", "decides"),
    [("vp sales", True), ("procurement", True), ("cto", True), ("overhead planner", False),
     ("developer", False), ("champion", False), ("director", True),
     ("board member", True), ("onboarding specialist", False)],
)  # fmt: skip
def test_words_of_those_who_decide(words: str, decides: bool) -> None:
    assert bool(DECIDES.search(words)) == decides
