"""How long a quarter's forecast takes: draws of deals and contracts, sums by node, quantiles.

5,000 open deals, 20,000 contract lines and 200 nodes are made up with the chances of a quarter that
is a third over; 10,000 draws each, in one process. The exponent says how the time grows when one
of deals, lines and draws is doubled: the largest of the three, each from the faster of two runs.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.protocol import Result
from models.forecast.bookings.inputs import BookingsInputs
from models.forecast.bookings.simulate import simulate_bookings
from models.forecast.grid import FloatArray
from models.forecast.nodes import IntArray
from models.forecast.raw import leg_of_draws
from models.forecast.recurring.inputs import OPEN, RENEWAL, RecurringInputs
from models.forecast.recurring.simulate import simulate_recurring

NAME = "forecast-speed"
SIZES = {"segment": 3, "region": 8, "team": 20, "owner": 150, "product": 18}
NODES = ("total", *(f"{name}={place}" for name, count in SIZES.items() for place in range(count)))
ORIGIN, START, END = 19_030, 19_000, 19_091
POOL = 400
MOVES = 600


@dataclass(frozen=True)
class Size:
    """How much is simulated."""

    deals: int = 5_000
    lines: int = 20_000
    draws: int = 10_000


def _places(count: int, rng: np.random.Generator) -> IntArray:
    columns, first = [], 1
    for size in SIZES.values():
        columns.append(first + rng.integers(0, size, count))
        first += size
    return np.stack(columns, axis=1)


def make_bookings(count: int) -> BookingsInputs:
    """Make up open deals of which about one in eight is won in the quarter."""
    rng = np.random.default_rng(1)
    name = np.array([f"D{place:06d}" for place in range(count)], dtype=object)
    flags = rng.random((2, count)) < 0.3
    return BookingsInputs(
        origin_day=ORIGIN, start_day=START, end_day=END, nodes=NODES, deal_id=name,
        stage=np.full(count, "proposal", dtype=object), owner=name,
        places=_places(count, rng), log_odds=rng.normal(-2.3, 1.2, count),
        next_chance=rng.random(count) * 0.1, amount_minor=rng.lognormal(14, 1, count),
        haircut=np.full(count, 0.9), due=flags[0], slipped=flags[1], noise_sd=0.2,
        pool_amount=rng.lognormal(13, 1, POOL), pool_day=rng.integers(30, 91, POOL),
        pool_places=_places(POOL, rng), pool_expected=0.02 * count, pool_sd=0.15,
        created_yield=0.08, to_date_minor=np.zeros(len(NODES)), win=-0.1, win_sd=0.2,
        amount_sd=0.05, pool_power=0.5,
    )  # fmt: skip


def make_recurring(count: int) -> RecurringInputs:
    """Make up contract lines of which a third may decide, or renew, in the quarter."""
    rng = np.random.default_rng(2)
    account = np.sort(rng.integers(0, max(count * 4 // 5, 1), count))
    level = rng.lognormal(11, 1, count)
    leaving, due = (np.sort(rng.choice(count, count // 3, replace=False)) for _ in range(2))
    day = rng.integers(ORIGIN, END, len(due))
    return RecurringInputs(
        origin_day=ORIGIN, start_day=START, end_day=END, nodes=NODES,
        line_id=np.array([f"L{place:06d}" for place in range(count)], dtype=object),
        account_id=np.array([f"A{place:06d}" for place in account], dtype=object),
        places=_places(count, rng), level=level, start_share=level,
        step_line=np.zeros(0, np.int64), step_day=np.zeros(0, np.int64), step_delta=np.zeros(0),
        exit_line=leaving, exit_first=np.full(len(leaving), ORIGIN),
        exit_last=np.full(len(leaving), END), exit_odds=rng.normal(-3, 1, len(leaving)),
        exit_kind=np.where(rng.random(len(leaving)) < 0.5, OPEN, RENEWAL),
        due_line=due, due_day=day, due_base=level[due], due_group=np.zeros(len(due), np.int64),
        due_value=12 * level[due], ratios=_ratios(rng),
        flow_places=_places(MOVES, rng), flow_day=rng.integers(ORIGIN, END, MOVES),
        flow_mrr=rng.lognormal(11, 1, MOVES), flow_weight=np.full(MOVES, 0.5),
        flow_is_new=rng.random(MOVES) < 0.5, revenue_to_date=np.zeros(len(NODES)),
        renewed_to_date=np.zeros(len(NODES)), customers_start=float(level.sum()), shock=0.0,
        shock_sd=0.2, volume_sd=0.15,
    )  # fmt: skip


def _ratios(rng: np.random.Generator) -> FloatArray:
    """Make up how MRR changes at a renewal: not at all in half of the cases."""
    changed = rng.random(256) < 0.5
    return np.sort(np.where(changed, rng.normal(1.06, 0.15, 256), 1.0))[None, :]


def forecast(size: Size, clock: Callable[[], float] = time.perf_counter) -> float:
    """Draw and summarise one quarter; return the seconds it took by a clock."""
    deals, lines = make_bookings(size.deals), make_recurring(size.lines)
    start = clock()
    booked = simulate_bookings(deals, draws=size.draws, seed=7)
    recurring = simulate_recurring(lines, draws=size.draws, seed=7)
    for draws in (booked.draws, recurring.revenue, recurring.ending, recurring.renewals):
        leg_of_draws(draws)
    return clock() - start


def grow(change: Callable[[Size], Size]) -> float:
    """Return the exponent with which the time grows when a size is doubled.

    Processor time: a neighbour's work must not look like growth.
    """
    clock = time.process_time
    pair = (Size(), change(Size()))
    small, large = (min(forecast(size, clock) for _ in range(2)) for size in pair)
    return math.log2(large / small)


def run() -> Result:
    """Time one forecast, and its growth."""
    forecast(Size(500, 500, 100))  # imports and first pages are not the forecast's
    seconds = min(forecast(Size()) for _ in range(3))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    exponents = {
        "deals": grow(lambda size: replace(size, deals=2 * size.deals)),
        "lines": grow(lambda size: replace(size, lines=2 * size.lines)),
        "draws": grow(lambda size: replace(size, draws=2 * size.draws)),
    }
    return Result(
        figures={"seconds": seconds, "peak_gb": peak, "exponent": max(exponents.values())},
        rivals={f"twice the {name}": {"exponent": value} for name, value in exponents.items()},
        n=3,
        note=f"{Size()} over {len(NODES)} nodes and four targets; fastest of three runs in one "
        "process. peak_gb is of the whole process before any doubling.",
    )
