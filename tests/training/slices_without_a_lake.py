"""Past days made of arithmetic: what a learner could know of them is known exactly."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from lifecycle.history import History
from lifecycle.snapshot import Snapshot
from models.base import FloatArray
from models.contract.candidates import CONTRACT_CANDIDATES
from training.contract_slices import label_leave
from training.slices import After, Frames, Look, SliceKind
from training.specs import CONTRACT_CHURN, Spec

FIRST, AS_OF = date(2010, 1, 1), date(2010, 9, 1)
ACCOUNTS, EVENT_SHARE, STRENGTH = 1000, 0.15, 1.0
LOGISTIC = CONTRACT_CANDIDATES[3]


def days_to_leave(day: date) -> FloatArray:
    """Days from ``day`` to each account's decision; a stronger pull is sooner (exponential)."""
    rng = np.random.default_rng(day.toordinal())
    monthly = EVENT_SHARE * np.exp(STRENGTH * pull(day) - STRENGTH**2 / 2)
    return np.asarray(rng.exponential(30.0 / monthly))


def pull(day: date) -> FloatArray:
    """What drives each account on a day, standard normal, known then."""
    return np.asarray(np.random.default_rng(day.toordinal() + 1).standard_normal(ACCOUNTS))


def build_frame(snapshot: Snapshot, _: Path | None) -> pa.Table:
    """The drive seen through two fields, noise, and what rules need."""
    drive = pull(snapshot.day)
    noise = np.random.default_rng(snapshot.day.toordinal() + 2).standard_normal((3, ACCOUNTS))
    return pa.table(
        {
            "account_id": [f"a{n:03}" for n in range(ACCOUNTS)],
            "segment": ["smb", "mid"] * (ACCOUNTS // 2),
            "mrr_minor": np.full(ACCOUNTS, 1000.0),
            "term_months": np.tile([1.0, 12.0], ACCOUNTS // 2),
            "notice_deadline_days": np.full(ACCOUNTS, np.nan),
            "renewal_days": np.full(ACCOUNTS, np.nan),
            "number:first": drive + noise[0],
            "number:second": drive + noise[1],
            "number:noise": noise[2],
        }
    )


def build_leaky_frame(snapshot: Snapshot, _: Path | None) -> pa.Table:
    """The same with a flag that was written over once the account had left."""
    frame = build_frame(snapshot, None)
    gone = (days_to_leave(snapshot.day) < 40.0).astype(float)
    return frame.append_column("number:flag", pa.array(gone))


def look_after(_: History, frames: Frames, look: Look) -> list[After]:
    """What followed, as far as it is known when looking."""
    found = []
    for day in frames:
        seen = float((look.known_on - day).days)
        decided = days_to_leave(day)
        decided = np.where(decided < seen, decided, np.nan)
        outcomes = pa.table({"decided_days": decided, "observed_days": np.full(ACCOUNTS, seen)})
        label = label_leave(decided, horizon_days=look.horizon_days)
        found.append(After(label, outcomes, np.ones(ACCOUNTS, dtype=bool)))
    return found


KIND = SliceKind(
    build_frame,
    look_after,
    find_first_day=lambda _: FIRST,
    find_last_day=lambda known: known.day - timedelta(days=1),
    find_lag=lambda _: 0,
)
SPEC: Spec = replace(
    CONTRACT_CHURN, slices=KIND, candidates=(CONTRACT_CANDIDATES[0], LOGISTIC), finish=None
)
LEAKY: Spec = replace(SPEC, slices=replace(KIND, build_frame=build_leaky_frame))
