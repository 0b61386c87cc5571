"""A fact of deals known at the very instant on which a day begins belongs to that day's future."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from features.deals.facts import read_deal_facts
from features.deals.landmarks import deal_frame
from lifecycle.history import History, open_history
from service.refresh.deal_outcomes import fates_in_quarter
from tests.builders import Row, build_lake, fact, noon
from tests.leakage.worlds import ZONE, digest
from training.deals.known import read_known
from training.deals.turns import WON

DAY, LATER = date(2021, 7, 1), date(2021, 9, 1)
INSTANT = datetime(2021, 6, 30, 23, tzinfo=UTC)  # the day begins in summer time
JUST_BEFORE = INSTANT - timedelta(microseconds=1)
OPENED, MOVED = datetime(2021, 3, 1, 9, tzinfo=UTC), datetime(2021, 6, 1, 9, tzinfo=UTC)


def told(known: datetime, name: str = "d1", **other: Any) -> Row:
    row = {"opportunity_id": name, "account_id": "a1", "owner_id": "o1", "kind": "new_business",
           "created_at": OPENED, "stage": "Lead", "outcome": "open", "currency": "GBP",
           "amount_minor": 100_000, "close_on": date(2021, 9, 30)}  # fmt: skip
    return fact(known, **{**row, **other})


def moved(known: datetime, at: datetime = MOVED, **other: Any) -> Row:
    row = {"change_id": "c1", "opportunity_id": "d1", "changed_at": at, "field": "stage",
           "text_before": "Lead", "text_after": "Demo"}  # fmt: skip
    return fact(known, **{**row, **other})


def _planted(kind: str, known: datetime) -> tuple[str, Row]:
    """One fact that happened long before the day, and when it was known."""
    about = {"entity": "opportunity", "entity_id": "d1", "name": "size", "number": 9.0}
    done = {"activity_id": "v1", "kind": "email", "opportunity_id": "d1", "occurred_at": MOVED,
            "direction": "in"}  # fmt: skip
    won = {"outcome": "won", "stage": "Won", "closed_at": MOVED}
    push = {"field": "close_on", "text_before": None, "text_after": None, "change_id": "c2",
            "close_before_on": date(2021, 9, 30), "close_after_on": date(2021, 12, 31)}  # fmt: skip
    return {
        "a version": ("opportunities", told(known, amount_minor=900_000)),
        "a close": ("opportunities", told(known, **won)),
        "a change": ("opportunity_changes", moved(known, **push)),
        "a correction": ("opportunity_changes", moved(known, text_after="Offer")),
        "a contact": ("activities", fact(known, **done)),
        "an own field": ("attributes", fact(known, **about)),
        "a new deal": ("opportunities", told(known, "d2")),
        "a deal of the account": ("opportunities", told(known, "d0", **won)),
        "an owner's start": ("owners", fact(known, owner_id="o1", effective_from=DAY,
                                            team="south", hired_on=date(2020, 1, 1))),
    }[kind]  # fmt: skip


KINDS = ("a version", "a close", "a change", "a correction", "a contact", "an own field",
         "a new deal", "a deal of the account", "an owner's start")  # fmt: skip


def history_of(folder: Path, *planted: tuple[str, Row]) -> History:
    other = {"entity": "opportunity", "entity_id": "d1", "name": "size", "number": 1.0}
    build_lake(folder, opportunities=[told(OPENED), told(OPENED, "d9")],
               opportunity_changes=[moved(MOVED)], attributes=[fact(OPENED, **other)],
               owners=[fact(OPENED, owner_id="o1", effective_from=DAY, team="north")])  # fmt: skip
    for place, (table, row) in enumerate(planted, start=2):
        build_lake(folder, batch=f"b{place}", **{table: [row]})
    return open_history(folder / "lake", zone=ZONE)


@pytest.fixture(scope="module")
def untold(tmp_path_factory: pytest.TempPathFactory) -> str:
    history = history_of(tmp_path_factory.mktemp("untold"))
    return digest(deal_frame(history.as_of(DAY)))


def test_facts_known_at_the_very_instant_are_not_seen(tmp_path: Path, untold: str) -> None:
    history = history_of(tmp_path, *(_planted(kind, INSTANT) for kind in KINDS))
    assert digest(deal_frame(history.as_of(DAY))) == untold
    assert digest(deal_frame(history.as_of(LATER), days=[DAY])) == untold


@pytest.mark.parametrize("kind", KINDS)
def test_a_fact_known_one_microsecond_before_is_seen(
    tmp_path: Path, untold: str, kind: str
) -> None:
    history = history_of(tmp_path, _planted(kind, JUST_BEFORE))
    assert digest(deal_frame(history.as_of(LATER), days=[DAY])) != untold


@pytest.mark.parametrize(("known", "is_known"), [(INSTANT, False), (JUST_BEFORE, True)])
def test_a_win_teaches_and_judges_from_the_day_after_its_instant(
    tmp_path: Path, known: datetime, is_known: bool
) -> None:
    history = history_of(tmp_path, _planted("a close", known))
    learned = read_known(read_deal_facts(history.as_of(LATER)), DAY)
    assert (WON in learned.turns.state) is is_known
    judged = fates_in_quarter(read_deal_facts(history.as_of(DAY)), date(2021, 4, 1), DAY)
    assert judged["d1"].won is is_known


@pytest.mark.parametrize(("at", "won"), [(INSTANT, False), (JUST_BEFORE, True)])
def test_a_win_at_the_very_end_of_a_quarter_is_of_the_next(
    tmp_path: Path, at: datetime, won: bool
) -> None:
    close = told(noon(date(2021, 7, 9)), outcome="won", stage="Won", closed_at=at)
    facts = read_deal_facts(history_of(tmp_path, ("opportunities", close)).as_of(LATER))
    assert fates_in_quarter(facts, date(2021, 4, 1), DAY)["d1"].won is won
    assert fates_in_quarter(facts, DAY, date(2021, 10, 1))["d1"].won is not won
