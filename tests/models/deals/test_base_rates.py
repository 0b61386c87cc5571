"""What is said of past deals like one is true of the deals that it counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from models.deals.base_rates import BaseRates
from tests.models.deals.funnel import Funnel


def test_deals_pushed_later_count_among_those_not_pushed_so_far() -> None:
    found = Funnel(deals=400, quarters=2).examples()
    deals = found.frame["opportunity_id"].to_numpy(zero_copy_only=False)
    _, first = np.unique(deals, return_index=True)
    pushes = np.ones(len(deals))
    pushes[first] = 0.0
    frame = found.frame.select(["opportunity_id"]).append_column("push_count", pa.array(pushes))
    rates = BaseRates().fit(replace(found, frame=frame))
    (told,) = rates.tell(frame.take([int(first[0])]))
    (once,) = rates.tell(frame.take([int(np.flatnonzero(pushes)[0])]))
    assert told[0]["text"].startswith("deals not pushed so far: ")
    assert told[0]["n"] >= once[0]["n"]
