"""Backtest of the quarter's revenue on the real orders, from every week of eight quarters.

The bundled orders go through the product's own ingest into a lake of their own; every forecast sees
only what was known at its origin. Scored where a year-ago quarter is known: four fiscal quarters
(2011Q1 to 2011Q4, each 13 or 14 weeks), so the effective n is 4 and no coverage is claimed. Actuals
and the year-ago rule are first reproduced from the raw invoice lines.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.protocol import ROOT, Result, check_reproduced, data_dir
from lifecycle.history import History, open_history
from lifecycle.ingest import IngestOptions, ingest
from lifecycle.lake import Lake
from lifecycle.periods import FiscalCalendar, Quarter
from lifecycle.sources.mapping_file import load_mapping
from models.forecast.vintages import COMBINED, LAST_QUARTER, SEASONAL_NAIVE, TOTAL, Vintage
from training.backtest import AccuracyRow, common, run_backtest, summarise

NAME = "backtest-retail"
CALENDAR = FiscalCalendar(12)
AS_OF = date(2011, 12, 10)
QUARTERS = 8
ZONE = ZoneInfo("Europe/London")


def load_history(folder: Path) -> History:
    """Ingest the bundled orders into a lake in ``folder``."""
    options = IngestOptions("GBP", folder / "quarantine", datetime(2012, 1, 1, tzinfo=UTC))
    ingest(
        str(ROOT / "examples" / "online_retail_ii" / "orders.parquet"),
        load_mapping(ROOT / "examples" / "mappings" / "online_retail_ii_orders.toml"),
        lake=Lake(folder / "lake"),
        options=options,
    )
    return open_history(folder / "lake", zone=ZONE)


def raw_revenue(quarter: Quarter) -> float:
    """Sum a quarter's invoice lines of the data page's own file, in minor units."""
    lines = pq.read_table(
        data_dir() / "online_retail_ii" / "online_retail_ii.parquet",
        columns=["invoice_date", "quantity", "price"],
    )
    day = pc.cast(pc.floor_temporal(lines["invoice_date"], unit="day"), "date32")
    inside = pc.and_(pc.greater_equal(day, quarter.start), pc.less(day, quarter.end))
    lines = lines.filter(inside)
    quantity = np.asarray(lines["quantity"], dtype=np.float64)
    return 100 * float(quantity @ np.asarray(lines["price"], dtype=np.float64))


def check_rivals(scored: Sequence[Vintage]) -> None:
    """Reproduce every actual, and the year-ago rule on each first day, from the raw lines."""
    for vintage in scored:
        if vintage.week == 0 and vintage.leg == SEASONAL_NAIVE:
            quarter = Quarter.parse(vintage.period, CALENDAR)
            actual = vintage.actual_minor or 0.0
            check_reproduced(f"{quarter}, actual", actual, raw_revenue(quarter))
            year_ago = raw_revenue(quarter.shift(-4))
            check_reproduced(f"{quarter}, seasonal naive", vintage.mean_minor, year_ago)


def pinned(scored: Sequence[Vintage], leg: str) -> float:
    """Return the WAPE of a rule that is never told the quarter to date: its first day's value."""
    first = {v.period: v.mean_minor for v in scored if v.leg == leg and v.week == 0}
    own = [v for v in scored if v.leg == leg]
    actual = np.array([v.actual_minor for v in own], dtype=np.float64)
    said = np.array([first[v.period] for v in own])
    return float(np.abs(said - actual).sum() / np.abs(actual).sum())


def figures_of(row: AccuracyRow) -> dict[str, float]:
    """Return the figures of one leg over all weeks."""
    return {
        "wape": row.wape,
        "abs_bias": abs(row.bias),
        "interval_score_ratio": row.interval_score_ratio or 0.0,
        "n_quarters": float(row.quarters_count),
    }


def describe(rows: Sequence[AccuracyRow]) -> str:
    """Say what was won and by how much in each week."""
    combined = {row.week: row for row in rows if row.leg == COMBINED}
    naive = {row.week: row for row in rows if row.leg == SEASONAL_NAIVE}
    over_all = combined[None]
    weeks = ", ".join(
        f"w{week} {combined[week].wape:.3f}/{naive[week].wape:.3f}"
        for week in sorted(week for week in combined if week is not None)
    )
    won = "; ".join(
        f"quarters won against {rival}: {count} of {over_all.quarters_compared[rival]}"
        for rival, count in over_all.quarters_won.items()
    )
    return (
        f"WAPE combined/seasonal naive by week: {weeks}. {won}. Inside P10-P90: "
        f"{over_all.covered:.2f} of {over_all.vintages_count} forecasts (naive "
        f"{naive[None].covered:.2f}), effective n {over_all.quarters_count}: no coverage is "
        f"claimed. Width {over_all.width:.3f} of revenue (naive {naive[None].width:.3f}). Both "
        "rules know the quarter to date; '(never updated)' is their first day's value. Constants "
        "are the design's; the growth legs' least history was set on tourism series."
    )


def run() -> Result:
    """Backtest, check the rivals, and return the figures at the total."""
    with tempfile.TemporaryDirectory() as folder:
        vintages = run_backtest(
            load_history(Path(folder)), quarters=QUARTERS, calendar=CALENDAR, as_of=AS_OF
        )
    scored = [v for v in common(vintages, (COMBINED, SEASONAL_NAIVE)) if v.node == TOTAL]
    check_rivals(scored)
    rows = summarise(scored)
    legs = {row.leg: row for row in rows if row.week is None}
    rivals = {leg: figures_of(row) for leg, row in legs.items() if leg != COMBINED}
    for leg in (SEASONAL_NAIVE, LAST_QUARTER):
        rivals[f"{leg} (never updated)"] = {"wape": pinned(scored, leg)}
    ours = figures_of(legs[COMBINED])
    return Result(
        figures={**ours, "wape_naive": legs[SEASONAL_NAIVE].wape},
        rivals=rivals,
        n=legs[COMBINED].quarters_count,
        note=describe(rows),
    )
