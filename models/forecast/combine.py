"""How much each leg counts, which leg is served, and how the nodes are made to add up.

Weights come of mean squared errors of past forecasts near the same week, at the same level of the
tree, over origins at which all the legs spoke. With few quarters they are mostly their prior:
shared out over the kinds of information, as a combination gains from legs that know different
things, not from three models of one series. Sources: Bates and Granger 1969 (inverse covariance of
errors), Smith and Wallis 2009 (why to shrink to a prior, and not to estimate covariances).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.forecast.grid import FloatArray
from models.forecast.judged import Judged, near_week, paired, pooled_wape, quarters_nearer
from models.forecast.nodes import TOTAL, dimension_of

COMBINED = "combined"
PRIOR_QUARTERS = 8.0
SMALLEST_WEIGHT = 0.05
FEWEST_JUDGED_QUARTERS = 4
"""A year: two rules that are equally good change places by chance in fewer."""


def prior_weights(kinds: Mapping[str, str], trust: Mapping[str, float]) -> dict[str, float]:
    """Return each leg's weight before anything was judged; they sum to 1.

    Parameters
    ----------
    kinds
        Kind of information by leg to combine, at least one leg.
    trust
        How much a kind counts, by kind; 1 where none is told. Legs of one kind share it evenly.
    """
    every = list(kinds.values())
    total = sum(trust.get(kind, 1.0) for kind in set(every))
    return {leg: trust.get(kind, 1.0) / total / every.count(kind) for leg, kind in kinds.items()}


def leg_weights(
    prior: Mapping[str, float],
    judged: Sequence[Judged],
    *,
    level: str,
    week: int,
    correlation: float = 0.0,
) -> dict[str, float]:
    """Return each leg's weight; they sum to 1.

    Each leg's weight is its prior times its row sum of the inverse covariance of errors, v the mean
    squared errors shrunk to their mean: ``(1 / v_i - c / sqrt(v_i) sum_j 1 / sqrt(v_j))``,
    ``c = r / (1 + (m - 1) r)`` for m legs, all pairs correlated by r.

    Parameters
    ----------
    prior
        Weight by leg without a past; see `prior_weights`.
    judged
        Past forecasts, already scored.
    level
        ``total``, or the dimension whose nodes are meant.
    week
        Week of the quarter the forecast is made in.
    correlation
        How far the legs err together, 0 to below 1. Told, not estimated: a handful of quarters
        says little of it, and weights would follow its chance.
    """
    together = paired(judged, list(prior))
    found = {leg: near_week(together, leg, level=level, week=week) for leg in prior}
    quarters = min(count for _, _, count in found.values())
    pool = float(np.mean([error for error, _, _ in found.values()]))
    if quarters == 0 or pool <= 0:
        return dict(prior)
    errors = np.array([error for error, _, _ in found.values()])
    shrunk = (quarters * errors + PRIOR_QUARTERS * pool) / (quarters + PRIOR_QUARTERS)
    shared = correlation / (1.0 + (len(prior) - 1) * correlation)
    sure = 1.0 / np.sqrt(shrunk)
    raw = np.array(list(prior.values())) * np.maximum(sure * (sure - shared * sure.sum()), 0.0)
    floored = np.maximum(raw / raw.sum(), SMALLEST_WEIGHT)
    return dict(zip(prior, (floored / floored.sum()).tolist(), strict=True))


def choose_served(
    judged: Sequence[Judged], rivals: Sequence[str], able: Sequence[str]
) -> tuple[str, str]:
    """Return the leg to serve and why: the combination, unless a plain rule was better so far.

    Judged once for the whole tree, at the total, over all past forecasts in which both spoke,
    because nodes served by different legs would not add up. A rule was better if its WAPE was lower
    and it was nearer in more than half of the quarters: one odd quarter can turn the WAPE alone.

    Parameters
    ----------
    judged
        Past forecasts, already scored.
    rivals
        Names of the plain rules.
    able
        Names of the legs that can be served now.
    """
    reasons, best, worst_case = [], COMBINED, 1.0
    unjudged: list[str] = []
    for rival in (name for name in rivals if name in able):
        both = paired(judged, (COMBINED, rival))
        ours, quarters = pooled_wape(both, COMBINED)
        theirs, _ = pooled_wape(both, rival)
        if quarters < FEWEST_JUDGED_QUARTERS:
            unjudged.append(f"{rival} ({quarters} quarters)")
            continue
        nearer = quarters_nearer(both, rival, COMBINED)
        proven = theirs < ours and 2 * nearer > quarters
        verb = "beat" if ours < theirs else "did not beat"
        undecided = (theirs < ours and not proven) or 2 * nearer == quarters
        doubt = ", too early to tell" if undecided else ""
        reasons.append(
            f"combined {verb} {rival}: WAPE {ours:.3f} against {theirs:.3f}, all weeks of "
            f"{quarters} quarters, {rival} nearer in {nearer}{doubt}"
        )
        if proven and theirs / ours < worst_case:
            best, worst_case = rival, theirs / ours
    if unjudged:
        reasons.append(f"not yet judged against {', '.join(unjudged)}")
    told = "; ".join(reasons or ["no plain rule is defined yet"])
    plain = "" if best == COMBINED else "use the simple one: "
    return best, f"{plain}{best} is served; {told}"


def reconcile(means: FloatArray, variances: FloatArray, nodes: Sequence[str]) -> FloatArray:
    """Return what to add to each node's mean so that every dimension adds up to the total.

    The total keeps its mean: of all nodes it is the surest, and it is one and the same for all
    dimensions. Each dimension takes up its own gap, most where its nodes are least sure (weighted
    least squares with a diagonal error covariance and the total held; Wickramasuriya,
    Athanasopoulos and Hyndman 2019).

    Parameters
    ----------
    means, variances
        (nodes,) total first; minor units, and minor units squared.
    nodes
        Their names.
    """
    moved = np.zeros_like(means)
    levels = np.array([dimension_of(node) for node in nodes])
    for level in dict.fromkeys(levels):
        if level == TOTAL:
            continue
        rows = levels == level
        weights = variances[rows] if variances[rows].sum() > 0 else np.ones(int(rows.sum()))
        moved[rows] = weights / weights.sum() * (means[0] - means[rows].sum())
    return moved
