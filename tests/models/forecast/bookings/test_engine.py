"""The bookings engine on a company that sells the same every week, and on bad input."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from lifecycle.errors import UsageError
from lifecycle.periods import Quarter
from models.forecast.bookings.engine import BookingsEngine
from models.forecast.raw import SIMULATION, RawForecast
from tests.builders import Row
from tests.models.forecast.bookings.company import (
    FIRST,
    TODAY,
    deal,
    engine_of,
    open_company,
    steady,
    won,
)

NOW = Quarter(2022, 2)
ORIGIN = date(2022, 5, 13)
USUAL = 26 * 100_000.0  # two wins a week


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> BookingsEngine:
    return engine_of(open_company(tmp_path_factory.mktemp("steady"), list(steady())))


def opened(folder: Path, *more: Row) -> BookingsEngine:
    return engine_of(open_company(folder, [*steady(), *more]))


def one(engine: BookingsEngine, quarter: Quarter = NOW, origin: date = ORIGIN) -> RawForecast:
    (found,) = engine.raw(origin, quarter)
    return found


def test_a_steady_company_is_forecast_at_what_it_always_sells(engine: BookingsEngine) -> None:
    for quarter in (NOW, NOW.shift(1), NOW.shift(2)):
        mean = one(engine, quarter).legs[SIMULATION].mean_minor[0]
        assert mean == pytest.approx(USUAL, rel=0.12)


def test_the_parts_add_up_to_the_mean(engine: BookingsEngine) -> None:
    found = one(engine)
    total = np.sum(list(found.parts.values()), axis=0)
    np.testing.assert_allclose(total, found.legs[SIMULATION].mean_minor, rtol=1e-9)


def test_every_dimension_adds_up_to_the_total(engine: BookingsEngine) -> None:
    found = one(engine)
    means = dict(zip(found.nodes, found.legs[SIMULATION].mean_minor, strict=True))
    for dimension in ("segment", "region", "team", "owner", "product"):
        parts = sum(means[name] for name in means if name.startswith(f"{dimension}="))
        assert parts == pytest.approx(means["total"], rel=1e-9)


def test_what_is_in_is_the_least_the_quarter_can_be(engine: BookingsEngine) -> None:
    found = one(engine)
    assert found.to_date_minor[0] > 0
    assert (found.legs[SIMULATION].grid_minor[:, 0] >= found.floor_minor).all()


def test_the_same_question_has_the_same_answer(engine: BookingsEngine) -> None:
    first, second = (one(engine).legs[SIMULATION].grid_minor for _ in range(2))
    assert first.tolist() == second.tolist()


def test_a_quarter_that_is_over_is_what_it_brought(engine: BookingsEngine) -> None:
    found = one(engine, NOW.shift(-1))
    actual = engine.actuals(NOW.shift(-1), ORIGIN)["bookings"]["total"]
    assert set(found.legs[SIMULATION].grid_minor[0].tolist()) == {actual}


def test_a_quarter_too_far_ahead_is_refused(engine: BookingsEngine) -> None:
    with pytest.raises(UsageError, match="2 quarters ahead"):
        engine.raw(ORIGIN, NOW.shift(3))


def test_nothing_is_brought_before_the_quarter_has_ended(engine: BookingsEngine) -> None:
    assert engine.actuals(NOW, NOW.end - timedelta(days=1)) == {}
    assert engine.actuals(NOW, NOW.end)["bookings"]["total"] > 0


def test_without_deals_nothing_is_said(tmp_path: Path) -> None:
    engine = engine_of(open_company(tmp_path, []))
    assert engine.raw(ORIGIN, NOW) == []


def test_few_quarters_are_told(tmp_path: Path) -> None:
    rows = list(steady(date(2021, 10, 4)))
    found = one(engine_of(open_company(tmp_path, rows)))
    assert found.notes["few_quarters"] is True
    assert np.isfinite(found.legs[SIMULATION].grid_minor).all()


def test_a_deal_larger_than_the_rest_is_told_with_the_forecast_without_it(tmp_path: Path) -> None:
    giant = deal("giant", date(2022, 4, 18), date(2022, 4, 18), amount_minor=10**9)
    found = one(opened(tmp_path, giant))
    largest = found.notes["largest"]
    assert (largest["deal"], largest["outweighs_the_rest"]) == ("giant", True)
    assert largest["mean_without_minor"] == pytest.approx(USUAL, rel=0.4)


def test_a_quarter_without_any_win_is_forecast(tmp_path: Path) -> None:
    rows = [row for row in steady() if row["known_at"].date() < date(2022, 1, 1)]
    found = one(engine_of(open_company(tmp_path, rows)), NOW, date(2022, 4, 8))
    assert np.isfinite(found.legs[SIMULATION].mean_minor).all()


def test_a_back_dated_win_adds_to_its_quarter_once_it_is_known(tmp_path: Path) -> None:
    (first, last) = won("late", date(2022, 4, 4), date(2022, 5, 2))
    told = {**last, "known_at": last["known_at"] + timedelta(days=25)}
    engine = opened(tmp_path, first, told)
    plain = engine_of(open_company(tmp_path / "plain", [*steady(), first]))
    days = date(2022, 5, 27), date(2022, 5, 28)
    added = [one(engine, NOW, day).to_date_minor[0] - one(plain, NOW, day).to_date_minor[0]
             for day in days]  # fmt: skip
    assert added == [0.0, 100_000.0]


def test_foreign_money_without_rates_is_left_out_and_told(tmp_path: Path) -> None:
    euro = deal("euro", date(2022, 4, 18), date(2022, 4, 18), currency="EUR", amount_minor=10**9)
    found = one(opened(tmp_path, euro))
    assert found.notes["foreign_deals"] == 1
    assert found.legs[SIMULATION].mean_minor[0] == pytest.approx(USUAL, rel=0.12)


def test_a_deal_without_an_amount_counts_as_such_deals_usually_do(tmp_path: Path) -> None:
    bare = deal("bare", date(2022, 5, 2), date(2022, 5, 2), amount_minor=None)
    inputs = opened(tmp_path, bare).inputs(ORIGIN, NOW)
    place = inputs.deal_id.tolist().index("bare")
    assert inputs.amount_minor[place] == pytest.approx(100_000)


def test_the_first_day_on_record_forecasts_nothing(engine: BookingsEngine) -> None:
    assert engine.raw(FIRST, Quarter.containing(FIRST)) == []
    assert engine.raw(TODAY, Quarter.containing(TODAY))
