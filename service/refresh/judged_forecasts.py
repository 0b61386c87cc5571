"""What came of issued forecasts: actuals of ended quarters, and the scores of what was said."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.engine import Ledger
from ledger.vintage_scores import (
    ActualRow,
    read_unscored,
    read_unscored_periods,
    write_actuals,
    write_vintage_scores,
)
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import FiscalCalendar, Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.engines import Engine
from models.forecast.waiting import score_waiting


def judge_forecasts(
    ledger: Ledger,
    run_id: int,
    engines: Sequence[Engine],
    snapshot: Snapshot,
    *,
    calendar: FiscalCalendar,
) -> int:
    """Score published forecasts whose quarter has ended; return how many vintages.

    Each is scored once: what is learnt of its quarter later does not rewrite the record.

    Parameters
    ----------
    run_id
        An open run of kind ``forecast`` that records the scores.
    engines
        Opened on the snapshot.
    snapshot
        What is known.
    calendar
        When quarters begin.
    """
    scored = 0
    for target, period in read_unscored_periods(ledger):
        quarter = Quarter.parse(period, calendar)
        actual = _actual(engines, target, quarter, snapshot)
        if not actual:
            continue
        rows = [ActualRow(target, period, node, value, snapshot.day)
                for node, value in actual.items()]  # fmt: skip
        write_actuals(ledger, run_id, rows)
        found = score_waiting(read_unscored(ledger, target, period), actual)
        scored += write_vintage_scores(ledger, run_id, found, known_on=snapshot.day)
    return scored


def _actual(
    engines: Sequence[Engine], target: str, quarter: Quarter, snapshot: Snapshot
) -> dict[str, float]:
    for engine in engines:
        try:
            found = engine.actuals(quarter, snapshot.day)
        except NotEnoughHistoryError:
            continue
        if target in found:
            return found[target]
    return {}
