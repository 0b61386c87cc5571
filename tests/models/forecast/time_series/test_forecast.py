"""Every table of series gets an answer, and the answer keeps its promises."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lifecycle.errors import NotEnoughHistoryError, UsageError
from models.forecast.time_series.forecast import Question, count_steps, forecast_series
from models.forecast.time_series.panel import read_panel
from tests.models.forecast.time_series.tables import quick, table, wave

YEAR = Question(12, 12)


def _panel(count: int = 6, months: int = 60) -> pd.DataFrame:
    return table(**{f"s{n}": wave(months, seed=n) for n in range(count)})


class _Counter:
    def __init__(self) -> None:
        self.done = 0.0

    def advance(self, amount: float = 1) -> None:
        self.done += amount


def test_a_known_season_and_trend_are_carried_on() -> None:
    steps = np.arange(72)
    clear = 100 + steps + 10 * np.sin(2 * np.pi * steps / 12)
    found = forecast_series(table(a=clear[:60]), YEAR)
    assert np.abs(found["mean"] - clear[60:]).mean() < 3.0


def test_every_series_gets_its_next_steps_in_order() -> None:
    found = forecast_series(table(a=wave(30, seed=1), b=[1, 2]), Question(2, 12), fit=quick)
    assert found["unique_id"].tolist() == ["a", "a", "b", "b"]
    assert found["ds"].dt.strftime("%Y-%m").tolist() == ["2022-07", "2022-08", "2020-03", "2020-04"]


def test_wider_levels_hold_narrower_ones() -> None:
    levels = (10.0, 50.0, 80.0, 95.0, 99.8)
    found = forecast_series(_panel(), Question(6, 12, levels), fit=quick)
    names = [f"lo_{level:g}" for level in reversed(levels)] + [f"hi_{level:g}" for level in levels]
    assert (np.diff(found[names].to_numpy(), axis=1) >= 0).all()


def test_intervals_hold_about_the_share_they_name() -> None:
    whole = {f"s{n}": 100 + np.cumsum(np.random.default_rng(n).normal(0, 5, 84)) for n in range(60)}
    found = forecast_series(table(**{n: y[:72] for n, y in whole.items()}), YEAR, fit=quick)
    came = np.concatenate([y[72:] for y in whole.values()])
    held = ((came >= found["lo_80"]) & (came <= found["hi_80"])).mean()
    assert 0.7 < held < 0.9


def test_a_constant_stays_what_it_is() -> None:
    found = forecast_series(table(a=[7] * 30), YEAR, fit=quick)
    assert np.allclose(found.drop(columns=["unique_id", "ds"]), 7.0)


def test_only_zeros_stay_zeros() -> None:
    found = forecast_series(table(a=[0] * 30, b=wave(30, seed=1)), YEAR, fit=quick)
    zeros = found[found["unique_id"] == "a"]
    assert (zeros.drop(columns=["unique_id", "ds"]) == 0.0).all().all()


def test_a_series_that_was_never_negative_stays_so() -> None:
    counts = np.random.default_rng(3).poisson(0.4, 60)
    found = forecast_series(table(a=counts), Question(6, 12, (99.0,)), fit=quick)
    assert found["lo_99"].min() >= 0.0


def test_a_negative_series_may_go_further_down() -> None:
    found = forecast_series(table(a=wave(60, seed=1) - 130), YEAR, fit=quick)
    assert found["lo_95"].min() < -20.0


def test_two_points_repeat_the_last() -> None:
    found = forecast_series(table(a=[3, 5]), Question(2, 12), fit=quick)
    assert found["mean"].tolist() == [5.0, 5.0]
    assert (found["hi_80"] > found["lo_80"]).all()


def test_one_point_borrows_the_panels_width() -> None:
    found = forecast_series(
        pd.concat([_panel(), table(alone=[1000])]), Question(3, 12), fit=quick
    ).set_index("unique_id")
    alone, other = found.loc["alone"], found.loc["s0"]
    assert (alone["mean"] == 1000.0).all()
    width, level = alone["hi_80"] - alone["lo_80"], other["mean"].mean()
    assert (width / 1000 > 0.3 * (other["hi_80"] - other["lo_80"]).mean() / level).all()


def test_one_point_alone_is_refused() -> None:
    with pytest.raises(NotEnoughHistoryError, match="unique_id a: one point"):
        forecast_series(pd.DataFrame({"unique_id": ["a"], "ds": [1], "y": [2.0]}), Question(1))


def test_less_than_two_seasons_are_forecast_without_one() -> None:
    found = forecast_series(table(a=wave(20, seed=1)), Question(3, 12))
    assert np.isfinite(found["mean"]).all()


def test_the_answer_does_not_depend_on_the_order_of_rows() -> None:
    given = _panel(3)
    one = forecast_series(given, YEAR, fit=quick)
    other = forecast_series(given.iloc[::-1], YEAR, fit=quick)
    both = one.merge(other, on=["unique_id", "ds"])
    assert np.allclose(both["hi_80_x"], both["hi_80_y"])


def test_the_ticker_reaches_what_was_announced() -> None:
    given, counter = _panel(4), _Counter()
    forecast_series(given, YEAR, progress=counter, fit=quick)
    assert counter.done == count_steps(read_panel(given), YEAR)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((0, 12), "horizon 0"),
        ((3, 0), "season 0"),
        ((3, 12, (80.0, 100.0)), "level 100"),
        ((3, 12, (100 - 1e-11,)), "level 100"),
        ((3, 12, (float("nan"),)), "level nan"),
    ],
)
def test_a_question_out_of_range_is_refused(words: tuple[object, ...], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Question(*words)  # type: ignore[arg-type]
