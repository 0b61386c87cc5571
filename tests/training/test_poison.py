"""Facts that somebody bent sway a model little, or it is kept beside the champion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ledger.engine import open_ledger
from ledger.releases import read_champions
from lifecycle.console import Console
from lifecycle.history import open_history
from models.base import FloatArray
from tests.builders import Row, account, build_lake, order
from tests.training.companies import FIRST, LAST, ZONE, at_day, build_orders
from training.departure import LEVEL_FACTOR, Departure, measure_departure
from training.release import Publisher
from training.specs import find_spec
from training.train import TrainOutputs, TrainResult, train

COUNT, HORIZON = 120, 30
Bend = Callable[[], list[Row]]


def clean() -> list[Row]:
    return build_orders(COUNT)


def one_account_thousandfold() -> list[Row]:
    times = {"a7": 1000}
    return [
        one | {"amount_minor": one["amount_minor"] * times.get(one["account_id"], 1)}
        for one in clean()
    ]


def all_thousandfold() -> list[Row]:
    return [one | {"amount_minor": one["amount_minor"] * 1000} for one in clean()]


def fiftieth_flipped() -> list[Row]:
    """Of 2 % of the accounts, the living never bought and the lost buy each week to the end."""
    lost, living = ("a53", "a90"), "a11"
    days = range(100, (LAST - FIRST).days, 7)
    invented = [
        order(name, at_day(day), amount_minor=900, order_id=f"{name}{day}")
        for name in lost
        for day in days
    ]
    return [one for one in clean() if one["account_id"] != living] + invented


@dataclass(frozen=True)
class Taught:
    """What one telling of the company taught, and the rows of the clean one."""

    result: TrainResult
    folder: Path

    def says(self, rows: Path) -> FloatArray:
        frame = find_spec(self.result.spec.name).slices.build_frame(
            open_history(rows / "lake", zone=ZONE).as_of(LAST), None
        )
        return self.result.model.predict(frame, horizon_days=HORIZON)


@pytest.fixture(scope="module")
def teach(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Bend, str], Taught]:
    """Train a model on one telling of the company; each lake and model once."""

    @cache
    def build(bend: Bend) -> Path:
        folder = tmp_path_factory.mktemp(bend.__name__)
        named = [account(f"a{n}", FIRST, segment="AB"[n % 2], country="GB") for n in range(COUNT)]
        rows = sorted(bend(), key=lambda one: one["ordered_at"])
        build_lake(folder, orders=rows, accounts=named)
        return folder

    @cache
    def taught(bend: Bend, model: str) -> Taught:
        history = open_history(build(bend) / "lake", zone=ZONE)
        out = TrainOutputs(build(clean) / "bundles")
        result = train(find_spec(model), history, as_of=LAST, horizon_days=HORIZON, out=out)
        return Taught(result, build(clean))

    return taught


def departure(teach: Callable[[Bend, str], Taught], bend: Bend, model: str) -> Departure:
    """How far one telling's model departs from the clean one's on the clean rows."""
    old = teach(clean, model)
    rows = old.folder
    return measure_departure(teach(bend, model).says(rows), old.says(rows))


@pytest.mark.parametrize("bend", [fiftieth_flipped, one_account_thousandfold])
@pytest.mark.parametrize("model", ["churn", "clv"])
def test_a_few_bent_rows_move_the_level_by_less_than_a_tenth(
    teach: Callable[[Bend, str], Taught], bend: Bend, model: str
) -> None:
    assert departure(teach, bend, model).level == pytest.approx(1, abs=0.1)


def test_a_few_bent_rows_move_no_chance_by_much(teach: Callable[[Bend, str], Taught]) -> None:
    rows = teach(clean, "churn").folder
    moved = teach(fiftieth_flipped, "churn").says(rows) - teach(clean, "churn").says(rows)
    assert np.abs(moved).max() < 0.05


def test_the_planted_fault_of_bending_everything_is_caught(
    teach: Callable[[Bend, str], Taught],
) -> None:
    assert departure(teach, all_thousandfold, "clv").level > LEVEL_FACTOR


def publish(tmp_path: Path, taught: Taught, rows: Path) -> str | None:
    """Release a model where the champion may sit already; return why it was kept back."""
    address = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    frame = taught.result.spec.slices.build_frame(
        open_history(rows / "lake", zone=ZONE).as_of(LAST), None
    )
    office = Publisher(Console(json_mode=False), address, rows / "bundles", "")
    told = office.publish(taught.result, accepted=False, frame=frame)
    why: str | None = told["kept_back"]
    return why


def test_the_champion_goes_on_speaking_where_the_new_one_says_something_else(
    teach: Callable[[Bend, str], Taught], tmp_path: Path
) -> None:
    good, bent = teach(clean, "clv"), teach(all_thousandfold, "clv")
    assert publish(tmp_path, good, good.folder) is None
    assert "of the champion's" in str(publish(tmp_path, bent, good.folder))
    [speaks] = read_champions(open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}"))
    assert speaks.digest == good.result.digest


def test_one_that_says_the_same_takes_its_place(
    teach: Callable[[Bend, str], Taught], tmp_path: Path
) -> None:
    good, again = teach(clean, "churn"), teach(fiftieth_flipped, "churn")
    publish(tmp_path, good, good.folder)
    assert publish(tmp_path, again, good.folder) is None
    [speaks] = read_champions(open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}"))
    assert speaks.digest == again.result.digest
