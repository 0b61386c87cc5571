"""What an owner commits to, against what the owner wins: a posterior with its doubt, no verdict.

Per owner the ratio of won to committed money over all quarters; its log is taken to be normal about
the owner's own bias, biases normal about that of all owners (normal-normal shrinkage; Efron and
Morris 1975). Spread between owners by the moments of DerSimonian and Laird (1986); noise from how
far each quarter lies off the owner's ratio, pooled over owners, because single owners have too few
quarters. Owners with few deals so stay near the others, and are given no label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from lifecycle.errors import ModelError
from models.base import FloatArray

BEYOND = 0.10
SURE = 0.90
FEWEST_DEALS = 8
INTERVAL = 1.959964
FARTHEST = math.log(20.0)
HAPPY_EARS, SANDBAGGING = "happy_ears", "sandbagging"


@dataclass(frozen=True)
class Commits:
    """What owners committed to in a quarter's third week, and what came of it; one row each.

    Attributes
    ----------
    owner
        Owner ids, one per row (owner and quarter).
    commit_minor, won_minor
        Shape (n,), minor units: committed at week 3, and won by the quarter's end.
    deals_count
        Shape (n,): committed deals.
    won_count, late_count
        Shape (n,): deals won in the quarter, and those of them that were not in its pipeline at
        week 3.
    """

    owner: Sequence[str]
    commit_minor: FloatArray
    won_minor: FloatArray
    deals_count: FloatArray
    won_count: FloatArray
    late_count: FloatArray

    def __post_init__(self) -> None:
        arrays = (
            self.commit_minor, self.won_minor, self.deals_count, self.won_count, self.late_count
        )  # fmt: skip
        if any(len(one) != len(self.owner) for one in arrays):
            raise ModelError(
                f"{len(self.owner)} owners with arrays of {[len(one) for one in arrays]}",
                "one number per owner and quarter",
            )


@dataclass(frozen=True)
class OwnerBias:
    """One owner's posterior.

    Attributes
    ----------
    ratio, ratio_low, ratio_high
        Won over committed money: median and 95 % interval; 1 is no bias.
    beside_others
        The ratio over that of all owners.
    p_beyond
        Probability (0-1) that the ratio lies more than 10 % from 1, on either side.
    label
        ``happy_ears`` (less is won than committed), ``sandbagging`` (more is, and wins appear late
        as often as with others or oftener), None when it is not sure or there are under 8 deals.
    deals_count, quarters_count, won_count
        What it rests on.
    late_share, late_low, late_high
        Share of wins that appeared after week 3, with its 95 % interval; NaN without wins.
    commit_minor, won_minor
        Sums, minor units.
    """

    owner_id: str
    ratio: float
    ratio_low: float
    ratio_high: float
    beside_others: float
    p_beyond: float
    label: str | None
    deals_count: int
    quarters_count: int
    won_count: int
    late_share: float
    late_low: float
    late_high: float
    commit_minor: float
    won_minor: float


def measure_owner_bias(commits: Commits) -> list[OwnerBias]:
    """Return each owner's posterior, sorted by owner; owners who never committed are left out.

    Sources: Efron and Morris 1975; DerSimonian and Laird 1986; intervals of shares by Wilson 1927.
    """
    owners, place = np.unique(np.array(list(commits.owner), dtype=str), return_inverse=True)

    def total(values: FloatArray) -> FloatArray:
        return np.bincount(place, values, minlength=len(owners)).astype(np.float64)

    committed = total(commits.commit_minor)
    active = committed > 0
    if not active.any():
        return []
    deals, sums = total(commits.deals_count), total(commits.won_minor)
    ratio = _log_ratio(committed, sums, deals)
    noise = _noise(commits, place, ratio, deals)
    posterior = _shrink(ratio, noise, active)
    shares = _late_shares(total(commits.won_count), total(commits.late_count))
    usual_late = float(total(commits.late_count).sum() / max(total(commits.won_count).sum(), 1.0))
    quarters = total((commits.commit_minor > 0).astype(np.float64))
    counts = np.column_stack([deals, quarters, total(commits.won_count)])
    money = np.column_stack([committed, sums])
    return [
        _tell(str(owners[k]), posterior[k], counts[k], late=shares[k], sums=(*money[k], usual_late))
        for k in np.flatnonzero(active)
    ]


def _log_ratio(committed: FloatArray, won: FloatArray, deals: FloatArray) -> FloatArray:
    """Return log(won / committed); half a usual deal on both sides keeps nothing won finite."""
    usual = committed.sum() / max(deals.sum(), 1.0)
    moved = np.log((won + usual / 2.0) / (committed + usual / 2.0 + 1e-9) + 1e-12)
    return np.asarray(np.clip(moved, -FARTHEST, FARTHEST))


def _noise(commits: Commits, place: np.ndarray, ratio: FloatArray, deals: FloatArray) -> FloatArray:
    """Return the variance of each owner's log ratio: that of one deal, pooled, over their number.

    The residual of a quarter is what was won beyond the owner's ratio of the commit; its square
    over the squared sum is the variance of a ratio of sums (Cochran 1977, 6.4).
    """
    expected = np.exp(ratio)[place] * commits.commit_minor
    off = np.bincount(place, (commits.won_minor - expected) ** 2)
    quarters = np.bincount(place).astype(np.float64)
    level = np.bincount(place, np.maximum(expected, 1e-9)) ** 2
    enough = (quarters >= 2) & (deals > 0)
    if not enough.any():
        return np.asarray(1.0 / np.maximum(deals, 1.0))
    once = off / level * quarters / np.maximum(quarters - 1.0, 1.0)
    # per deal, averaged where quarters allow it, weighted by how many quarters speak
    weight = np.where(enough, quarters - 1.0, 0.0)
    of_one = float((weight * np.minimum(once, 4.0) * deals).sum() / weight.sum())
    return np.asarray(max(of_one, 1e-4) / np.maximum(deals, 1.0))


def _shrink(ratio: FloatArray, noise: FloatArray, active: np.ndarray) -> FloatArray:
    """Return shape (n, 3): posterior mean and standard deviation, and the mean of all owners."""
    y, v = ratio[active], noise[active]
    w = 1.0 / v
    fixed = float(w @ y / w.sum())
    excess = float(w @ (y - fixed) ** 2) - (len(y) - 1.0)
    scale = float(w.sum() - (w @ w) / w.sum())
    between = max(excess / scale, 0.0) if scale > 0 else 0.0
    total = 1.0 / (v + between)
    middle = float(total @ y / total.sum())
    trust = between / (between + noise)
    mean = middle + trust * (ratio - middle)
    # the mean of all owners is itself learned: its doubt is part of every owner's
    doubt = trust * noise + (1.0 - trust) ** 2 / float(total.sum())
    return np.column_stack([mean, np.sqrt(doubt), np.full(len(ratio), middle)])


def _late_shares(won: FloatArray, late: FloatArray) -> FloatArray:
    """Return shape (n, 3): share, low, high (Wilson's interval); NaN without wins."""
    n = np.where(won > 0, won, np.nan)
    share, z = late / n, INTERVAL
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.column_stack([share, np.maximum(centre - half, 0), np.minimum(centre + half, 1)])


def _tell(
    owner: str,
    posterior: FloatArray,
    counts: FloatArray,
    *,
    late: FloatArray,
    sums: tuple[float, float, float],
) -> OwnerBias:
    mean, deviation, others = (float(one) for one in posterior)
    deviation = max(deviation, 1e-9)
    under = float(norm.cdf((math.log(1.0 - BEYOND) - mean) / deviation))
    over = float(norm.sf((math.log(1.0 + BEYOND) - mean) / deviation))
    deals, quarters, won = (int(one) for one in counts)
    share, low, high = (float(one) for one in late)
    label = None
    if deals >= FEWEST_DEALS and under > SURE:
        label = HAPPY_EARS
    elif deals >= FEWEST_DEALS and over > SURE and not share < sums[2]:
        label = SANDBAGGING
    wide = INTERVAL * deviation
    return OwnerBias(
        owner, math.exp(mean), math.exp(mean - wide), math.exp(mean + wide),
        math.exp(mean - others), under + over, label, deals, quarters, won, share, low, high,
        float(sums[0]), float(sums[1]),
    )  # fmt: skip
