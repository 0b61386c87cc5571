"""Every candidate on every past origin, measured for the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from lifecycle.console import SilentTicker, Ticker
from models.base import FloatArray
from training.datasets import SliceStore
from training.evaluate import Evaluation, Replay, evaluate_origins
from training.specs import Spec
from training.splits import GatePlan
from training.trials import Trial, measure_trial


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


def _trial(spec: Spec, found: Evaluation, name: str, origin: date) -> Trial:
    predicted = found.predictions[name, origin]
    trial = measure_trial(
        name, origin, actual=found.actuals[origin], predicted=predicted, rule=spec.rule
    )
    if spec.measure_more is None:
        return trial
    more = spec.measure_more(found.judged[origin], predicted, found.references[origin])
    return trial.with_measures(more)
