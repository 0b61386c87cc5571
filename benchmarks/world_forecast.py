"""The quarter's bookings as served, against rivals and against the truth of synthetic companies.

Each company is simulated, written to a lake, and read as the product reads it. The backtest
forecasts twelve quarters from each of their thirteen weeks; the last eight are judged, the four
before give the track record a start, as a company's own past would. The oracle knows every latent
on the first Monday from the origin on (nobody closes a deal on the days in between) and continues
only what can still move the quarter. Nothing was tuned on these seeds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from benchmarks.forecasts import (
    INDEPENDENT,
    ORACLE,
    ORACLE_WEEKS,
    SERVED,
    WEEKS,
    Judgement,
    Row,
    check_figures,
    node_gap,
    score,
    score_legs,
)
from benchmarks.protocol import Result
from benchmarks.worlds import Company, open_company, run_each
from lifecycle.periods import CALENDAR_YEAR
from lifecycle.world.forecast_truth import bookings_truth
from lifecycle.world.presets import CURRENCY
from models.forecast.bookings.engine import BookingsEngine, seed_of
from models.forecast.bookings.simulate import simulate_bookings
from models.forecast.conclude import Concluded
from models.forecast.grid import grid_of
from models.forecast.nodes import TOTAL
from models.forecast.raw import Leg, leg_of_draws
from training.backtest import Backtest, backtest_origins, run_backtest

NAME = "world-forecast"
ACCOUNTS, MONTHS = 2_500, 48
SEEDS = tuple(range(701, 721))
QUARTERS, JUDGED = 12, 8
ALONE_DRAWS = 2_000


@dataclass(frozen=True)
class Task:
    """One company to study."""

    seed: int


def study(task: Task) -> dict[str, Any]:
    """Backtest one company: scored rows, legs that were served, node sums and processor seconds."""
    began = time.process_time()
    with open_company(ACCOUNTS, MONTHS, seed=task.seed) as company:
        known = company.history.as_of(company.end)
        engine = BookingsEngine.read(known, calendar=CALENDAR_YEAR, currency=CURRENCY)
        found = _backtest(engine, company.end)
        alone = replace(engine, shocks=False)
        judged = _last_quarters(found.forecasts)
        rows = [row for one in judged for row in _judge(company, alone, one, found)]
    return {
        "rows": rows,
        "served": [one.served for one in judged],
        "node_gap": max(node_gap(one) for one in found.forecasts),
        "cpu_seconds": time.process_time() - began,
    }


def _backtest(engine: BookingsEngine, as_of: date) -> Backtest:
    """Forecast the past as the product does; the one place that knows how."""
    origins = backtest_origins(quarters=QUARTERS, calendar=CALENDAR_YEAR, as_of=as_of)
    return run_backtest([engine], origins, as_of=as_of)


def _last_quarters(forecasts: Sequence[Concluded]) -> list[Concluded]:
    """Return the forecasts to judge; the days left over after 13 weeks have none."""
    last = sorted({one.raw.quarter for one in forecasts})[-JUDGED:]
    return [one for one in forecasts if one.raw.quarter in last and one.raw.week < WEEKS]


def _judge(
    company: Company, alone: BookingsEngine, forecast: Concluded, found: Backtest
) -> Iterator[Row]:
    raw, seed = forecast.raw, company.trace.params.seed
    actual = found.actual(forecast)[TOTAL]
    yield from score_legs(forecast, actual=actual, seed=seed)
    inputs, luck = alone.inputs(raw.origin, raw.quarter), seed_of(raw.quarter, raw.origin)
    drawn = simulate_bookings(inputs, draws=ALONE_DRAWS, seed=luck)
    yield score(forecast, INDEPENDENT, leg_of_draws(drawn.draws[:1]), actual=actual, seed=seed)
    if raw.week in ORACLE_WEEKS:
        truth = bookings_truth(company.trace, -(-company.day_number(raw.origin) // 7))
        leg = Leg(np.array([truth.mean_minor]), grid_of(truth.draws_minor[None]))
        yield score(forecast, ORACLE, leg, actual=actual, seed=seed)


def run(seeds: Sequence[int] = SEEDS) -> Result:
    """Judge the forecasts of twenty companies; others than the published ones while developing."""
    found = run_each(study, [Task(seed) for seed in seeds], resume=True)
    judgement = Judgement(row for one in found for row in one["rows"])
    figures = {
        **judgement.figures(),
        "node_gap": max(one["node_gap"] for one in found),
        "cpu_seconds_a_company": max(one["cpu_seconds"] for one in found),
    }
    check_figures(figures)
    rivals = {leg: judgement.measure(leg) for leg in (SERVED, *judgement.legs)}
    served = [leg for one in found for leg in one["served"]]
    most = {leg: served.count(leg) / len(served) for leg in sorted(set(served))}
    return Result(
        figures=figures,
        rivals=rivals,
        n=len(seeds),
        note=f"{len(seeds)} companies of {ACCOUNTS:,} accounts over {MONTHS} months, {JUDGED} "
        f"quarters of {WEEKS} weeks each; n counts companies. Served: "
        + ", ".join(f"{leg} {share:.0%}" for leg, share in most.items())
        + ". The oracle's own ratios say how far any forecast could come.",
    )
