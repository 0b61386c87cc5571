"""What is known today about each month ahead: whether a notice deadline falls in it.

Month k of a frame's day D covers the days ``[D + (k-1) m, D + k m)`` with m = 365/12. A contract
with a term can be left at its notice deadlines, one per term; an open-ended one at any time.
"""

from __future__ import annotations

import numpy as np

from models.base import FloatArray
from models.columns import Frame, read_numbers
from models.contract.events import MONTH_DAYS

DEADLINE, RENEWAL, TERM = "notice_deadline_days", "renewal_days", "term_months"
SHORT_TERM_MONTHS = 1.0
FARTHEST_MONTH = 12.0


def build_timing(frame: Frame, months: FloatArray) -> FloatArray:
    """Build what is known of each month ahead.

    Parameters
    ----------
    frame
        With ``notice_deadline_days`` (days until the notice deadline of the next renewal, NaN
        open-ended) and ``term_months``.
    months
        Shape (m,), numbers of months ahead, 1 = the coming month.

    Returns
    -------
    numpy.ndarray
        Shape (n, m, 4): a deadline falls in the month (0/1), the contract can be left at any time
        (0/1), log of the month's number (held at a year), and the first times the third.

    Raises
    ------
    FeatureMismatchError
        The frame lacks one of the two columns.
    """
    until, term = read_numbers(frame, DEADLINE), read_numbers(frame, TERM)
    flexible = ~np.isfinite(until) | (term <= SHORT_TERM_MONTHS)
    span = np.where(np.isfinite(term) & (term >= 1.0), term, 12.0) * MONTH_DAYS
    # a deadline already passed without notice: the next one is a term later
    first = np.where(until < 0, np.mod(until, span), until)[:, None]
    start, end = (months - 1.0) * MONTH_DAYS, months * MONTH_DAYS
    # deadlines before the month's end, less those before its start
    passed_end = np.floor((end[None, :] - first - 1e-9) / span[:, None])
    passed_start = np.floor((start[None, :] - first - 1e-9) / span[:, None])
    falls = np.maximum(passed_end, -1.0) > np.maximum(passed_start, -1.0)
    deadline = (falls & ~flexible[:, None]).astype(np.float64)
    log_month = np.broadcast_to(np.log(np.minimum(months, FARTHEST_MONTH)), deadline.shape)
    free = np.broadcast_to(flexible[:, None].astype(np.float64), deadline.shape)
    return np.stack([deadline, free, log_month, deadline * log_month], axis=2)
