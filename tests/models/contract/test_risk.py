"""The served risk: one story from headline to curve, causes, band and reasons."""

import json

import numpy as np
import pyarrow.compute as pc
import pytest

from models.calibration import CalibratedLapse, Calibration
from models.contract.causes import CAUSES
from models.contract.curve import anchor, fade, leave_by
from models.contract.headline import ContractModel
from models.contract.risk import CURVE_DAYS, ContractRisk, finish_risk
from models.contract.tables import ContractTable
from models.scoring import choose_bands, score
from tests.models.contract.pastmonths import Book, true_risk


@pytest.fixture(scope="module")
def book():
    return Book(accounts=900, days=14)


@pytest.fixture(scope="module")
def risk(book):
    examples = book.examples()
    headline = CalibratedLapse(ContractModel("blend"), Calibration("platt", (0.2, 0.95, 0.95)))
    return finish_risk(headline.fit(examples), examples)


@pytest.fixture(scope="module")
def later(book, risk):
    return book.at(25)


@pytest.fixture(scope="module")
def table(risk, later):
    return score(risk, later[0], horizon_days=90)


class Flat:
    """A headline that is the same for everybody."""

    def __init__(self, risk):
        self.risk = risk

    def predict(self, frame):
        return np.full(frame.num_rows, self.risk)


def details(table):
    return [json.loads(one) for one in table["detail"].to_pylist()]


def test_the_curve_passes_through_the_headline(risk, later):
    curve = risk.curve(later[0])
    assert curve[:, CURVE_DAYS.index(90)] == pytest.approx(risk.predict(later[0]), abs=1e-12)


def test_the_curve_never_falls(risk, later):
    assert (np.diff(risk.curve(later[0]), axis=1) >= 0).all()


def test_the_curve_is_that_of_the_truth_on_average(risk, later):
    true = [true_risk(later[1], days).mean() for days in CURVE_DAYS]
    assert risk.curve(later[0]).mean(axis=0) == pytest.approx(true, rel=0.2)


def after_the_horizon(risk, frame):
    """Risk within days 90 to 180 of those who stayed until day 90."""
    curve = risk.curve(frame)
    by = {day: curve[:, CURVE_DAYS.index(day)] for day in (90, 180)}
    return (by[180] - by[90]) / (1 - by[90])


def test_what_can_be_left_any_time_has_no_step_at_the_horizon(risk, later):
    free = later[0].filter(pc.equal(later[0]["term_months"], 1.0))
    ratio = after_the_horizon(risk, free) / risk.predict(free)
    assert free.num_rows > 100
    assert (ratio > 0.5).all()
    assert (ratio < 2.0).all()


def test_a_headline_far_from_the_hazard_makes_no_step_either(risk, later):
    free = later[0].filter(pc.equal(later[0]["term_months"], 1.0))
    even = ContractRisk.from_parts(risk.to_parts())
    even.headline = Flat(0.10)
    ratio = after_the_horizon(even, free) / 0.10
    assert np.quantile(ratio, [0.05, 0.95]) == pytest.approx(1.0, abs=0.75)


def test_a_later_deadline_keeps_the_hazard_it_had():
    deadline = np.array([[False, True, False, False, True, False]])
    kept = fade(deadline, horizon_days=90)[0]
    assert kept[:3].tolist() == [1.0, 1.0, 1.0]
    assert kept[4] == 0.0
    assert 1.0 > kept[3] > kept[5] > 0.45


def test_another_horizon_is_read_off_the_curve(risk, later):
    within = risk.predict(later[0], horizon_days=180)
    assert within == pytest.approx(risk.curve(later[0])[:, CURVE_DAYS.index(180)])


def test_the_risk_at_renewal_lies_between_the_days_around_it(risk, later):
    at, until = risk.at_renewal(later[0]), later[0].column("renewal_days").to_numpy()
    curve = np.column_stack([np.zeros(len(at)), risk.curve(later[0]), np.ones(len(at))])
    place = np.searchsorted(CURVE_DAYS, until)
    rows = np.arange(len(at))
    assert (at <= curve[rows, place + 1] + 1e-12).all()
    assert (at >= curve[rows, place] - 1e-12).all()


def test_causes_add_up_to_one(risk, later):
    shares = risk.causes(later[0])
    assert shares.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert shares.mean(axis=0)[CAUSES.index("nonrenewal")] == pytest.approx(0.7, abs=0.06)


def test_the_band_holds_the_headline(risk, later):
    low, high = risk.band(later[0])
    headline = risk.predict(later[0])
    assert (low <= headline).all()
    assert (headline <= high).all()
    assert (low < high).all()


def test_a_band_is_narrower_where_more_is_known():
    wide, narrow = (
        ContractRisk(ContractModel("logistic")).fit(Book(accounts=n, days=8, seed=4).examples())
        for n in (250, 2000)
    )
    frame = Book(accounts=200, seed=9).at(20)[0]
    width = [np.mean(m.band(frame)[1] - m.band(frame)[0]) for m in (wide, narrow)]
    assert width[0] > 1.5 * width[1]


def test_detail_tells_the_whole_sum_of_log_odds(risk, later, table):
    headline = risk.predict(later[0])
    for told, p in zip(details(table), headline, strict=True):
        total = told["base"] + sum(told["groups"].values()) + told["calibration"]
        assert total == pytest.approx(np.log(p / (1.0 - p)), abs=1e-6)


def test_detail_tells_curve_causes_and_band(table):
    told = details(table)[0]
    assert set(told) == {"curve", "causes", "low", "high", "base", "groups", "calibration"}
    assert set(told["curve"]) == {"30", "60", "90", "180", "365", "renewal"}
    assert set(told["causes"]) == set(CAUSES)


def test_of_those_who_hold_a_contract_few_are_needed_for_a_high_band():
    edges = np.array([0.30, 0.29, 0.10, 0.09])
    assert choose_bands(edges, "probability", route="contractual") == [
        "high",
        "medium",
        "medium",
        "low",
    ]


def test_a_reloaded_risk_gives_the_same_table(risk, later, table):
    again = ContractRisk.from_parts(risk.to_parts())
    assert score(again, later[0], horizon_days=90).equals(table)


def test_an_account_alone_gets_the_curve_it_gets_among_others(risk, later):
    alone = risk.curve(later[0].slice(7, 1))
    assert alone[0] == pytest.approx(risk.curve(later[0])[7], rel=1e-12)


def test_too_few_departures_make_an_even_curve():
    few = Book(accounts=60, days=4, level=-8.0).examples()
    risk = ContractRisk(ContractTable("base_rate")).fit(few)
    curve = risk.curve(few.frame)
    even = 1 - (1 - risk.predict(few.frame)[:, None]) ** (np.array(CURVE_DAYS) / 90)
    assert curve == pytest.approx(even, rel=1e-6)


def test_too_few_departures_say_nothing_beyond_the_horizon():
    few = Book(accounts=60, days=4, level=-8.0).examples()
    risk = ContractRisk(ContractTable("base_rate")).fit(few)
    told = details(score(risk, few.frame, horizon_days=90))
    for one in told:
        silent = {day for day, value in one["curve"].items() if value is None}
        assert silent == {"180", "365", "renewal"}
    assert np.isnan(risk.at_renewal(few.frame)).all()


@pytest.mark.parametrize("wanted", [1e-6, 0.02, 0.5, 0.98, 1 - 1e-6])
@pytest.mark.parametrize("level", [-12.0, -3.0, 6.0])
def test_any_headline_can_be_met(wanted, level):
    odds = level + np.linspace(-3, 3, 12)[None, :]
    moved = odds + anchor(odds, np.array([wanted]), horizon_days=90)[:, None]
    assert leave_by(moved, np.array([[90.0]]))[0, 0] == pytest.approx(wanted, rel=1e-9)
