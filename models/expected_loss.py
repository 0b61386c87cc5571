"""What is lost if an account leaves: risk times what it would bring if it stayed.

With ``risk`` = P(no purchase within H) and ``expected`` = E[spend within H], an account that stays
spends ``expected / (1 - risk)``, since one that leaves spends nothing within H. Two models estimate
the two numbers, so the quotient of a nearly certain leaver is noise: the divisor is held at
``LEAST_STAY`` or more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEAST_STAY = 0.10
AT_RISK, LAPSED = "at_risk", "lapsed"


def value_if_kept(risk: FloatArray, expected_minor: FloatArray) -> FloatArray:
    """Return what each account spends within the horizon given that it stays.

    Parameters
    ----------
    risk
        Shape (n,), probability of no purchase within the horizon.
    expected_minor
        Shape (n,), expected spend over the same horizon, minor units; negatives count as zero.

    Returns
    -------
    numpy.ndarray
        Shape (n,), minor units.

    Examples
    --------
    >>> value_if_kept(np.array([0.5, 0.99]), np.array([100.0, 100.0])).tolist()
    [200.0, 1000.0]
    """
    stay = np.maximum(1.0 - risk, LEAST_STAY)
    kept: FloatArray = np.maximum(expected_minor, 0.0) / stay
    return kept


def net_of_credits(kept_minor: FloatArray, credit_share: FloatArray) -> FloatArray:
    """Return value less the share of its own spend that an account has had credited.

    The value models speak of gross spend, as their label does; a buyer whose largest order was
    taken back the same day would otherwise head the list. Shape (n,), minor units; an undefined
    share counts as none.

    Examples
    --------
    >>> net_of_credits(np.array([100.0, 100.0]), np.array([0.25, 1.2])).tolist()
    [75.0, 0.0]
    """
    share = np.clip(np.nan_to_num(credit_share), 0.0, 1.0)
    net: FloatArray = kept_minor * (1.0 - share)
    return net


def expected_loss(risk: FloatArray, kept_minor: FloatArray) -> FloatArray:
    """Return risk x value if kept, shape (n,), minor units.

    Examples
    --------
    >>> expected_loss(np.array([0.25]), np.array([200.0])).tolist()
    [50.0]
    """
    loss: FloatArray = risk * kept_minor
    return loss


def lapse_status(recency_days: FloatArray, horizon_days: int) -> list[str]:
    """Return ``lapsed`` where the last purchase is already a horizon or more ago.

    Such an account fulfils the definition of having lapsed today; a probability that it will do so
    helps nobody, so it stands apart from the accounts that can still be kept.

    Examples
    --------
    >>> lapse_status(np.array([89.0, 90.0]), 90)
    ['at_risk', 'lapsed']
    """
    return [LAPSED if days >= horizon_days else AT_RISK for days in recency_days]


def rank_within(values: FloatArray, groups: list[str]) -> list[int]:
    """Return ranks from 1 (largest value) within each group; ties keep the given order.

    Examples
    --------
    >>> rank_within(np.array([1.0, 3.0, 2.0]), ["a", "a", "b"])
    [2, 1, 1]
    """
    ranks = [0] * len(groups)
    seen: dict[str, int] = {}
    for index in np.argsort(-values, kind="stable"):
        group = groups[int(index)]
        seen[group] = seen.get(group, 0) + 1
        ranks[int(index)] = seen[group]
    return ranks
