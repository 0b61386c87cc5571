"""Every candidate on every past origin, measured for the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.special import logit

from lifecycle.console import SilentTicker, Ticker
from models.base import FloatArray
from models.evidence import score_evidence
from training.datasets import SliceStore
from training.evaluate import Evaluation, Replay, evaluate_origins
from training.specs import Spec
from training.splits import GatePlan
from training.trials import Trial, measure_trial

LEAST_RISK = 1e-6


@dataclass(frozen=True)
class Contest:
    """The past, replayed and measured.

    Attributes
    ----------
    trials
        Every candidate that could be fitted, on every origin, simplest candidate first.
    evaluation
        What they predicted, and what came true.
    plan
        Where they were judged.
    """

    trials: tuple[Trial, ...]
    evaluation: Evaluation
    plan: GatePlan

    @property
    def predictions(self) -> Mapping[tuple[str, date], FloatArray]:
        """By candidate and origin: what it predicted."""
        return self.evaluation.predictions

    @property
    def actuals(self) -> Mapping[date, FloatArray]:
        """By origin: the labels that came true."""
        return self.evaluation.actuals

    def evidence(self, baseline: str) -> Mapping[str, float]:
        """Return by candidate how sure it is that it says more than the baseline."""
        return measure_evidence(self.evaluation, baseline)

    @property
    def left_out(self) -> Mapping[str, str]:
        """Candidates that could not be fitted, with the reason."""
        return self.evaluation.left_out


def run_contest(
    spec: Spec,
    store: SliceStore,
    plan: GatePlan,
    *,
    as_of: date,
    ticker: Ticker | None = None,
) -> Contest:
    """Replay the past for all candidates.

    Parameters
    ----------
    spec
        The model with its candidates.
    store
        Frames and labels.
    plan
        Origins and the horizon of the judgement.
    as_of
        The day training stands on.
    ticker
        Advanced by one for each candidate and origin.

    Returns
    -------
    Contest
        Trials, predictions and outcomes.

    Raises
    ------
    NotEnoughHistoryError
        An origin has nothing to learn from.
    """
    replay = Replay(ticker=ticker or SilentTicker())
    found = evaluate_origins(spec, store, plan, as_of=as_of, replay=replay)
    names = [factory().name for factory in spec.candidates]
    trials = [
        _trial(spec, found, name, origin)
        for name in names
        if name not in found.left_out
        for origin in found.origins
    ]
    return Contest(tuple(trials), found, plan)


def measure_evidence(found: Evaluation, baseline: str) -> dict[str, float]:
    """Return by candidate how many standard errors its risks say more than the baseline's.

    See `models.evidence.score_evidence`: all origins together, an account counted once.
    """
    days = found.origins
    if not days or (baseline, days[0]) not in found.predictions:
        return {}

    def gather(name: str) -> FloatArray:
        risk = np.concatenate([found.predictions[name, day] for day in days])
        return np.asarray(np.clip(risk, LEAST_RISK, 1.0 - LEAST_RISK))

    base, actual = gather(baseline), np.concatenate([found.actuals[day] for day in days])
    day = np.concatenate([np.full(len(found.actuals[one]), n) for n, one in enumerate(days)])
    unit = np.concatenate(
        [found.judged[one].frame.column("account_id").to_pylist() for one in days]
    )
    return {
        name: score_evidence(actual, base, logit(gather(name)) - logit(base), day=day, unit=unit)
        for name in dict.fromkeys(name for name, _ in found.predictions)
        if name != baseline
    }


def _trial(spec: Spec, found: Evaluation, name: str, origin: date) -> Trial:
    predicted = found.predictions[name, origin]
    trial = measure_trial(
        name, origin, actual=found.actuals[origin], predicted=predicted, rule=spec.rule
    )
    if spec.measure_more is None:
        return trial
    more = spec.measure_more(found.judged[origin], predicted, found.references[origin])
    return trial.with_measures(more)
