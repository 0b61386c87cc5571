"""Recurring revenue as served, against rivals and against the truth of synthetic companies.

Each company is simulated, written to a lake, and read as the product reads it. The backtest
forecasts twelve quarters from each of their thirteen weeks; the last eight are judged, the four
before give the track record a start. The headline is ending ARR: most of a quarter's revenue is
decided on its first day, so any rule that looks at the contracts is near, while nothing of the ARR
a quarter ends with is in until it ends. Revenue and renewals stand beside it with their names as
prefixes. The oracle knows the latents of every contract and of every deal on the first Monday from
the origin on. Nothing was tuned on these seeds.
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
from lifecycle.world.revenue_truth import revenue_truth
from models.forecast.conclude import Concluded
from models.forecast.grid import normal_grid
from models.forecast.nodes import TOTAL
from models.forecast.raw import ENDING_ARR, RENEWALS, REVENUE, Leg, leg_of_draws
from models.forecast.recurring.engine import RecurringEngine
from models.forecast.recurring.inputs import RecurringInputs
from models.forecast.recurring.simulate import simulate_recurring
from training.backtest import backtest_origins, run_backtest

NAME = "world-revenue"
ACCOUNTS, MONTHS = 2_500, 48
SEEDS = tuple(range(701, 721))
ORACLE_SEEDS = 4
QUARTERS, JUDGED = 12, 8
TARGETS = (ENDING_ARR, REVENUE, RENEWALS)
DRAWS = 2_000
UNFILTERED = "no filter"
PUBLISHED = ("wape_vs_naive", "wape_vs_conversion", "wape_vs_commit", "wape_week6", "abs_bias",
             "coverage80", "coverage50", "crps_vs_independent", "wape")  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One company to study, and whether its truth is asked."""

    seed: int
    oracle: bool


def study(task: Task) -> dict[str, Any]:
    """Backtest one company: scored rows by target, node sums and seconds."""
    began = time.perf_counter()
    with open_company(ACCOUNTS, MONTHS, seed=task.seed) as company:
        known = company.history.as_of(company.end)
        engine = RecurringEngine.read(known, calendar=CALENDAR_YEAR, draws=DRAWS)
        origins = backtest_origins(quarters=QUARTERS, calendar=CALENDAR_YEAR, as_of=company.end)
        found = run_backtest([engine], origins, as_of=company.end)
        seconds = time.perf_counter() - began
        last = sorted({one.raw.quarter for one in found.forecasts})[-JUDGED:]
        judged = [
            one for one in found.forecasts if one.raw.quarter in last and one.raw.week < WEEKS
        ]
        others = _Others(company, engine, oracle=task.oracle)
        rows: dict[str, list[Row]] = {target: [] for target in TARGETS}
        for one in judged:
            actual = found.actual(one)[TOTAL]
            rows[one.raw.target] += score_legs(one, actual=actual, seed=task.seed)
            rows[one.raw.target] += others.rows(one, actual)
    return {
        "rows": rows,
        "served": {name: [one.served for one in judged if one.raw.target == name]
                   for name in TARGETS},
        "node_gap": max(node_gap(one) for one in found.forecasts),
        "seconds": seconds,
    }  # fmt: skip


class _Others:
    """Legs that the product does not have: the truth, and the simulation without shocks."""

    def __init__(self, company: Company, engine: RecurringEngine, *, oracle: bool) -> None:
        self._company, self._engine, self._oracle = company, engine, oracle
        self._known: tuple[date, dict[str, dict[str, Leg]]] | None = None

    def rows(self, forecast: Concluded, actual: float) -> Iterator[Row]:
        """Yield the scores of these legs beside a forecast."""
        raw, seed = forecast.raw, self._company.trace.params.seed
        if self._known is None or self._known[0] != raw.origin:
            self._known = (raw.origin, self._legs(forecast))
        for name, legs in self._known[1].items():
            yield score(forecast, name, legs[raw.target], actual=actual, seed=seed)

    def _legs(self, forecast: Concluded) -> dict[str, dict[str, Leg]]:
        raw = forecast.raw
        inputs = self._engine.inputs(raw.origin, raw.quarter)
        alone = replace(inputs, shock=0.0, shock_sd=0.0, volume_sd=0.0)
        found = {
            INDEPENDENT: _simulated(alone, seed=raw.week),
            UNFILTERED: _simulated(replace(inputs, shock=0.0), seed=raw.week),
        }
        if self._oracle and raw.week in ORACLE_WEEKS:
            found[ORACLE] = self._truth(forecast)
        return found

    def _truth(self, forecast: Concluded) -> dict[str, Leg]:
        company, raw = self._company, forecast.raw
        week = -(-company.day_number(raw.origin) // 7)
        told = revenue_truth(company.trace, week, quarter=raw.quarter)
        means = {REVENUE: told.revenue_minor, ENDING_ARR: told.ending_minor,
                 RENEWALS: told.renewals_minor}  # fmt: skip
        # the truth is asked for its expectation only, so it has no width
        points = {name: np.array([mean]) for name, mean in means.items()}
        return {name: Leg(mean, normal_grid(mean, 0.0 * mean)) for name, mean in points.items()}


def _simulated(inputs: RecurringInputs, *, seed: int) -> dict[str, Leg]:
    found = simulate_recurring(inputs, draws=DRAWS, seed=seed)
    return {name: leg_of_draws(found.of(name)[:1]) for name in TARGETS}


def run(seeds: Sequence[int] = SEEDS) -> Result:
    """Judge the forecasts of twenty companies; others than the published ones while developing."""
    tasks = [Task(seed, place < ORACLE_SEEDS) for place, seed in enumerate(seeds)]
    found = run_each(study, tasks, resume=True)
    figures: dict[str, float] = {}
    rivals: dict[str, dict[str, float]] = {}
    gap = max(one["node_gap"] for one in found)
    for target in TARGETS:
        judgement = Judgement(row for one in found for row in one["rows"][target])
        told = judgement.figures()
        check_figures({**told, "node_gap": gap})
        prefix = "" if target == ENDING_ARR else f"{target}_"
        kept = told if target == ENDING_ARR else {name: told[name] for name in PUBLISHED}
        figures |= {f"{prefix}{name}": value for name, value in kept.items()}
        figures[f"{prefix}filter_wape"] = judgement.ratio("simulation", UNFILTERED)
        figures[f"{prefix}filter_crps"] = judgement.ratio(
            "simulation", UNFILTERED, column="crps_minor"
        )
        for leg in (SERVED, *judgement.legs):
            rivals[f"{target}, {leg}"] = judgement.measure(leg)
    figures |= {"node_gap": gap, "seconds_a_company": max(one["seconds"] for one in found)}
    served = [leg for one in found for leg in one["served"][ENDING_ARR]]
    shares = {leg: served.count(leg) / len(served) for leg in sorted(set(served))}
    return Result(
        figures=figures,
        rivals=rivals,
        n=len(seeds),
        note=f"{len(seeds)} companies of {ACCOUNTS:,} accounts over {MONTHS} months, {JUDGED} "
        f"quarters of {WEEKS} weeks each; n counts companies, the oracle was asked of "
        f"{min(ORACLE_SEEDS, len(seeds))}. Headline: ending ARR, served: "
        + ", ".join(f"{leg} {share:.0%}" for leg, share in shares.items())
        + ".",
    )
