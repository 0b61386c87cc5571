"""What a refresh keeps beside its forecasts, on a small company with contracts and targets."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.engine import Ledger
from ledger.forecast_inputs import read_inputs, read_items
from ledger.gaps import read_gap
from ledger.runs import publish_run
from lifecycle.periods import Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.conclude import conclude
from models.forecast.engines import Engine, open_engines
from models.forecast.gap.again import open_kept
from models.forecast.items import unpack_items
from models.forecast.targets import read_target_history, read_targets
from service.refresh.forecasts import build_book
from service.refresh.gaps import Beside, build_gaps, write_beside
from service.refresh.place import Place, open_snapshot
from tests.builders import build_lake, fact
from tests.ledger.gap_story import open_forecast
from tests.ledger.story import new_ledger
from tests.service.refresh.company import FIRST, MRR, build_company

PERIOD = "2021Q2"
ARR = 40 * MRR * 12


def planned(day: date, amount: int, **changed: Any) -> dict[str, Any]:
    columns = {"target_id": "T1", "level": "company", "level_name": None, "metric": "arr"}
    bounds = {"period_start_on": date(2021, 4, 1), "period_end_on": date(2021, 7, 1)}
    return fact(day, **{**columns, **bounds, "amount_minor": amount, "currency": None, **changed})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("company")
    made = build_company(folder, shoppers=False)
    nobody = {"target_id": "T2", "level": "owner", "level_name": "nobody"}
    plans = [
        planned(date(2021, 3, 1), ARR),
        planned(date(2021, 4, 20), ARR + 12 * MRR),
        planned(date(2021, 6, 20), 1),
        planned(date(2021, 3, 1), 7, **nobody),
    ]
    build_lake(folder, batch="plans", targets=plans)
    return made


@pytest.fixture(scope="module")
def snapshot(place: Place) -> Snapshot:
    return open_snapshot(place, FIRST)


@pytest.fixture(scope="module")
def engines(place: Place, snapshot: Snapshot) -> list[Engine]:
    return open_engines(
        snapshot, facts=lambda _: snapshot, calendar=place.calendar, currency=place.currency
    )


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    return new_ledger(tmp_path_factory.mktemp("ledger"))


@pytest.fixture(scope="module")
def beside(engines: list[Engine], snapshot: Snapshot, ledger: Ledger) -> list[Beside]:
    quarter = Quarter.parse(PERIOD)
    built = [conclude(raw, []) for one in engines for raw in one.raw(snapshot.day, quarter)]
    found = build_gaps(built, engines, snapshot, ledger=ledger, currency="GBP")
    run_id = open_forecast(ledger)
    write_beside(ledger, run_id, found)
    publish_run(ledger, run_id)
    return found


def of(beside: list[Beside], target: str) -> Beside:
    return next(one for one in beside if one.concluded.raw.target == target)


def test_targets_are_those_known_on_the_day(snapshot: Snapshot) -> None:
    found = {one.target_id: one.amount_minor for one in read_targets(snapshot)}
    assert found == {"T1": ARR + 12 * MRR, "T2": 7}


@pytest.mark.parametrize(
    ("day", "amount"), [(date(2021, 3, 1), None), (date(2021, 3, 2), ARR), (FIRST, ARR + 12 * MRR)]
)
def test_an_earlier_day_knows_what_was_planned_by_then(
    snapshot: Snapshot, day: date, amount: int | None
) -> None:
    found = {one.target_id: one.amount_minor for one in read_target_history(snapshot).known(day)}
    assert found.get("T1") == amount


def test_each_forecast_is_held_against_its_own_targets(beside: list[Beside]) -> None:
    answers = {one.concluded.raw.target: one.answer for one in beside}
    assert answers["ending_arr"]["main_target"] == "T1"
    assert answers["revenue"]["targets"] == []
    assert "no node of owner 'nobody'" in answers["ending_arr"]["left_out"][0]["why"]


def test_chances_go_into_the_book_of_the_forecast(beside: list[Beside], snapshot: Snapshot) -> None:
    concluded = of(beside, "ending_arr").concluded
    (chance,) = build_book(concluded, snapshot, "GBP", read_targets(snapshot)).chances
    assert (chance.node, chance.target_id) == ("total", "T1")
    assert 0 <= chance.p_hit <= 1


def test_the_gap_is_read_back_as_it_was_computed(beside: list[Beside], ledger: Ledger) -> None:
    found = read_gap(ledger, "ending_arr", PERIOD)
    assert found is not None
    assert found[1].answer == of(beside, "ending_arr").answer


def test_kept_inputs_give_the_same_draws_without_the_lake(
    beside: list[Beside], ledger: Ledger
) -> None:
    kept = of(beside, "ending_arr").kept
    stored = read_inputs(ledger, "ending_arr", PERIOD).packed
    back = open_kept(stored.content, "ending_arr", Quarter.parse(PERIOD), origin=stored.origin)
    assert kept is not None
    assert (back.again.draws() == kept.again.draws()).all()


def test_units_are_kept_for_what_moved(beside: list[Beside], ledger: Ledger) -> None:
    items = unpack_items(read_items(ledger, "ending_arr", PERIOD, origin=FIRST).content)
    one = of(beside, "ending_arr").concluded
    assert items.served_minor == one.legs[one.served].mean_minor[0]
    assert items.kinds.count("contract") == len(items.units) - 2 > 30


def test_accounts_that_may_leave_are_a_lever(beside: list[Beside]) -> None:
    kinds = {one["kind"] for one in of(beside, "ending_arr").answer["levers"]}
    assert kinds <= {"save"}
