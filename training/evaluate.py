"""Candidates replayed on past days: fitted on what had happened, predicting what came next.

The contest, the alarm and the benchmarks all judge by this one loop.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import DataError, ModelError
from lifecycle.history import History
from models.base import Examples, FloatArray
from training.datasets import SliceStore, build_training_set, find_first_day
from training.specs import Candidate, Spec
from training.splits import GatePlan, plan_gate
from training.trials import check_finite

LOG = logging.getLogger(__name__)
FEWEST_ORIGINS = 2


@dataclass(frozen=True)
class Replay:
    """How the past is replayed.

    Attributes
    ----------
    change
        Applied to what is learned from at each origin and to what is judged there: placebo labels,
        a field removed.
    folds
        0 judges all units by models that may have seen them before. Otherwise units fall into so
        many folds and each fold is judged by models that never saw its accounts (new customers).
    ticker
        Advanced by one for each candidate and origin.
    """

    change: Callable[[Examples], Examples] | None = None
    folds: int = 0
    ticker: Ticker = field(default_factory=SilentTicker)


@dataclass(frozen=True)
class Evaluation:
    """What candidates predicted on past origins, and what happened.

    Attributes
    ----------
    origins
        Past days judged, oldest first.
    predictions
        By candidate and origin, in the order of ``judged``.
    actuals
        By origin: the labels that came true.
    judged
        By origin: the rows judged, with their label and outcomes.
    references
        By origin: what the spec's reference rule predicted (segment base rate); may be empty.
    left_out
        Candidates that could not be fitted, with the reason.
    """

    origins: tuple[date, ...]
    predictions: Mapping[tuple[str, date], FloatArray]
    actuals: Mapping[date, FloatArray]
    judged: Mapping[date, Examples]
    references: Mapping[date, FloatArray]
    left_out: Mapping[str, str]


def open_store(
    spec: Spec,
    history: History,
    *,
    as_of: date,
    frames_dir: Path | None = None,
    ticker: Ticker | None = None,
) -> SliceStore:
    """Open the past days of a spec's route."""
    lag = spec.slices.find_lag(history.as_of(as_of))
    return SliceStore(history, frames_dir, ticker or SilentTicker(), spec.slices, lag)


def plan_origins(
    spec: Spec,
    store: SliceStore,
    *,
    as_of: date,
    horizon_days: int,
    origins: Sequence[date] | None = None,
) -> GatePlan:
    """Plan where candidates are judged; given origins are taken as they are.

    Parameters
    ----------
    spec, store
        What is judged, and its past days.
    as_of
        The day we stand on.
    horizon_days
        Length of the label windows (days).
    origins
        Past days; ``None`` lets the spec's rule choose.

    Raises
    ------
    NotEnoughHistoryError
        No fact of the route is known.
    """
    first, lag = find_first_day(store.history.as_of(as_of), spec.slices), store.lag_days
    if origins is not None:
        note = f"judged on {len(origins)} given origins"
        return GatePlan(horizon_days, tuple(sorted(origins)), note, first, lag)
    return plan_gate(first, as_of, horizon_days=horizon_days, rule=spec.origins, lag_days=lag)


def evaluate_origins(
    spec: Spec, store: SliceStore, plan: GatePlan, *, as_of: date, replay: Replay | None = None
) -> Evaluation:
    """Fit every candidate at every origin on what was known there, and predict.

    Training frames, training labels and the frame to predict hold only facts known before the
    origin; only the outcome itself is read as known on ``as_of``.

    Parameters
    ----------
    spec
        The model with its candidates.
    store
        Frames and labels (`open_store`).
    plan
        Origins and the horizon of the judgement (`plan_origins`).
    as_of
        The day we stand on.
    replay
        Placebo, removed fields, folds of accounts.

    Returns
    -------
    Evaluation
        Predictions, outcomes and rows per origin.

    Raises
    ------
    NotEnoughHistoryError
        An origin has nothing to learn from.
    """
    run = _Run(spec, replay or Replay(), wait=spec.origins.waits)
    for origin in plan.origins:
        learned = build_training_set(
            store,
            plan.learn_days(origin),
            origin,
            horizon_days=plan.horizon_days,
            target=spec.target,
        )
        judged = store.slice(origin, as_of, horizon_days=plan.horizon_days, target=spec.target)
        run.judge(origin, learned.examples, judged)
    return run.evaluation(plan.origins)


@dataclass
class _Run:
    spec: Spec
    replay: Replay
    wait: bool
    predictions: dict[tuple[str, date], FloatArray] = field(default_factory=dict)
    failures: dict[str, dict[date, str]] = field(default_factory=dict)
    judged: dict[date, Examples] = field(default_factory=dict)
    references: dict[date, FloatArray] = field(default_factory=dict)

    def judge(self, origin: date, past: Examples, judged: Examples) -> None:
        """Fit and predict every candidate that is still in the race."""
        if self.replay.change is not None:
            past, judged = self.replay.change(past), self.replay.change(judged)
        self.judged[origin] = judged
        if self.spec.reference is not None:
            self.references[origin] = self.spec.reference(past, judged.frame)
        for factory in self.spec.candidates:
            name = factory().name
            if self.wait or name not in self.failures:
                self._try(name, factory, origin, past=past)
            self.replay.ticker.advance(1)

    def _try(self, name: str, factory: Candidate, origin: date, *, past: Examples) -> None:
        frame = self.judged[origin].frame
        try:
            found = _predict(factory, past, frame, folds=self.replay.folds)
            check_finite(name, found)
        except (DataError, ModelError) as error:
            LOG.info("%s left out: %s", name, error)
            self.failures.setdefault(name, {})[origin] = str(error)
        else:
            self.predictions[name, origin] = found

    def evaluation(self, origins: Sequence[date]) -> Evaluation:
        """Keep the origins at which all that can be fitted now could be fitted."""
        kept = list(origins)
        if self.wait and origins:
            able = [name for name, _ in self.predictions if (name, origins[-1]) in self.predictions]
            ripe = [day for day in origins if all((name, day) in self.predictions for name in able)]
            kept = ripe if len(ripe) >= FEWEST_ORIGINS else kept
        left_out = {
            name: next(iter(days.values()))
            for name, days in self.failures.items()
            if not self.wait or any(day in days for day in kept)
        }
        return Evaluation(
            tuple(kept),
            {key: one for key, one in self.predictions.items() if key[0] not in left_out},
            {day: self.judged[day].label for day in kept},
            {day: self.judged[day] for day in kept},
            self.references,
            left_out,
        )


def _predict(factory: Candidate, past: Examples, frame: pa.Table, *, folds: int) -> FloatArray:
    if not folds:
        return np.asarray(factory().fit(past).predict(frame), dtype=np.float64)
    found = np.empty(frame.num_rows)
    learned, asked = find_folds(past.frame, folds=folds), find_folds(frame, folds=folds)
    for fold in range(folds):
        model = factory().fit(past.take(learned != fold))
        mine = np.flatnonzero(asked == fold)
        found[mine] = model.predict(frame.take(mine))
    return found


def find_folds(frame: pa.Table, *, folds: int) -> NDArray[np.int64]:
    """Return each row's fold, shape (n,): all rows of an account on all days fall into one.

    Examples
    --------
    >>> frame = pa.table({"account_id": ["a", "b", "a"]})
    >>> found = find_folds(frame, folds=5)
    >>> bool(found[0] == found[2])
    True
    """
    coded = pc.dictionary_encode(frame.column("account_id").combine_chunks())
    fold = [
        int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % folds
        for name in coded.dictionary.to_pylist()
    ]
    return np.asarray(np.array(fold, dtype=np.int64)[coded.indices.to_numpy()])


def placebo(seed: int) -> Callable[[Examples], Examples]:
    """Return a change that gives each row another row's label and outcomes of the same day.

    What remains is chance: a candidate that still ranks has seen what it may not. Outcomes that
    are judged have to be shuffled too; against true ones a chance weight on an honest field ranks.
    """

    def shuffle(examples: Examples) -> Examples:
        rng, order = np.random.default_rng(seed), np.arange(len(examples.label))
        for day in np.unique(examples.as_of):
            rows = np.flatnonzero(examples.as_of == day)
            order[rows] = rng.permutation(rows)
        after = None if examples.outcomes is None else examples.outcomes.take(order)
        return Examples(
            examples.frame, examples.label[order], examples.as_of, examples.horizon_days, after
        )

    return shuffle
