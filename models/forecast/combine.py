"""How much each leg counts, which leg is served, and how the nodes are made to add up.

Weights are inverse mean squared errors of past vintages near the same week, at the same level of
the tree, over origins at which all the legs spoke. With few quarters they are mostly their prior:
equal over the three kinds of information (last year, buyers, growth), as a combination gains from
legs that know different things, not from three models of one series. Sources: Bates and Granger
1969 (inverse error), Smith and Wallis 2009 (why to shrink to equal).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.forecast.sales import FloatArray
from models.forecast.track import Scored, paired, pooled_wape, squared_error
from models.forecast.vintages import COMBINED, RIVALS, SEASONAL_NAIVE

PRIOR_QUARTERS = 8.0
SMALLEST_WEIGHT = 0.05
FEWEST_JUDGED_QUARTERS = 2
INFORMATION: Mapping[str, str] = {
    SEASONAL_NAIVE: "last year",
    "bottom_up": "buyers",
    "auto_ets": "growth",
    "auto_theta": "growth",
    "auto_arima": "growth",
}


def leg_weights(
    legs: Sequence[str], scored: Sequence[Scored], *, total: bool, week: int
) -> dict[str, float]:
    """Return each leg's weight; they sum to 1.

    Parameters
    ----------
    legs
        Names of the legs to combine, at least one.
    scored
        Past vintages, already scored.
    total
        Whether the weights are for the total or for the segments.
    week
        Week of the quarter the forecast is made in.
    """
    prior = _prior(legs)
    together = paired(scored, legs)
    found = {leg: squared_error(together, leg, total=total, week=week) for leg in legs}
    quarters = min(count for _, count in found.values())
    pool = float(np.mean([error for error, _ in found.values()]))
    if quarters == 0 or pool <= 0:
        return prior
    shrunk = {
        leg: (quarters * error + PRIOR_QUARTERS * pool) / (quarters + PRIOR_QUARTERS)
        for leg, (error, _) in found.items()
    }
    raw = {leg: prior[leg] / shrunk[leg] for leg in legs}
    floored = {leg: max(raw[leg] / sum(raw.values()), SMALLEST_WEIGHT) for leg in legs}
    return {leg: weight / sum(floored.values()) for leg, weight in floored.items()}


def choose_served(scored: Sequence[Scored], rivals: Sequence[str]) -> tuple[str, str]:
    """Return the leg to serve and why: the combination, unless a plain rule was better so far.

    Judged once for the whole tree, at the total, by WAPE over all past vintages at which both
    spoke, because nodes served by different legs would not add up.

    Parameters
    ----------
    scored
        Past vintages, already scored.
    rivals
        Names of the rules that can be served now.
    """
    reasons, best, worst_case = [], COMBINED, 1.0
    for rival in (name for name in RIVALS if name in rivals):
        both = paired(scored, (COMBINED, rival))
        ours, quarters = pooled_wape(both, COMBINED)
        theirs, _ = pooled_wape(both, rival)
        if quarters < FEWEST_JUDGED_QUARTERS:
            reasons.append(f"not yet judged against {rival} ({quarters} quarters)")
            continue
        verb = "beat" if ours < theirs else "did not beat"
        reasons.append(
            f"combined {verb} {rival}: WAPE {ours:.3f} against {theirs:.3f}, {quarters} quarters"
        )
        gain = theirs / ours if ours > 0 else 1.0
        if ours > theirs and gain < worst_case:
            best, worst_case = rival, gain
    return best, f"{best} is served; " + "; ".join(reasons or ["no plain rule is defined yet"])


def reconcile(means: FloatArray, variances: FloatArray) -> FloatArray:
    """Return means whose row 0 is the sum of the others, moved least where they are surest.

    Weighted least squares with a diagonal error covariance; the closed form for a tree of one
    level. Source: Wickramasuriya, Athanasopoulos and Hyndman 2019 (WLS).

    Parameters
    ----------
    means
        (nodes,) total first, minor units.
    variances
        (nodes,) their error variances, minor units squared.
    """
    weights = variances if variances.sum() > 0 else np.ones_like(variances)
    gap = means[0] - means[1:].sum()
    moved = means + weights / weights.sum() * gap * np.where(np.arange(len(means)) == 0, -1, 1)
    moved[0] = moved[1:].sum()
    return np.asarray(moved, dtype=np.float64)


def _prior(legs: Sequence[str]) -> dict[str, float]:
    kinds = [INFORMATION.get(leg, leg) for leg in legs]
    share = 1.0 / len(set(kinds))
    return {leg: share / kinds.count(kind) for leg, kind in zip(legs, kinds, strict=True)}
