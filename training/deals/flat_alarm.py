"""The leak alarm of deals without history: a field of the creation that knows the close.

No landmark shows such a table's past, so that a field's declaration is all there is to trust. What
can be checked is whether it tells how long the deal was to stay open: nothing known when a deal is
created ranks that.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from models.base import FloatArray
from training.alarm import Finding
from training.deals.flat import FlatDeals

TOLD_RANK = 0.90
"""Rank correlation with the days open from which on a field is said to know them."""
FEWEST_DATED = 40


def find_told_length(deals: FlatDeals) -> list[Finding]:
    """Find numbers, declared known at creation, that rank deals by how long they were to be open.

    Parameters
    ----------
    deals
        Closed deals of a table without history; without dates of both ends nothing is found.
    """
    lasted = deals.closed - deals.opened
    frame, found = deals.examples.frame, []
    for name in deals.columns:
        if pa.types.is_floating(frame.schema.field(name).type):
            values = np.asarray(frame.column(name).to_numpy(), dtype=np.float64)
            score = _rank_correlation(values, lasted)
            if abs(score) >= TOLD_RANK:
                text = f"{name} ranks deals by the days they were open ({score:+.2f})"
                found.append(Finding("told_length", name, text))
    return found


def _rank_correlation(values: FloatArray, lasted: FloatArray) -> float:
    """Return Spearman's correlation over rows where both are told; 0 where it is undefined."""
    both = np.isfinite(values) & np.isfinite(lasted)
    if both.sum() < FEWEST_DATED:
        return 0.0
    left, right = rankdata(values[both]), rankdata(lasted[both])
    if left.std() == 0.0 or right.std() == 0.0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])
