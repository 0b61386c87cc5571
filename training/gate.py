"""Champion against challengers on past origins; a simple rule may win, and the gate says so.

The rules are pure functions of what every candidate scored on every past origin:

* **Lapse**: the lowest mean log loss wins; candidates within one standard error (paired over
  origins) of the lowest are tied with it, and the simplest of the tied serves.
* **Value**: MAE alone favours the median customer and would crown a forecast that is a third too
  low, so the total counts first: a candidate is *fair* when its total is off by at most
  ``BIAS_BOUND`` on a typical origin (mean of the absolute bias shares, so that a spring too high
  does not make good for an autumn too low), or by no more than the least biased candidate's within
  one standard error. Among the fair the lowest mean absolute error wins, ties as above. The
  frontier of both measures is shown.

A candidate behind the baseline is tied with nobody, whatever the error. Of contracts few leave, so
their base rate serves unless something beats it by more than one standard error; and their value
over five years, judged on one, is left to fitted models alone.
With a single origin there is no standard error; candidates within ``LONE_TIE`` of the best are
then tied. Candidates are given from the simplest to the richest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lifecycle.errors import GateError
from models.base import FloatArray
from training.trials import GateRule, Trial
from training.verdicts import compare_with_baseline, describe_winner

BIAS_BOUND = 0.10
LONE_TIE = 0.01
LEAST_EVIDENCE = 2.5
"""Standard errors; five candidates try, and one without signal in thirty would pass at 2."""


@dataclass(frozen=True)
class Standing:
    """One candidate over all origins.

    Attributes
    ----------
    candidate
        Its name.
    mean, se
        By measure: mean over origins, and standard error of that mean (absent for one origin).
    bias_share
        Predicted over actual total, less 1, over all origins.
    miss_share
        How far the total is off on a typical origin: mean of the absolute bias shares.
    fair
        Whether the total is right enough for the candidate to win.
    behind, behind_se
        Deciding measure less the best candidate's, paired by origin; ``behind_se`` is NaN-free and
        0 for the best.
    learned
        Whether it is a fitted model rather than a rule.
    """

    candidate: str
    mean: Mapping[str, float]
    se: Mapping[str, float]
    bias_share: float
    miss_share: float
    fair: bool
    behind: float
    behind_se: float
    learned: bool


@dataclass(frozen=True)
class Verdict:
    """What the gate decided.

    Attributes
    ----------
    winner
        The candidate to serve.
    measure
        The measure that decided.
    standings
        All candidates, simplest first.
    tied
        Names within one standard error of the best.
    best_learned
        The fitted model with the best deciding measure, published even when it loses.
    beats_baseline
        Whether the winner is better than the baseline by more than one standard error.
    frontier
        Value only: candidates that no other beats in both MAE and miss share.
    text
        The decision in words.
    """

    winner: str
    measure: str
    standings: tuple[Standing, ...]
    tied: tuple[str, ...]
    best_learned: str | None
    beats_baseline: bool
    frontier: tuple[str, ...]
    text: str


def decide(
    trials: Sequence[Trial], rule: GateRule, *, evidence: Mapping[str, float] | None = None
) -> Verdict:
    """Choose who serves.

    Parameters
    ----------
    trials
        Every candidate on every origin, candidates from the simplest to the richest.
    rule
        The model's rule.
    evidence
        By candidate, how many standard errors what it adds to the baseline stands from saying
        nothing, all origins together (`training.contest.measure_evidence`). Where the baseline must
        be beaten, nobody beats it with less than ``LEAST_EVIDENCE``.

    Returns
    -------
    Verdict
        The decision with all standings.

    Raises
    ------
    GateError
        No candidate was judged on every origin.
    """
    by_name = _complete(trials, rule)
    fair = _allow(_find_fair(by_name, rule), by_name, rule)
    best = min(fair, key=lambda name: float(_losses(by_name[name], rule).mean()))
    standings = tuple(_stand(name, by_name, best=best, rule=rule, fair=fair) for name in by_name)
    tied = _find_tied(standings, best, rule)
    learned = [s for s in standings if s.learned]
    top = min(learned, key=lambda s: s.mean[rule.measure]).candidate if learned else None
    proven = evidence or {}
    clear = [n for n in by_name if _beats(by_name, n, rule.baseline, rule=rule, proven=proven)]
    winner = tied[0]
    if rule.must_beat and rule.baseline in by_name:
        winner = next((name for name in tied if name in clear), rule.baseline)
    beats = winner in clear
    text = describe_winner(winner, best, rule=rule, miss=_miss(by_name[winner]))
    if rule.baseline in by_name:
        text += "; " + compare_with_baseline(winner, rule, beats=beats)
    frontier = _frontier(standings) if rule.bias_bound is not None else ()
    return Verdict(winner, rule.measure, standings, tied, top, beats, frontier, text)


def _complete(trials: Sequence[Trial], rule: GateRule) -> dict[str, list[Trial]]:
    origins = {trial.origin for trial in trials}
    by_name: dict[str, list[Trial]] = {}
    for trial in sorted(trials, key=lambda one: one.origin):
        if rule.measure in trial.measures:
            by_name.setdefault(trial.candidate, []).append(trial)
    order = dict.fromkeys(trial.candidate for trial in trials)
    full = {name: by_name[name] for name in order if len(by_name.get(name, ())) == len(origins)}
    if not full:
        raise GateError(
            f"no candidate with a {rule.measure} on all {len(origins)} past origins",
            "one candidate or more",
            "ingest a longer history",
        )
    return full


def _losses(trials: Sequence[Trial], rule: GateRule) -> FloatArray:
    return np.array([trial.measures[rule.measure] for trial in trials])


def _bias(trials: Sequence[Trial]) -> float:
    actual = sum(trial.actual_total for trial in trials)
    predicted = sum(trial.predicted_total for trial in trials)
    return (predicted - actual) / actual if actual > 0 else float(predicted > 0)


def _misses(trials: Sequence[Trial]) -> FloatArray:
    return np.array([abs(_bias([trial])) for trial in trials])


def _miss(trials: Sequence[Trial]) -> float:
    return float(_misses(trials).mean())


def _find_fair(by_name: Mapping[str, Sequence[Trial]], rule: GateRule) -> list[str]:
    if rule.bias_bound is None:
        return list(by_name)
    least = min(by_name.values(), key=_miss)
    fair = []
    for name, trials in by_name.items():
        behind = _misses(trials) - _misses(least)
        if _miss(trials) <= rule.bias_bound or behind.mean() <= (_se(behind) or 0.0):
            fair.append(name)
    return fair


def _allow(fair: list[str], by_name: Mapping[str, Sequence[Trial]], rule: GateRule) -> list[str]:
    """Leave only fitted models where rules may not serve, fair ones if there are any."""
    learned = [name for name in by_name if name not in rule.simple]
    if rule.rules_serve or not learned:
        return fair
    return [name for name in fair if name in learned] or learned


def _find_tied(standings: Sequence[Standing], best: str, rule: GateRule) -> tuple[str, ...]:
    """Return who is tied with the best; one that does worse than the baseline is nobody's equal.

    With two or three origins a standard error is wide enough to call almost anything a tie.
    """
    to_beat = [s.behind for s in standings if s.candidate == rule.baseline]
    most = max([0.0, *to_beat])
    return tuple(
        s.candidate
        for s in standings
        if s.fair and s.behind <= s.behind_se and (s.behind <= most or s.candidate == best)
    )


def _se(values: FloatArray) -> float | None:
    if len(values) < 2:
        return None
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _stand(
    name: str,
    by_name: Mapping[str, Sequence[Trial]],
    *,
    best: str,
    rule: GateRule,
    fair: Sequence[str],
) -> Standing:
    trials = by_name[name]
    behind = _losses(trials, rule) - _losses(by_name[best], rule)
    margin = _se(behind)
    if margin is None:
        margin = LONE_TIE * abs(float(_losses(by_name[best], rule).mean()))
    told = dict.fromkeys([*rule.measures, *(m for trial in trials for m in trial.measures)])
    names = [m for m in told if all(m in trial.measures for trial in trials)]
    values = {m: np.array([trial.measures[m] for trial in trials]) for m in names}
    return Standing(
        candidate=name,
        mean={m: float(v.mean()) for m, v in values.items()},
        se={m: se for m, v in values.items() if (se := _se(v)) is not None},
        bias_share=_bias(trials),
        miss_share=_miss(trials),
        fair=name in fair,
        behind=float(behind.mean()),
        behind_se=0.0 if name == best else margin,
        learned=name not in rule.simple,
    )


def _beats(
    by_name: Mapping[str, Sequence[Trial]],
    winner: str,
    baseline: str,
    *,
    rule: GateRule,
    proven: Mapping[str, float],
) -> bool:
    """Say whether one is better than the baseline by more than chance.

    Where there is evidence over all rows, it decides, with a gain that only has to be one: few
    origins (two, with a young company) give no standard error worth the name.
    """
    if winner == baseline or baseline not in by_name:
        return False
    gain = _losses(by_name[baseline], rule) - _losses(by_name[winner], rule)
    if rule.must_beat and winner in proven:
        return float(gain.mean()) > 0 and proven[winner] >= LEAST_EVIDENCE
    margin = _se(gain)
    if margin is None:
        margin = LONE_TIE * abs(float(_losses(by_name[baseline], rule).mean()))
    return float(gain.mean()) > margin


def _frontier(standings: Sequence[Standing]) -> tuple[str, ...]:
    def beaten(one: Standing) -> bool:
        return any(
            other.mean["mae"] < one.mean["mae"] and other.miss_share < one.miss_share
            for other in standings
        )

    return tuple(one.candidate for one in standings if not beaten(one))
