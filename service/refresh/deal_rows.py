"""Scored deals as the ledger's rows: what stood in the frame, and what the model said of it.

stalled = in its stage longer than nine of ten won deals were, as known then; or, where activities
are on record at all, no activity for 28 days. A deal that never had one is silent since it began.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ledger.deals import DealRow
from models.base import FloatArray

SILENT_DAYS = 28
NEW_BUSINESS = "new_business"
_AS_KNOWN = ("account_id", "owner_id", "team", "segment", "stage", "category", "close_on",
             "next_step_on", "currency")  # fmt: skip
_NUMBERS = ("amount_minor", "age_days", "stage_age_days", "push_count", "silence_days",
            "stage_overdue_won_p90")  # fmt: skip


def build_deal_rows(
    frame: pa.Table,
    scored: pa.Table,
    *,
    names: Mapping[str, str | None],
    moves: Mapping[str, list[dict[str, Any]]],
    in_quarter: bool = True,
) -> Iterator[DealRow]:
    """Yield the ledger's row of each deal, in the frame's order.

    Parameters
    ----------
    frame, scored
        Open deals, and their scores row by row (``models.scoring.SCORE_SCHEMA``).
    names
        Account names by id.
    moves
        Dated moves by deal.
    in_quarter
        The score is the chance to win in the quarter; else, without history, ever.
    """
    facts = frame.select([n for n in _wanted() if n in frame.column_names]).to_pylist()
    silence = _silence(frame)
    for index, (row, said) in enumerate(zip(facts, scored.to_pylist(), strict=True)):
        detail = json.loads(said["detail"] or "{}")
        stalled_days = find_stalled_days(row, silence[index])
        account_id = row.get("account_id")
        yield DealRow(
            opportunity_id=row["opportunity_id"],
            **{name: row.get(name) for name in _AS_KNOWN},
            account_name=names.get(account_id) if account_id else None,
            kind=row.get("kind") or NEW_BUSINESS,
            amount_minor=_whole(row.get("amount_minor")),
            age_days=_whole(row.get("age_days")),
            stage_age_days=_whole(row.get("stage_age_days")),
            push_count=_whole(row.get("push_count")),
            silence_days=_whole(row.get("silence_days")),
            **_chances(said["value"], detail, in_quarter=in_quarter),
            stalled=stalled_days is not None,
            stalled_days=stalled_days,
            rank=said["rank"],
            band=said["band"],
            reasons=json.loads(said["reasons"]),
            detail=detail or None,
            history=moves.get(row["opportunity_id"]) or None,
        )


def find_stalled_days(row: Mapping[str, Any], silence_days: float) -> int | None:
    """Return for how many days a deal has made no progress; ``None`` if it moves.

    Parameters
    ----------
    row
        Its columns of the frame: ``stage_overdue_won_p90`` and ``stage_age_days``.
    silence_days
        Since its last activity, or since it began; NaN where no activities are on record.

    Examples
    --------
    >>> find_stalled_days({"stage_overdue_won_p90": 1.0, "stage_age_days": 61.0}, 3.0)
    61
    >>> find_stalled_days({"stage_overdue_won_p90": 0.0, "stage_age_days": 61.0}, 27.0)
    """
    found = []
    if row.get("stage_overdue_won_p90") == 1.0:
        found.append(_whole(row.get("stage_age_days")) or 0)
    if silence_days >= SILENT_DAYS:
        found.append(int(silence_days))
    return max(found, default=None)


def _wanted() -> Sequence[str]:
    return ("opportunity_id", "kind", *_AS_KNOWN, *_NUMBERS)


def _silence(frame: pa.Table) -> FloatArray:
    """Return days since the last activity, shape (n,); all NaN where none is on record."""
    if not {"silence_days", "age_days"} <= set(frame.column_names):
        return np.full(frame.num_rows, np.nan)
    silence = np.asarray(frame["silence_days"].to_numpy(), np.float64)
    if np.isnan(silence).all():
        return silence
    return np.where(np.isnan(silence), frame["age_days"].to_numpy(), silence)


def _chances(value: float, detail: dict[str, Any], *, in_quarter: bool) -> dict[str, Any]:
    """Take what the list is ordered by out of a model's detail; the rest stays there."""
    eventual, slip = detail.pop("p_win_eventual", None), detail.pop("p_slip", None)
    amount = detail.pop("expected_amount_minor", None)
    expected = detail.pop("expected_in_quarter_minor", None)
    return {
        "p_win": value,
        "p_win_quarter": value if in_quarter else None,
        "p_win_eventual": eventual if in_quarter else value,
        "p_slip": slip if in_quarter else None,
        "expected_amount_minor": _whole(amount),
        "expected_in_quarter_minor": _whole(expected) if in_quarter else None,
    }


def _whole(value: float | None) -> int | None:
    """Return a number as a whole one; ``None`` for null, NaN and infinity."""
    return round(value) if value is not None and np.isfinite(value) else None
