"""What a world looks like from the outside, in a few figures for people."""

from __future__ import annotations

from typing import Any

import numpy as np

from lifecycle.world.trace import Trace

QUARTER_WEEKS = 13


def build_figures(trace: Trace) -> dict[str, Any]:
    """Return sizes and rates of a world.

    Parameters
    ----------
    trace
        What happened.

    Returns
    -------
    dict
        accounts_count (ever), live_count and mrr_minor at the end, weeks_count, lines_count,
        movements_count, and gone_share_91_days: of the accounts live at a day, the share that is
        gone 13 weeks later, over all days.
    """
    active = trace.weekly.active
    before, after = active[:, :-QUARTER_WEEKS], active[:, QUARTER_WEEKS:]
    gone = float((before & ~after).sum() / max(1, before.sum()))
    return {
        "accounts_count": len(trace.accounts.account_id),
        "live_count": int(active[:, -1].sum()),
        "mrr_minor": int(trace.weekly.mrr_minor[:, -1].sum()),
        "weeks_count": trace.params.weeks,
        "lines_count": len(trace.lines.account),
        "movements_count": len(trace.movements),
        "gone_share_91_days": float(np.round(gone, 4)),
    }
