"""Candidates replayed on past quarters: fitted on what was known on a quarter's first day.

The gate, the alarm, the card and the benchmarks all judge by this one loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import DataError, ModelError
from lifecycle.periods import Quarter
from models.base import Examples, FloatArray, ScoreModel
from models.deals.amount import DealAmount
from training.deals.measures import Judged, measure_deals, measure_weeks
from training.deals.past import DealPast
from training.deals.plan import DealPlan
from training.evaluate import FEWEST_ORIGINS, Evaluation
from training.trials import check_finite

LOG = logging.getLogger(__name__)
Candidate = Callable[[], ScoreModel]
Change = Callable[[Examples], Examples]


@dataclass(frozen=True)
class Replay:
    """How past quarters are replayed.

    Attributes
    ----------
    change
        Applied to what is learned from and to what is judged: placebo labels, a field removed.
    every_weeks
        Landmarks learned from at an origin: each so many weeks (neighbours say nearly the same).
    ticker
        Advanced by one for each candidate and quarter.
    """

    change: Change | None = None
    every_weeks: int = 1
    ticker: Ticker = field(default_factory=SilentTicker)


@dataclass(frozen=True)
class DealEvaluation:
    """What candidates said of open deals in past quarters, and what became of them.

    Attributes
    ----------
    found
        By quarter's first day: predictions, labels, judged rows (deals whose quarter has ended,
        bulk closes left out) and what the base rate said.
    quarters
        The quarters judged, oldest first.
    amounts
        By quarter's first day: the amount each judged deal was expected to be won for (minor
        units; NaN where nothing could be expected yet), as learned by then.
    fitted
        The candidates as fitted at the last quarter's start, by name.
    """

    found: Evaluation
    quarters: tuple[Quarter, ...]
    amounts: Mapping[date, FloatArray]
    fitted: Mapping[str, ScoreModel]

    @property
    def names(self) -> tuple[str, ...]:
        """Candidates that could be judged."""
        return tuple(dict.fromkeys(name for name, _ in self.found.predictions))

    def gather(self, name: str, quarters: Sequence[Quarter] | None = None) -> Judged:
        """Return a candidate's judged rows of some quarters (all of them without)."""
        chosen = self.quarters if quarters is None else quarters
        parts = [self._judged(name, quarter) for quarter in chosen]
        return Judged(
            **{key: np.concatenate([getattr(one, key) for one in parts]) for key in vars(parts[0])}
        )

    def measures(self, name: str) -> dict[str, object]:
        """Return a candidate's measures over all quarters, and by week, as JSON values."""
        rows = self.gather(name)
        return {**measure_deals(rows), "by_week": measure_weeks(rows)}

    def _judged(self, name: str, quarter: Quarter) -> Judged:
        day = quarter.start
        return read_judged(
            self.found.judged[day],
            self.found.predictions[name, day],
            base=self.found.references[day],
            expected_minor=self.amounts[day],
        )


def read_judged(
    judged: Examples, chance: FloatArray, *, base: FloatArray, expected_minor: FloatArray
) -> Judged:
    """Join judged rows with what was said of them.

    Raises
    ------
    DataError
        The rows carry no outcomes.
    """
    frame, after = judged.frame, judged.outcomes
    if after is None:
        raise DataError("judged rows without outcomes", "one outcome per row", "build them again")
    return Judged(
        won=judged.label,
        chance=chance,
        base=base,
        week=_floats(frame.column("quarter_week")),
        deal=np.array(frame.column("opportunity_id").to_pylist(), dtype=object),
        closed_days=_floats(after.column("closed_days")),
        expected_minor=expected_minor,
        final_minor=_floats(after.column("final_amount_minor")),
    )


def replay_deals(
    past: DealPast,
    plan: DealPlan,
    candidates: Sequence[Candidate],
    *,
    replay: Replay | None = None,
) -> DealEvaluation:
    """Fit every candidate at the start of every past quarter, and judge it on the quarter's weeks.

    Frames hold what was known before each landmark, labels learned from what was known before the
    quarter began; only the outcome that is judged is read as known on ``plan.as_of``.

    Parameters
    ----------
    past
        Landmarks of open deals and what became of them (`training.deals.past`).
    plan
        Landmarks and quarters.
    candidates
        Factories, from the simplest to the richest.
    replay
        Placebo, removed fields, thinning.

    Raises
    ------
    NotEnoughHistoryError
        A quarter has nothing to learn from or nothing to judge.
    """
    run = _Run(past, plan, tuple(candidates), replay or Replay())
    for quarter in plan.origins:
        run.judge(quarter)
    return run.evaluation()


@dataclass
class _Run:
    past: DealPast
    plan: DealPlan
    candidates: tuple[Candidate, ...]
    replay: Replay
    predictions: dict[tuple[str, date], FloatArray] = field(default_factory=dict)
    failures: dict[str, dict[date, str]] = field(default_factory=dict)
    judged: dict[date, Examples] = field(default_factory=dict)
    references: dict[date, FloatArray] = field(default_factory=dict)
    amounts: dict[date, FloatArray] = field(default_factory=dict)
    fitted: dict[str, ScoreModel] = field(default_factory=dict)

    def judge(self, quarter: Quarter) -> None:
        """Fit and predict every candidate at one quarter's start."""
        day, change = quarter.start, self.replay.change
        days = thin_days(self.plan, self.plan.learn_days(day), every=self.replay.every_weeks)
        learned = self.past.examples(days, day)
        judged = keep_ended(self.past.examples(self.plan.judge_days(quarter), self.plan.as_of))
        if change is not None:
            learned, judged = change(learned), change(judged)
        self.judged[day] = judged
        self.references[day] = overall_rate(learned, judged)
        self.amounts[day] = DealAmount().fit(learned).expect(judged.frame)[0]
        for factory in self.candidates:
            self._try(factory(), day, learned)
            self.replay.ticker.advance(1)

    def _try(self, model: ScoreModel, day: date, learned: Examples) -> None:
        try:
            found = np.asarray(model.fit(learned).predict(self.judged[day].frame))
            check_finite(model.name, found)
        except (DataError, ModelError) as error:
            LOG.info("%s left out: %s", model.name, error)
            self.failures.setdefault(model.name, {})[day] = str(error)
        else:
            self.predictions[model.name, day] = found
            self.fitted[model.name] = model

    def evaluation(self) -> DealEvaluation:
        """Keep the quarters at which all that can be fitted by the last could be fitted."""
        quarters = list(self.plan.origins)
        if quarters:
            last = quarters[-1].start
            able = {name for name, _ in self.predictions if (name, last) in self.predictions}
            ripe = [q for q in quarters if all((n, q.start) in self.predictions for n in able)]
            quarters = ripe if len(ripe) >= FEWEST_ORIGINS else quarters
        days = [quarter.start for quarter in quarters]
        left_out = {
            name: next(iter(failed.values()))
            for name, failed in self.failures.items()
            if any(day in failed for day in days)
        }
        found = Evaluation(
            tuple(days),
            {key: one for key, one in self.predictions.items() if key[0] not in left_out},
            {day: self.judged[day].label for day in days},
            {day: self.judged[day] for day in days},
            {day: self.references[day] for day in days},
            left_out,
        )
        return DealEvaluation(
            found, tuple(quarters), {day: self.amounts[day] for day in days}, self.fitted
        )


def thin_days(plan: DealPlan, days: Sequence[date], *, every: int) -> list[date]:
    """Return every so manyeth landmark, beginning a week later in each quarter.

    Every week of the quarter is thus learned from, each in some of the quarters.
    """
    kept = []
    for day in days:
        quarter = Quarter.containing(day, plan.calendar)
        if (quarter.week_of(day) - quarter.year * 4 - quarter.number) % every == 0:
            kept.append(day)
    return kept


def keep_ended(examples: Examples) -> Examples:
    """Leave only rows whose quarter's outcome is known: ended, and not closed in bulk."""
    after = examples.outcomes
    if after is None:
        return examples
    return examples.take(np.isfinite(_floats(after.column("won_in_quarter"))))


def overall_rate(learned: Examples, judged: Examples) -> FloatArray:
    """Return the share of rows won in their quarter so far, shape (n,): the base rate."""
    known = keep_ended(learned)
    rate = float(known.label.mean()) if len(known.label) else 0.0
    return np.full(len(judged.label), rate)


def _floats(column: object) -> FloatArray:
    return np.asarray(column.to_numpy(), dtype=np.float64)  # type: ignore[attr-defined]
