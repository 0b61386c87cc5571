"""Intervals of proportions (Wilson 1927; of differences: Newcombe 1998, method 10)."""

from __future__ import annotations

import math

Z95 = 1.959963984540054


def wilson(events_count: float, count: float) -> tuple[float, float]:
    """Return the 95 % interval of a share; ``(0, 1)`` when nothing was counted.

    Parameters
    ----------
    events_count, count
        How often it happened, and of how many; both may be effective sizes.

    Examples
    --------
    >>> [round(one, 3) for one in wilson(5, 50)]
    [0.043, 0.214]
    """
    if count <= 0:
        return 0.0, 1.0
    share, square = events_count / count, Z95 * Z95 / count
    middle = (share + square / 2) / (1 + square)
    half = Z95 * math.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    # exactly 0 and 1 in theory where it never or always happened: rounding would leave 5e-17
    low = 0.0 if events_count <= 0 else max(0.0, middle - half)
    return low, 1.0 if events_count >= count else min(1.0, middle + half)


def newcombe(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float, float]:
    """Return first share less second share, with its 95 % interval.

    Parameters
    ----------
    first, second
        How often it happened, and of how many; neither count is zero.

    Examples
    --------
    >>> [round(one, 3) for one in newcombe((5, 50), (10, 50))]
    [-0.1, -0.242, 0.043]
    """
    p, q = first[0] / first[1], second[0] / second[1]
    (p_low, p_high), (q_low, q_high) = wilson(*first), wilson(*second)
    below = math.sqrt((p - p_low) ** 2 + (q_high - q) ** 2)
    above = math.sqrt((p_high - p) ** 2 + (q - q_low) ** 2)
    return p - q, p - q - below, p - q + above
