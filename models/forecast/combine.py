"""How much each leg counts, which leg is served, and how the nodes are made to add up.

Weights are inverse mean squared errors of past forecasts near the same week, at the same level of
the tree, over origins at which all the legs spoke. With few quarters they are mostly their prior:
equal over the kinds of information, as a combination gains from legs that know different things,
not from three models of one series. Sources: Bates and Granger 1969 (inverse error), Smith and
Wallis 2009 (why to shrink to equal).
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


def leg_weights(
    kinds: Mapping[str, str], judged: Sequence[Judged], *, level: str, week: int
) -> dict[str, float]:
    """Return each leg's weight; they sum to 1.

    Parameters
    ----------
    kinds
        Kind of information by leg to combine, at least one leg.
    judged
        Past forecasts, already scored.
    level
        ``total``, or the dimension whose nodes are meant.
    week
        Week of the quarter the forecast is made in.
    """
    prior = _prior(kinds)
    together = paired(judged, list(kinds))
    found = {leg: near_week(together, leg, level=level, week=week) for leg in kinds}
    quarters = min(count for _, _, count in found.values())
    pool = float(np.mean([error for error, _, _ in found.values()]))
    if quarters == 0 or pool <= 0:
        return prior
    shrunk = {
        leg: (quarters * error + PRIOR_QUARTERS * pool) / (quarters + PRIOR_QUARTERS)
        for leg, (error, _, _) in found.items()
    }
    raw = {leg: prior[leg] / shrunk[leg] for leg in kinds}
    floored = {leg: max(raw[leg] / sum(raw.values()), SMALLEST_WEIGHT) for leg in kinds}
    return {leg: weight / sum(floored.values()) for leg, weight in floored.items()}


def choose_served(
    judged: Sequence[Judged], rivals: Sequence[str], able: Sequence[str]
) -> tuple[str, str]:
    """Return the leg to serve and why: the combination, unless a plain rule was better so far.

    Judged once for the whole tree, at the total, by WAPE over all past forecasts in which both
    spoke, because nodes served by different legs would not add up.

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
        doubt = "" if proven or theirs >= ours else ", too few to tell"
        reasons.append(
            f"combined {verb} {rival}: WAPE {ours:.3f} against {theirs:.3f}, {quarters} quarters, "
            f"{rival} nearer in {nearer}{doubt}"
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


def _prior(kinds: Mapping[str, str]) -> dict[str, float]:
    every = list(kinds.values())
    share = 1.0 / len(set(every))
    return {leg: share / every.count(kind) for leg, kind in kinds.items()}
