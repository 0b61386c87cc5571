"""Who serves the chance to win in the quarter: the house's gate over past quarters.

Log loss decides; a candidate within one standard error (paired over quarters) of the lowest is
tied with it, and of the tied the simplest serves. The base rate serves unless somebody beats it
by more than chance, and the product then says that there is no signal. What a company does
without us (the sales system's own shares, the reps' word) is measured beside them and never
serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from models.deals.ladder import DEAL_RULES, LADDER, choose_learner
from models.evidence import score_evidence
from training.contest import LEAST_RISK
from training.deals.measures import Judged, more_measures
from training.deals.replay import DealEvaluation
from training.gate import Standing, Verdict, decide
from training.trials import LAPSE_MEASURES, GateRule, Trial, measure_trial

BASELINE = "base_rate"
SERVING = (BASELINE, *(rung.learner for rung in LADDER))
"""Who may serve; what a company does without us, and the warnings, are only shown beside them."""
RULE = GateRule("log_loss", LAPSE_MEASURES, baseline=BASELINE, simple=DEAL_RULES, must_beat=True)


def list_serving(won: int, lost: int) -> tuple[str, ...]:
    """Return who may serve with so many won and lost deals, the simplest first.

    Examples
    --------
    >>> list_serving(50, 300)
    ('base_rate', 'stage_week', 'deal_logistic')
    """
    return SERVING[: SERVING.index(choose_learner(won, lost)) + 1]


def decide_deals(found: DealEvaluation, names: Sequence[str]) -> Verdict:
    """Choose who serves among the named candidates, from what they said in past quarters.

    Raises
    ------
    GateError
        Nobody was judged on every quarter.
    """
    trials = measure_trials(found, [name for name in names if name in found.names])
    return decide(trials, RULE, evidence=measure_evidence(found))


def stand_all(found: DealEvaluation) -> tuple[Standing, ...]:
    """Return how everybody did, rivals included, as the card shows it."""
    return decide(measure_trials(found, found.names), RULE).standings


def measure_trials(found: DealEvaluation, names: Sequence[str]) -> list[Trial]:
    """Measure candidates on every quarter.

    Raises
    ------
    GateError
        A prediction is not finite.
    """
    return [_trial(name, found.gather(name, [quarter]), quarter.start)
            for name in names for quarter in found.quarters]  # fmt: skip


def measure_evidence(found: DealEvaluation) -> Mapping[str, float]:
    """Return by candidate how many standard errors its chances say more than the base rate.

    A deal counts once, however many weeks it was open (`models.evidence.score_evidence`).
    """
    if not found.quarters or BASELINE not in found.names:
        return {}
    days = np.concatenate(
        [np.full(len(found.found.actuals[one.start]), n) for n, one in enumerate(found.quarters)]
    )
    base = found.gather(BASELINE)
    return {
        name: _evidence(found.gather(name), base, days) for name in found.names if name != BASELINE
    }


def _evidence(rows: Judged, base: Judged, days: NDArray[np.int64]) -> float:
    expected = np.clip(base.chance, LEAST_RISK, 1.0 - LEAST_RISK)
    said = np.clip(rows.chance, LEAST_RISK, 1.0 - LEAST_RISK)
    _, deal = np.unique(rows.deal, return_inverse=True)
    signal = logit(said) - logit(expected)
    return score_evidence(rows.won, expected, signal, day=days, unit=deal)


def _trial(name: str, rows: Judged, day: date) -> Trial:
    trial = measure_trial(name, day, actual=rows.won, predicted=rows.chance, rule=RULE)
    return trial.with_measures(more_measures(rows))
