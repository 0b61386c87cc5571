"""What came of issued chances: judged once, late enough, as training would, on what was known."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from features.deals.facts import read_deal_facts
from ledger.deal_outcomes import DealOutcome
from ledger.deal_record import read_deal_record
from ledger.engine import Ledger
from ledger.tables import deal_outcomes
from lifecycle.periods import Quarter
from lifecycle.snapshot import Snapshot
from service.refresh.coverage import covers_deals
from service.refresh.deal_outcomes import fates_in_quarter, judge_deals
from service.refresh.deals import refresh_deals
from service.refresh.place import Place
from tests.builders import build_lake, noon
from tests.leakage.deal_worlds import build_deal_worlds
from tests.service.refresh.company import open_once, place_of, stand_on
from tests.service.refresh.deal_company import (
    LIFE_DAYS,
    START,
    build_deals,
    build_flat,
    release_deals,
    release_flat,
    version,
)
from tests.training.deals.company import build_selling
from training.deals.known import read_known
from training.deals.past import look_after_deals, open_past, plan_past

ISSUED = (date(2021, 3, 2), date(2021, 3, 9))
END = date(2021, 4, 1)
JUDGED = date(2021, 5, 10)
# a win of the quarter that was told only after it had been judged
TOLD_LATE = version("late", date(2021, 2, 1))
LATE_WIN = {**TOLD_LATE, "outcome": "won", "closed_at": noon(date(2021, 3, 20)),
            "known_at": noon(date(2021, 5, 20))}  # fmt: skip


def rows_of(ledger: Ledger) -> list[DealOutcome]:
    names = list(DealOutcome.__dataclass_fields__)
    query = select(*[deal_outcomes.c[name] for name in names]).order_by(deal_outcomes.c.id)
    with ledger.reading() as connection:
        return [DealOutcome(*row) for row in connection.execute(query)]


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chances of two days in March, for the quarter that ends on 1 April: each test has a copy."""
    place = build_deals(
        tmp_path_factory.mktemp("issued") / "data", opportunities=[TOLD_LATE, LATE_WIN]
    )
    with closing(place.open_ledger()) as made:
        release_deals(made, place)
        for day in ISSUED:
            refresh_deals(stand_on(place, day), made, place=place)
    return place.data_dir


@pytest.fixture
def place(issued: Path, tmp_path: Path) -> Place:
    return place_of(Path(shutil.copytree(issued, tmp_path / "copy")))


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    with closing(place.open_ledger()) as made:
        yield made


def test_every_chance_is_held_against_what_happened_in_its_quarter(
    place: Place, ledger: Ledger
) -> None:
    count, rows = judge_deals(stand_on(place, JUDGED), ledger), rows_of(ledger)
    assert count == len(rows) > 40
    for row in (one for one in rows if one.opportunity_id != "late"):
        number = int(row.opportunity_id[1:])
        closed = START + timedelta(days=4 * number + LIFE_DAYS)
        assert row.closed_on == (closed if closed < END else None)
        assert row.won == (closed < END and number % 3 == 0)
        assert (row.as_of in ISSUED, row.known_on) == (True, JUDGED)


def test_a_chance_is_judged_once_on_what_was_known_on_that_day(
    place: Place, ledger: Ledger
) -> None:
    judge_deals(stand_on(place, JUDGED), ledger)
    before = rows_of(ledger)
    assert judge_deals(stand_on(place, JUDGED + timedelta(days=20)), ledger) == 0
    assert rows_of(ledger) == before
    assert {one.won for one in before if one.opportunity_id == "late"} == {False}


def test_a_win_that_was_known_by_the_judging_day_counts(place: Place, ledger: Ledger) -> None:
    judge_deals(stand_on(place, date(2021, 5, 21)), ledger)
    assert {one.won for one in rows_of(ledger) if one.opportunity_id == "late"} == {True}


@pytest.mark.parametrize("day", [date(2021, 3, 31), END, END + timedelta(days=29)])
def test_nothing_is_judged_before_news_of_the_quarter_had_time_to_arrive(
    place: Place, ledger: Ledger, day: date
) -> None:
    assert judge_deals(stand_on(place, day), ledger) == 0


def test_a_refresh_of_the_same_day_does_not_judge_twice(place: Place, ledger: Ledger) -> None:
    refresh_deals(stand_on(place, ISSUED[0]), ledger, place=place)
    judge_deals(stand_on(place, JUDGED), ledger)
    found = [(one.opportunity_id, one.as_of) for one in rows_of(ledger)]
    assert len(found) == len(set(found))
    assert {one.run_id for one in rows_of(ledger)} == {1, 2}


def test_the_record_follows(place: Place, ledger: Ledger) -> None:
    assert read_deal_record(ledger) == []
    judge_deals(stand_on(place, JUDGED), ledger)
    both = read_deal_record(ledger)
    assert [(one.model_version, one.days_count) for one in both] == [("all", 2), ("d1", 2)]
    assert 0 < both[0].wins_count < both[0].n


def test_a_record_that_ends_with_the_quarter_covers_nothing(tmp_path: Path) -> None:
    days = [date(2021, 1, 5), END - timedelta(days=1)]
    build_lake(tmp_path, opportunities=[version(f"D{day:%m}", day) for day in days])
    assert covers_deals(stand_on(place_of(tmp_path), date(2021, 9, 1)), {END, days[0]}) == {days[0]}


def test_a_deal_that_is_gone_from_the_facts_is_not_judged(
    place: Place, ledger: Ledger, tmp_path: Path
) -> None:
    other = build_lake(tmp_path / "other", opportunities=[version("new", date(2021, 5, 9))])
    assert judge_deals(open_once(other.root).as_of(JUDGED), ledger) == 0


def test_a_model_without_dates_is_not_judged_by_quarters(tmp_path: Path) -> None:
    place = build_flat(tmp_path)
    ledger = place.open_ledger()
    release_flat(ledger, place)
    refresh_deals(stand_on(place, date(2021, 6, 1)), ledger, place=place)
    assert judge_deals(stand_on(place, date(2022, 1, 1)), ledger) == 0


def disagreements(known: Snapshot) -> tuple[int, list[object]]:
    """Compare with what training says of the same rows; return how many, and those that differ."""
    facts = read_deal_facts(known)
    past = open_past(known, plan_past(facts, known.day), facts=facts)
    after = look_after_deals(read_known(facts, known.day), facts, past.frame)
    quarters = [Quarter.containing(day) for day in past.frame["as_of"].to_pylist()]
    fates = {one: fates_in_quarter(facts, one.start, one.end) for one in set(quarters)}
    names, told = past.frame["opportunity_id"].to_pylist(), after["won_in_quarter"].to_pylist()
    rows = list(zip(names, quarters, told, strict=True))
    ended = [row for row in rows if row[1].end <= known.day]
    said = [float("nan") if fates[quarter][name].won is None else fates[quarter][name].won
            for name, quarter, _ in ended]  # fmt: skip
    differ = [row for row, mine in zip(ended, said, strict=True)
              if not np.array_equal(row[2], mine, equal_nan=True)]  # fmt: skip
    return len(ended), differ


@pytest.mark.parametrize("plant", ["", "sweep"])
def test_what_judges_is_what_teaches(tmp_path: Path, plant: str) -> None:
    count, differ = disagreements(build_selling(tmp_path, plant=plant))
    assert count > 1_000
    assert differ == []


@pytest.mark.parametrize("name", ["as it was", "back-dated"])
def test_what_judges_is_what_teaches_where_deals_are_told_in_odd_ways(
    tmp_path: Path, name: str
) -> None:
    worlds = build_deal_worlds(tmp_path)
    count, differ = disagreements(worlds.histories[name].as_of(date(2021, 11, 1)))
    assert count > 1_000
    assert differ == []


def test_deals_closed_in_bulk_in_the_quarter_are_judged_by_nobody(tmp_path: Path) -> None:
    facts = read_deal_facts(build_selling(tmp_path, plant="sweep"))
    fates = fates_in_quarter(facts, date(2021, 4, 1), date(2021, 7, 1))
    assert {fates[f"x{number}"].won for number in range(30)} == {None}
    before = fates_in_quarter(facts, date(2021, 1, 1), date(2021, 4, 1))
    assert {before[f"x{number}"].won for number in range(30)} == {False}
