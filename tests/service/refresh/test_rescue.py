"""Who was contacted, who was drawn to be left alone, and what the judged scores say of both."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from ledger.holdouts import HELD_OUT
from ledger.outcomes import read_outcomes
from ledger.views import AtRiskRow
from service.refresh.holdouts import draw_holdouts, in_question, mark_treatments
from service.refresh.place import Place
from service.refresh.scores import rank_rows, refresh_scores
from service.refresh.treatments import read_treatments
from tests.builders import build_lake, fact, noon
from tests.ledger.story import at_risk, contract, draw
from tests.service.refresh.company import (
    FIRST,
    LATER,
    build_company,
    place_of,
    release_contracts,
    release_orders,
    stand_on,
)

DAY = date(2021, 6, 1)


def work(account_id: str, day: date, **other: object) -> dict[str, object]:
    row = {"intervention_id": f"i-{account_id}-{day}", "account_id": account_id, "kind": "call"}
    return fact(day, **{**row, "started_at": noon(day), "is_holdout": False, **other})


def listed(count: int) -> list[AtRiskRow]:
    return [contract(f"C{i:04d}") for i in range(count)]


def test_about_a_tenth_is_held_out_and_asking_again_draws_nobody_anew(tmp_path: Path) -> None:
    place = place_of(tmp_path)
    ledger = place.open_ledger()
    first = draw_holdouts(ledger, listed(2_000), day=DAY, place=place)
    again = draw_holdouts(ledger, listed(2_001), day=DAY + timedelta(days=7), place=place)
    held_out = sum(one.arm == HELD_OUT for one in first.values())
    assert 150 < held_out < 250
    assert {name: again[name] for name in first} == first
    assert len(again) == 2_001


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        (contract("C"), True),
        (contract("C", band="medium"), True),
        (contract("C", band="low"), False),
        (contract("C", status="notice_given"), False),
        (at_risk("A", band="high"), False),
    ],
)
def test_only_contracts_of_at_least_medium_risk_are_drawn(row: AtRiskRow, asked: bool) -> None:
    assert in_question(row) is asked


@pytest.mark.parametrize(
    ("arm", "worked_on", "expected"),
    [
        ("held_out", None, "held_out"),
        ("held_out", DAY, "held_out"),
        ("contact", None, "none"),
        ("contact", DAY - timedelta(days=1), "treated"),
        ("contact", DAY - timedelta(days=90), "treated"),
        ("contact", DAY - timedelta(days=91), "none"),
        ("contact", DAY, "none"),
    ],
)
def test_a_row_shows_what_was_done_lately(arm: str, worked_on: date, expected: str) -> None:
    treated = {} if worked_on is None else {"C": [worked_on]}
    span = (DAY - timedelta(days=90), DAY)
    (row,) = mark_treatments(
        [contract("C")], {"C": draw("C", arm, DAY)}, treated=treated, span=span
    )
    assert row.treatment == expected


def test_a_draw_of_a_later_day_does_not_show_before_it() -> None:
    drawn = {"C": draw("C", "held_out", DAY + timedelta(days=1))}
    (row,) = mark_treatments([contract("C")], drawn, treated={}, span=(DAY, DAY))
    assert row.treatment == "none"


def test_work_is_known_from_its_recording_for_the_account_it_became(tmp_path: Path) -> None:
    merged = fact(DAY, merge_id="m", account_id="C2", into_account_id="C1", merged_at=noon(DAY))
    rows = [work("C2", DAY), work("C3", DAY, known=DAY + timedelta(days=9)),
            work("C4", DAY, is_holdout=True)]  # fmt: skip
    build_lake(tmp_path, interventions=rows, account_merges=[merged])
    found = read_treatments(stand_on(place_of(tmp_path), DAY + timedelta(days=5)))
    assert found == {"C1": [DAY], "C2": [DAY]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A company that called C02 before, and C03 after, the decision to leave; C10 in time."""
    folder = tmp_path_factory.mktemp("rescued")
    made = build_company(folder)
    calls = {"C02": date(2021, 6, 5), "C03": date(2021, 6, 20), "C10": date(2021, 8, 1)}
    calls |= {"C11": date(2021, 9, 10), "C12": date(2021, 5, 1)}
    rows = [work(name, day) for name, day in calls.items()]
    build_lake(folder, batch="calls", interventions=rows)
    return made


def test_only_work_before_the_decision_treats_a_score(place: Place) -> None:
    ledger = place.open_ledger()
    release_orders(ledger, place)
    release_contracts(ledger, place)
    for day in (FIRST, LATER):
        refresh_scores(stand_on(place, day), ledger, place=place)
    names = ("C02", "C03", "C10", "C11", "C12", "C13")
    treated = {n: read_outcomes(ledger, "churn", account_id=n)[0].treated for n in names}
    assert treated == {"C02": True, "C03": False, "C10": True, "C11": False, "C12": True,
                       "C13": False}  # fmt: skip


def test_of_equal_losses_the_value_decides_the_rank() -> None:
    leaving = {"status": "notice_given", "risk": 1.0}
    rows = [contract(f"C{i}", 0.0, value_if_kept_minor=float(i), **leaving) for i in range(4)]
    ranked = {row.account_id: row.rank for row in rank_rows([*rows, contract("X", 5.0)])}
    assert ranked == {"C3": 1, "C2": 2, "C1": 3, "C0": 4, "X": 1}
    assert rank_rows([]) == []
    assert rank_rows([replace(rows[0], rank=9)])[0].rank == 1
