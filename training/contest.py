"""Every candidate on every past origin, each fitted only on what had happened and was known."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import DataError, ModelError
from models.base import Examples, FloatArray, ScoreModel
from training.datasets import SliceStore, build_training_set
from training.specs import Spec
from training.splits import GatePlan, grid_days
from training.trials import Trial, measure_trial

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contest:
    """The past, replayed.

    Attributes
    ----------
    trials
        Every candidate that could be fitted, on every origin, simplest candidate first.
    predictions
        By candidate and origin: what it predicted, in the order of the origin's frame.
    actuals
        By origin: the labels that came true.
    left_out
        Candidates that could not be fitted on some origin, with the reason.
    """

    trials: tuple[Trial, ...]
    predictions: Mapping[tuple[str, date], FloatArray]
    actuals: Mapping[date, FloatArray]
    left_out: Mapping[str, str]


def run_contest(
    spec: Spec,
    store: SliceStore,
    plan: GatePlan,
    *,
    as_of: date,
    ticker: Ticker | None = None,
) -> Contest:
    """Replay the past for all candidates.

    At an origin, training frames, training labels and the frame to predict hold only facts known
    before it; only the outcome itself is read as known on ``as_of``.

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
    progress = ticker or SilentTicker()
    predictions: dict[tuple[str, date], FloatArray] = {}
    actuals: dict[date, FloatArray] = {}
    left_out: dict[str, str] = {}
    names = [factory().name for factory in spec.candidates]
    for origin in plan.origins:
        past = _learn_from(spec, store, origin, plan=plan)
        frame = store.frame(origin)
        spent = store.spend([origin], as_of, horizon_days=plan.horizon_days)
        actuals[origin] = spec.target(spent[0])
        for name, factory in zip(names, spec.candidates, strict=True):
            if name not in left_out:
                found = _predict(factory(), past, frame, left_out)
                if found is not None:
                    predictions[name, origin] = found
            progress.advance(1)
    trials = [
        measure_trial(
            name,
            origin,
            actual=actuals[origin],
            predicted=predictions[name, origin],
            rule=spec.rule,
        )
        for name in names
        if name not in left_out
        for origin in plan.origins
    ]
    return Contest(tuple(trials), predictions, actuals, left_out)


def _learn_from(spec: Spec, store: SliceStore, origin: date, *, plan: GatePlan) -> Examples:
    days = grid_days(plan.first_day, origin, horizon_days=plan.horizon_days)
    made = build_training_set(
        store, days, origin, horizon_days=plan.horizon_days, target=spec.target
    )
    return made.examples


def _predict(
    model: ScoreModel, past: Examples, frame: pa.Table, left_out: dict[str, str]
) -> FloatArray | None:
    try:
        return np.asarray(model.fit(past).predict(frame), dtype=np.float64)
    except (DataError, ModelError) as error:
        LOG.info("%s left out: %s", model.name, error)
        left_out[model.name] = str(error)
        return None
