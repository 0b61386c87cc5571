"""Protocols M3-Q and M3-M: the M3 competition, forecast with its intervals.

3,003 real series; fit on the train part, forecast the whole test part. sMAPE covers all types.
"""

from __future__ import annotations

from benchmarks.protocol import Result
from benchmarks.series_study import compare

NAME = "m3"
TYPES = {"quarterly": 4, "monthly": 12, "yearly": 1, "other": 1}
PUBLISHED = {"quarterly": 1.091, "monthly": 0.823}


def run() -> Result:
    """Score the product beside the library's own models."""
    return compare("m3/m3", TYPES, PUBLISHED)
