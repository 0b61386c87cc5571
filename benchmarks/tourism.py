"""Protocols TC-Q and TC-M: the tourism forecasting competition of 2010, with intervals.

1,311 real series; fit on the train part, forecast the whole test part. sMAPE covers all types.
"""

from __future__ import annotations

from benchmarks.protocol import Result
from benchmarks.series_study import compare

NAME = "tourism"
TYPES = {"quarterly": 4, "monthly": 12, "yearly": 1}
PUBLISHED = {"quarterly": 1.497, "monthly": 1.418}


def run() -> Result:
    """Score the product beside the library's own models."""
    return compare("tourism_competition/tourism_competition", TYPES, PUBLISHED)
