"""What an owner commits to, against what the owner wins: a posterior with its doubt, no verdict.

An owner's ratio of won to committed deals is cut in three: the company's ratio, how many deals
were won beside what deals like the owner's bring (standing and luck), and how many were called a
commit beside what other owners call deals like these (boldness). Expected counts are those of
indirect standardisation (Breslow and Day 1987, ch. 2). Each log is taken to be normal about the
owner's own, owners' own normal about that of all (normal-normal shrinkage; Efron and Morris 1975),
spread between owners by the moments of DerSimonian and Laird (1986). Apart, the two can be
trusted unequally: an owner has few wins, and each is half chance, but many deals to be bold on.
Owners with few deals stay near the others, and are given no label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from lifecycle.errors import ModelError
from models.base import FloatArray

BEYOND = 0.10
SURE = 0.90
FEWEST_DEALS = 8
INTERVAL = 1.959964
PASSES = 5
"""Noise depends on an owner's own rate, which is drawn in by the noise: five rounds settle it."""
HALF = 0.5
"""Half a deal on both sides keeps a ratio of nothing finite (Haldane 1956, Anscombe 1956)."""
HAPPY_EARS, SANDBAGGING = "happy_ears", "sandbagging"


@dataclass(frozen=True)
class Commits:
    """What owners called their deals in ended quarters, and what came; a row per deal and quarter.

    Attributes
    ----------
    owner, deal, quarter
        Ids, one per row.
    case
        What the deal was like, whoever had it: deals of one case are compared.
    committed, won, late
        Shape (n,), 1 or 0: called a commit for the quarter on any look; won in it; won without
        being in its pipeline at week 3.
    commit_minor, won_minor
        Shape (n,), minor units: the amount when first committed, and what was won.
    """

    owner: Sequence[str]
    deal: Sequence[str]
    quarter: Sequence[str]
    case: Sequence[str]
    committed: FloatArray
    won: FloatArray
    late: FloatArray
    commit_minor: FloatArray
    won_minor: FloatArray

    def __post_init__(self) -> None:
        lengths = [len(one) for one in vars(self).values()]
        if len(set(lengths)) > 1:
            raise ModelError(
                f"{len(self.owner)} owners with columns of {lengths[1:]}",
                "one value per deal and quarter",
            )


@dataclass(frozen=True)
class OwnerBias:
    """One owner's posterior.

    Attributes
    ----------
    ratio, ratio_low, ratio_high
        Won over committed deals on the company's mix of deals: median and 95 % interval. Each
        deal counts one, once a quarter.
    beside_others
        The ratio over that of the mean owner; 1 is no bias.
    p_beyond
        Probability (0-1) that ``beside_others`` lies more than 10 % from 1, on either side.
    label
        ``happy_ears`` (wins less per commit than others), ``sandbagging`` (more, and wins do not
        surely appear late more rarely than with others), None when not sure or under 8 deals.
    deals_count
        Deals committed to or won, once a quarter: what the ratio rests on.
    quarters_count
        Quarters with any of them.
    won_count
        Won deals among them.
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


@dataclass(frozen=True)
class _Lean:
    """Logs of counts over expected ones, by owner: posterior means, and the mean of all owners.

    ``doubt`` is the variance of the means, ``apart`` that of their distance from all owners'.
    """

    mean: FloatArray
    middle: float
    doubt: FloatArray
    apart: FloatArray


def measure_owner_bias(commits: Commits) -> list[OwnerBias]:
    """Return each owner's posterior, sorted by owner; empty where no deal was ever committed.

    Owners who neither committed to nor won a deal are left out. Sources: Breslow and Day 1987;
    Efron and Morris 1975; DerSimonian and Laird 1986; intervals of shares by Wilson 1927.
    """
    if not np.any(commits.committed):
        return []
    owners, who = np.unique(np.array(list(commits.owner), dtype=str), return_inverse=True)
    bold, luck = _lean(commits, commits.committed, who), _lean(commits, commits.won, who)
    usual = math.log((commits.won.sum() + HALF) / (commits.committed.sum() + HALF))
    posterior = np.column_stack(
        [
            usual + luck.mean - bold.mean,
            np.sqrt(luck.doubt + bold.doubt),
            (luck.mean - luck.middle) - (bold.mean - bold.middle),
            np.sqrt(luck.apart + bold.apart),
        ]
    )
    sums = _sum_up(commits, who)
    shares = _late_shares(sums[:, 2], sums[:, 3])
    usual_late = float(sums[:, 3].sum() / max(sums[:, 2].sum(), 1.0))
    return [
        _tell(str(owners[k]), posterior[k], sums[k], late=shares[k], usual_late=usual_late)
        for k in np.flatnonzero(sums[:, 0] > 0)
    ]


def _sum_up(commits: Commits, who: NDArray[np.intp]) -> FloatArray:
    """Return shape (owners, 6): deals, quarters, wins, late wins, and both sums of money."""
    some = (commits.committed > 0) | (commits.won > 0)
    quarters = np.unique(np.array(list(commits.quarter), dtype=str), return_inverse=True)[1]
    each = np.unique(np.column_stack([who, quarters])[some], axis=0)
    sums = [some, commits.won, commits.late, commits.commit_minor, commits.won_minor]
    columns = [np.bincount(who, np.asarray(one, dtype=float)) for one in sums]
    columns.insert(1, np.bincount(each[:, 0], minlength=len(columns[0])).astype(float))
    return np.column_stack(columns)


def _lean(commits: Commits, said: FloatArray, who: NDArray[np.intp]) -> _Lean:
    """Return how far owners lie from what deals like theirs usually show."""
    case = np.unique(np.array(list(commits.case), dtype=str), return_inverse=True)[1]
    usual = (np.bincount(case, said) / np.bincount(case))[case]
    count, expected = np.bincount(who, said), np.bincount(who, usual)
    seen = np.log((count + HALF) / (expected + HALF))
    again = _again(commits, said - np.minimum(usual * np.exp(seen)[who], 1.0), who)
    found = _Lean(np.zeros(len(seen)), 0.0, np.zeros(len(seen)), np.zeros(len(seen)))
    for _ in range(PASSES):
        chance = np.minimum(usual * np.exp(found.mean)[who], 1.0)
        of_count = np.bincount(who, chance * (1.0 - chance)) + HALF**2
        noise = again * of_count / (np.bincount(who, chance) + HALF) ** 2
        found = _shrink(seen, noise)
    return found


def _again(commits: Commits, off: FloatArray, who: NDArray[np.intp]) -> float:
    """Return how much wider counts scatter because a deal met in several quarters is one deal.

    Squared sums by deal over the sum of squares (design effect; Kish 1965), 1 at least.
    """
    deal = np.unique(np.array(list(commits.deal), dtype=str), return_inverse=True)[1]
    each = np.unique(deal * (int(who.max()) + 1) + who, return_inverse=True)[1]
    alone = float(off @ off)
    return max(float((np.bincount(each, off) ** 2).sum()) / alone, 1.0) if alone > 0 else 1.0


def _shrink(seen: FloatArray, noise: FloatArray) -> _Lean:
    w = 1.0 / noise
    fixed = float(w @ seen / w.sum())
    excess = float(w @ (seen - fixed) ** 2) - (len(seen) - 1.0)
    scale = float(w.sum() - (w @ w) / w.sum())
    between = max(excess / scale, 0.0) if scale > 0 else 0.0
    total = 1.0 / (noise + between)
    middle = float(total @ seen / total.sum())
    trust = between / (between + noise)
    # the mean of all owners is itself learned: its doubt is part of every owner's
    common = 1.0 / float(total.sum())
    return _Lean(
        middle + trust * (seen - middle),
        middle,
        trust * noise + (1.0 - trust) ** 2 * common,
        trust * noise + trust**2 * common,
    )


def _late_shares(won: FloatArray, late: FloatArray) -> FloatArray:
    """Return shape (n, 3): share, low, high (Wilson's interval); NaN without wins."""
    n = np.where(won > 0, won, np.nan)
    share, z = late / n, INTERVAL
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.column_stack([share, np.maximum(centre - half, 0), np.minimum(centre + half, 1)])


def _tell(
    owner: str, posterior: FloatArray, sums: FloatArray, *, late: FloatArray, usual_late: float
) -> OwnerBias:
    mean, wide, apart, doubt = (float(one) for one in posterior)
    wide, doubt = INTERVAL * wide, max(doubt, 1e-9)
    under = float(norm.cdf((math.log(1.0 - BEYOND) - apart) / doubt))
    over = float(norm.sf((math.log(1.0 + BEYOND) - apart) / doubt))
    deals, quarters, won = (int(one) for one in sums[:3])
    share, low, high = (float(one) for one in late)
    label = None
    if deals >= FEWEST_DEALS and under > SURE:
        label = HAPPY_EARS
    elif deals >= FEWEST_DEALS and over > SURE and not high < usual_late:
        label = SANDBAGGING
    return OwnerBias(
        owner, math.exp(mean), math.exp(mean - wide), math.exp(mean + wide),
        math.exp(apart), under + over, label, deals, quarters, won, share, low, high,
        float(sums[4]), float(sums[5]),
    )  # fmt: skip
