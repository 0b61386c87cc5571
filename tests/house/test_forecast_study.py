"""What studies of forecasts publish, on rows that can be counted by hand."""

from __future__ import annotations

import pytest

from benchmarks.forecasts import KEPT, Judgement, check_figures, node_gap, score_legs
from benchmarks.protocol import BenchmarkError
from models.forecast.conclude import conclude
from tests.models.forecast.raws import actual, leg, raw

RIVALS = ("last_quarter", "conversion", "commit", "independent")
FINE = {"above_oracle_se": 1.0, "node_gap": 0.0}


def row(name: str, error: float, *, seed: int = 1, week: int = 6, period: str = "2023Q1") -> dict:
    scores = dict.fromkeys(KEPT, error) | {"inside50": 0.0, "inside80": 1.0, "crps_minor": 2.0}
    return {"seed": seed, "period": period, "week": week, "leg": name, "actual_minor": 100.0,
            **scores}  # fmt: skip


def test_weeks_and_companies_are_pooled_by_size():
    rows = [row("served", 10), row("served", -30, week=7), row("served", 2, seed=2)]
    assert Judgement(rows).wape("served") == pytest.approx(42 / 300)


def test_errors_up_and_down_cancel_in_the_bias_only():
    found = Judgement([row("served", 10), row("served", -10, week=7)]).measure("served")
    assert (found["bias"], found["wape"]) == (0.0, 0.1)


def test_two_legs_are_compared_where_both_spoke():
    rows = [row("served", 10), row("served", 90, week=0), row("conversion", 20)]
    assert Judgement(rows).ratio("served", "conversion") == 0.5


def test_a_week_worse_than_an_earlier_one_is_told():
    errors = enumerate((9, 6, 4, 7, 3))
    found = Judgement(row("served", error, week=week) for week, error in errors)
    assert found.step_up("served") == pytest.approx(0.03)


def test_the_middle_week_is_held_against_the_oracles():
    rows = [
        row("served", 12),
        row("oracle", 10),
        row("served", 90, week=3),
        row("oracle", 1, week=3),
    ]
    rows += [row(name, 40, week=week) for name in RIVALS for week in (3, 6)]
    found = Judgement(rows).figures()
    assert found["wape_week6"] == pytest.approx(1.2)
    assert found["oracle_vs_naive"] == pytest.approx(11 / 80)


def test_a_quarter_counts_once_against_the_oracle():
    once = [row("served", 5 + n, seed=n) for n in range(4)] + [
        row("oracle", 10, seed=n) for n in range(4)
    ]
    twice = once + [{**one, "week": 9} for one in once]
    found = Judgement(once).above_oracle("served")
    assert found > 2.0
    assert Judgement(twice).above_oracle("served") == pytest.approx(found)


@pytest.mark.parametrize("wrong", [{"above_oracle_se": 2.1}, {"node_gap": 1e-5}])
def test_what_cannot_be_is_refused(wrong):
    check_figures(FINE)
    with pytest.raises(BenchmarkError):
        check_figures({**FINE, **wrong})


def test_the_served_leg_is_scored_under_its_name_and_as_served():
    forecast = conclude(raw({"simulation": leg(110), "conversion": leg(90)}), [])
    rows = {one["leg"]: one for one in score_legs(forecast, actual=actual(100)["total"], seed=1)}
    assert rows["served"]["error_minor"] == rows[forecast.served]["error_minor"]
    assert rows["simulation"]["error_minor"] == pytest.approx(10)
    assert node_gap(forecast) < 1e-12
