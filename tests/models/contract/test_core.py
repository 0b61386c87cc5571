from __future__ import annotations

import numpy as np
import pyarrow as pa

from models.base import Examples
from models.contract.core import choose_core

N = 3_000


def _examples(**more) -> Examples:
    rng = np.random.default_rng(3)
    hidden = rng.normal(size=N)
    label = (rng.random(N) < 1 / (1 + np.exp(2.5 - hidden))).astype(float)
    frame = pa.table(
        {
            "account_id": [f"a{n}" for n in range(N)],
            "tenure_days": rng.uniform(1, 900, N),
            "nps_score": np.full(N, np.nan),
            "number:told": hidden + rng.normal(size=N),
            "number:noise": rng.normal(size=N),
            "text:plan": np.where(hidden > 1, "old", "new"),
            **more,
        }
    )
    return Examples(frame, label, np.full(N, np.datetime64("2024-01-01")), 90)


def test_own_fields_with_evidence_come_first():
    assert choose_core(_examples())[:2] == ("number:told", "text:plan")


def test_own_fields_without_evidence_and_columns_that_say_nothing_stay_out():
    chosen = choose_core(_examples())
    assert "number:noise" not in chosen
    assert "nps_score" not in chosen
    assert "tenure_days" in chosen


def test_no_more_than_three_own_fields_are_read():
    told = _examples().frame.column("number:told")
    more = {f"number:again{n}": told for n in range(5)}
    own = [name for name in choose_core(_examples(**more)) if ":" in name]
    assert len(own) == 3
