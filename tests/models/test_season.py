"""The level of a day: learned from closed windows, moved by the season of last year."""

import math

import numpy as np
import pytest

from models.blend import Level, learn_level, log_mean, purchase_slope
from models.season import Season, carry_level, learn_season
from tests.models.pastdays import Company, monthly

MEASURE = "spend_{n}d_minor"


@pytest.fixture(scope="module")
def company():
    return Company()


def test_a_strong_time_of_year_has_a_high_index(company):
    season, _ = learn_season(company.examples(monthly()), measure=MEASURE)
    autumn, spring = season.at(np.array([280.0, 100.0]))
    assert autumn > 1.2
    assert spring < 0.8


def test_less_than_nine_months_of_history_know_no_season(company):
    season, then = learn_season(company.examples(monthly(90, 240)), measure=MEASURE)
    assert not season.days
    assert not then
    assert np.isnan(season.at(np.array([100.0]))).all()


def test_a_horizon_of_a_year_has_no_season(company):
    season, _ = learn_season(company.examples([90, 380], horizon=365), measure=MEASURE)
    assert season.at(np.array([10.0, 200.0])).tolist() == [1.0, 1.0]


def test_a_past_day_is_given_only_what_was_known_on_it(company):
    days = list(monthly())
    _, early = learn_season(company.examples(days[:-3]), measure=MEASURE)
    _, late = learn_season(company.examples(days), measure=MEASURE)
    second_year = [day for day in early if day > np.datetime64("2021-01-05")]
    assert second_year
    assert all(late[day] == early[day] for day in second_year)


def test_a_season_travels_as_json(company):
    season, _ = learn_season(company.examples(monthly()), measure=MEASURE)
    assert Season.from_json(season.to_json()) == season


def test_the_level_is_that_of_the_latest_days():
    days = np.arange("2020-01-01", "2020-01-07", dtype="datetime64[D]")
    levels = {day: float(place) for place, day in enumerate(days)}
    assert carry_level(levels) == 3.5


def test_an_unknown_season_moves_nothing(company):
    level = Level(0.2, 1.0, Season((), ()))
    frame, _ = company.frame(400)
    assert not level.season(frame).any()


def test_the_season_is_taken_out_of_the_level_and_put_back(company):
    examples = company.examples(monthly())
    index = learn_season(examples, measure=MEASURE)[1]
    levels = {day: 0.3 + math.log(value) for day, value in index.items()}
    level = learn_level(examples, levels, slope=1.0, measure=MEASURE)
    assert level.base == pytest.approx(0.3)


def test_rare_buying_moves_in_proportion_to_its_rate():
    assert purchase_slope(0.01) == pytest.approx(1.0, abs=0.01)


def test_the_log_mean_turns_differences_into_log_differences():
    a, b = np.array([3.0, 1.0, 2.0]), np.array([1.0, 5.0, 2.0])
    np.testing.assert_allclose(log_mean(a, b) * (np.log(a) - np.log(b)), a - b, atol=1e-12)
