"""The gate serves the simplest candidate that nothing beats, and never a badly biased one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from lifecycle.errors import GateError
from training.gate import decide
from training.trials import LAPSE_MEASURES, VALUE_MEASURES, GateRule, Trial, measure_trial

ORIGINS = [date(2011, month, 1) for month in (1, 4, 7, 10)]
LAPSE = GateRule("log_loss", LAPSE_MEASURES, "base_rate", frozenset({"base_rate", "rule"}))
LEAVE = replace(LAPSE, must_beat=True)
VALUE = GateRule("mae", VALUE_MEASURES, "run_rate", frozenset({"run_rate"}), bias_bound=0.1)


def _trials(name: str, losses: list[float], *, rule: GateRule, bias: float = 0.0) -> list[Trial]:
    return [
        Trial(name, origin, 100, {rule.measure: loss}, 1000.0, 1000.0 * (1 + bias))
        for origin, loss in zip(ORIGINS, losses, strict=False)
    ]


def _lapse(**losses: list[float]) -> list[Trial]:
    return [one for name, row in losses.items() for one in _trials(name, row, rule=LAPSE)]


def test_the_lowest_mean_wins() -> None:
    verdict = decide(_lapse(base_rate=[0.7] * 4, rule=[0.6] * 4, boosted=[0.5] * 4), LAPSE)
    assert (verdict.winner, verdict.beats_baseline) == ("boosted", True)


def test_a_tie_within_one_standard_error_goes_to_the_simpler() -> None:
    losses = {"rule": [0.60, 0.61, 0.60, 0.61], "boosted": [0.61, 0.60, 0.61, 0.595]}
    verdict = decide(_lapse(base_rate=[0.7] * 4, **losses), LAPSE)
    assert verdict.winner == "rule"
    assert verdict.tied == ("rule", "boosted")
    assert "boosted has the lower log_loss, but not by more" in verdict.text


def test_the_best_learned_candidate_is_named_even_when_it_loses() -> None:
    verdict = decide(_lapse(base_rate=[0.5] * 4, boosted=[0.6] * 4, worse=[0.7] * 4), LAPSE)
    assert (verdict.winner, verdict.best_learned) == ("base_rate", "boosted")


def test_nothing_that_beats_the_base_rate_is_said() -> None:
    rng = np.random.default_rng(3)
    noise = {name: list(0.69 + 0.01 * rng.random(4)) for name in ("rule", "boosted")}
    verdict = decide(_lapse(base_rate=[0.69] * 4, **noise), LAPSE)
    assert (verdict.winner, verdict.beats_baseline) == ("base_rate", False)
    assert "nothing beats it by more than one standard error" in verdict.text


def test_a_candidate_behind_the_baseline_is_tied_with_nobody() -> None:
    trials = [
        *_trials("run_rate", [560.0, 576.0], rule=VALUE, bias=0.2),
        *_trials("rough", [500.0, 684.0], rule=VALUE, bias=0.05),
        *_trials("combined", [528.0, 560.0], rule=VALUE, bias=0.05),
    ]
    verdict = decide(trials, VALUE)
    assert (verdict.winner, verdict.tied) == ("combined", ("combined",))


def test_a_biased_total_does_not_win_on_mae() -> None:
    trials = [
        *_trials("run_rate", [380.0] * 4, rule=VALUE, bias=-0.29),
        *_trials("tweedie", [410.0] * 4, rule=VALUE, bias=-0.05),
    ]
    verdict = decide(trials, VALUE)
    assert verdict.winner == "tweedie"
    assert verdict.frontier == ("run_rate", "tweedie")


def test_opposite_errors_of_the_total_do_not_make_good_for_each_other() -> None:
    swings = [
        Trial("run_rate", origin, 9, {"mae": 380.0}, 1000.0, 1000.0 * (1 + bias))
        for origin, bias in zip(ORIGINS, (0.3, -0.3, 0.3, -0.3), strict=True)
    ]
    verdict = decide([*swings, *_trials("tweedie", [410.0] * 4, rule=VALUE, bias=0.05)], VALUE)
    assert verdict.winner == "tweedie"
    assert verdict.standings[0].bias_share == pytest.approx(0.0)
    assert verdict.standings[0].miss_share == pytest.approx(0.3)


def test_when_all_are_biased_those_tied_with_the_least_compete_and_it_is_said() -> None:
    trials = [
        *_trials("run_rate", [380.0] * 4, rule=VALUE, bias=-0.29),
        *_trials("hurdle", [420.0] * 4, rule=VALUE, bias=0.20),
        *_trials("tweedie", [410.0] * 4, rule=VALUE, bias=-0.20),
    ]
    verdict = decide(trials, VALUE)
    assert verdict.winner == "tweedie"
    assert [one.fair for one in verdict.standings] == [False, True, True]
    assert "off by 20% on a typical origin, over the 10% wanted" in verdict.text


def test_a_dominated_candidate_is_not_on_the_frontier() -> None:
    trials = [
        *_trials("run_rate", [380.0] * 4, rule=VALUE, bias=0.02),
        *_trials("tweedie", [410.0] * 4, rule=VALUE, bias=0.05),
    ]
    assert decide(trials, VALUE).frontier == ("run_rate",)


def test_one_origin_ties_within_a_hundredth() -> None:
    verdict = decide(_lapse(base_rate=[0.500], boosted=[0.496]), LAPSE)
    assert verdict.winner == "base_rate"
    assert decide(_lapse(base_rate=[0.500], boosted=[0.480]), LAPSE).winner == "boosted"


def test_a_candidate_that_missed_an_origin_is_not_compared() -> None:
    trials = _lapse(base_rate=[0.7] * 4, boosted=[0.1] * 3)
    assert [one.candidate for one in decide(trials, LAPSE).standings] == ["base_rate"]


def test_no_candidate_is_refused() -> None:
    trials = [replace(one, measures={}) for one in _lapse(base_rate=[0.7] * 4)]
    with pytest.raises(GateError, match="no candidate"):
        decide(trials, LAPSE)


def test_the_order_of_trials_of_one_candidate_does_not_matter() -> None:
    trials = _lapse(base_rate=[0.7, 0.6, 0.7, 0.6], boosted=[0.5, 0.6, 0.5, 0.6])
    turned = [trials[i] for i in (3, 2, 1, 0, 7, 6, 5, 4)]
    assert decide(trials, LAPSE) == decide(turned, LAPSE)


def test_a_measure_undefined_on_an_origin_is_left_out() -> None:
    ones, half = np.ones(10), np.full(10, 0.5)
    trial = measure_trial("x", ORIGINS[0], actual=ones, predicted=half, rule=LAPSE)
    assert "auc" not in trial.measures
    assert trial.measures["log_loss"] == pytest.approx(np.log(2))


def test_a_prediction_that_is_not_finite_is_refused() -> None:
    bad = np.array([0.5, np.nan])
    with pytest.raises(GateError, match="not finite"):
        measure_trial("x", ORIGINS[0], actual=np.ones(2), predicted=bad, rule=LAPSE)


def test_where_the_baseline_must_be_beaten_it_serves_unless_clearly_beaten() -> None:
    losses = {"base_rate": [0.60, 0.61, 0.60, 0.61], "boosted": [0.61, 0.60, 0.59, 0.605]}
    verdict = decide(_lapse(**losses), LEAVE)
    assert verdict.winner == "base_rate"
    assert verdict.text.startswith("no usable signal: the base rate serves")


def test_the_simplest_that_clearly_beats_it_serves() -> None:
    losses = {"rule": [0.600, 0.590, 0.600, 0.591], "boosted": [0.598, 0.592, 0.597, 0.593]}
    verdict = decide(_lapse(base_rate=[0.7, 0.69, 0.7, 0.69], **losses), LEAVE)
    assert (verdict.winner, verdict.beats_baseline) == ("rule", True)


def test_a_rule_for_a_year_does_not_serve_five() -> None:
    trials = [
        *_trials("run_rate", [380.0] * 4, rule=VALUE),
        *_trials("tweedie", [410.0] * 4, rule=VALUE),
    ]
    verdict = decide(trials, replace(VALUE, rules_serve=False))
    assert (verdict.winner, verdict.beats_baseline) == ("tweedie", False)
    assert "not better than run_rate in mae" in verdict.text
