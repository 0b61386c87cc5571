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

BIAS_BOUND = 0.10
LONE_TIE = 0.01
NO_SIGNAL = "no usable signal: the base rate serves"


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


def decide(trials: Sequence[Trial], rule: GateRule) -> Verdict:
    """Choose who serves.

    Parameters
    ----------
    trials
        Every candidate on every origin, candidates from the simplest to the richest.
    rule
        The model's rule.

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
    winner = _choose(by_name, tied, rule)
    beats = _beats(by_name, winner, rule.baseline, rule=rule)
    text = _describe(winner, best, rule=rule, miss=_miss(by_name[winner]))
    if rule.must_beat and winner == rule.baseline:
        text = NO_SIGNAL
    if rule.baseline in by_name:
        text += "; " + _compare(winner, rule, beats=beats)
    frontier = _frontier(standings) if rule.bias_bound is not None else ()
    return Verdict(winner, rule.measure, standings, tied, top, beats, frontier, text)


def _choose(by_name: Mapping[str, Sequence[Trial]], tied: Sequence[str], rule: GateRule) -> str:
    """Return the simplest of the tied; where the baseline must be beaten, the simplest to do so."""
    if not rule.must_beat or rule.baseline not in by_name:
        return tied[0]
    clear = [name for name in tied if _beats(by_name, name, rule.baseline, rule=rule)]
    return rule.baseline if rule.baseline in tied or not clear else clear[0]


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
    by_name: Mapping[str, Sequence[Trial]], winner: str, baseline: str, *, rule: GateRule
) -> bool:
    if winner == baseline or baseline not in by_name:
        return False
    gain = _losses(by_name[baseline], rule) - _losses(by_name[winner], rule)
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


def _describe(winner: str, best: str, *, rule: GateRule, miss: float) -> str:
    if winner != best:
        text = f"{winner} serves: {best} has the lower {rule.measure}, but not by more than one"
        text += " standard error"
    else:
        text = f"{winner} serves: lowest {rule.measure}"
    if rule.bias_bound is None:
        return text
    text += (
        f" of those with the rightest totals; its total is off by {miss:.0%} on a typical origin"
    )
    if miss <= rule.bias_bound:
        return text
    return f"{text}, over the {rule.bias_bound:.0%} wanted, and no other's is clearly nearer"


def _compare(winner: str, rule: GateRule, *, beats: bool) -> str:
    if beats:
        return f"better than {rule.baseline} by more than one standard error"
    if winner == rule.baseline:
        return "nothing beats it by more than one standard error"
    return f"not better than {rule.baseline} in {rule.measure} by one standard error"
