"""A book of contracts whose truth is known: examples to learn from, and what came after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from models.base import Examples
from models.clv.contract.rows import MONTH_DAYS

START = np.datetime64("2021-01-01")
SEGMENTS = ("smb", "large")
MARGIN, GROWTH = 0.8, 0.004
NEVER = 10_000


@dataclass(frozen=True)
class World:
    """``count`` accounts born before month 0 and up to ``months``, each followed to its end."""

    born: np.ndarray
    ends: np.ndarray
    trait: np.ndarray
    dated: np.ndarray
    segment: np.ndarray
    mrr: np.ndarray
    months: int
    seed: int


def make_world(seed: int, count: int = 600, months: int = 48) -> World:
    """Rolling contracts leave in any month; dated ones once a year, decided two months before."""
    rng = np.random.default_rng(seed)
    born = rng.integers(-36, months - 1, count)
    trait, dated = rng.standard_normal(count), rng.random(count) < 0.5
    segment = rng.integers(0, 2, count)
    base = np.where(dated, -1.6, -3.9) + 0.7 * trait - 0.4 * segment
    mrr = np.exp(rng.normal(11.0 + 1.5 * segment, 0.5))
    ends = np.full(count, NEVER)
    for age in range(400):
        due = np.where(dated, age % 12 == 10, True)  # the decision, two months before the term ends
        leaves = (rng.random(count) < 1 / (1 + np.exp(-base))) & due & (ends == NEVER)
        ends[leaves] = (born + age)[leaves]
    return World(born, ends, trait, dated, segment, mrr, months, seed)


def build_book(world: World, month: int) -> tuple[pa.Table, np.ndarray]:
    """Return the contract frame at a month's start, and which accounts its rows are."""
    live = np.flatnonzero((world.born < month) & (world.ends >= month))
    rng = np.random.default_rng([world.seed, month])
    age = (month - world.born[live]).astype(float)
    dated = world.dated[live]
    ahead = np.where(dated, (10 - age) % 12 + 0.5, np.nan) * MONTH_DAYS
    day = START + np.timedelta64(round(month * MONTH_DAYS), "D")
    frame = pa.table(
        {
            "account_id": [f"a{i:05d}" for i in live],
            "as_of": pa.array(np.repeat(day, len(live))),
            "segment": [SEGMENTS[s] for s in world.segment[live]],
            "mrr_minor": np.round(world.mrr[live] * np.exp(GROWTH * age)),
            "tenure_days": age * MONTH_DAYS,
            "term_months": np.where(dated, 12.0, 1.0),
            "renewal_days": ahead + 2 * MONTH_DAYS,
            "notice_deadline_days": ahead,
            "margin_share": np.full(len(live), MARGIN),
            "serve_cost_minor": np.full(len(live), 1_000.0),
            "usage": -world.trait[live] + 0.5 * rng.standard_normal(len(live)),
        }
    )
    return frame, live


def build_examples(world: World, *, step: int = 2) -> Examples:
    """Past days every ``step`` months, labelled with a year's revenue, followed to the end."""
    frames, labels, days, outcomes = [], [], [], []
    for month in range(1, world.months - 12 + 1, step):
        frame, live = build_book(world, month)
        frames.append(frame)
        labels.append(_revenue(world, live, month, months=12))
        days.append(np.repeat(np.datetime64(frame["as_of"][0].as_py()), len(live)))
        outcomes.append(_outcomes(world, live, month))
    label, day = np.concatenate(labels), np.concatenate(days).astype("datetime64[D]")
    return Examples(pa.concat_tables(frames), label, day, 365, pa.concat_tables(outcomes))


def realise(world: World, month: int, *, discount: float = 0.10) -> float:
    """Return what the book of a month really brought in sixty months, discounted."""
    _, live = build_book(world, month)
    total = 0.0
    for ahead in range(60):
        paid = _paid_share(world, live, month + ahead)
        mrr = world.mrr[live] * np.exp(GROWTH * (month + ahead + 0.5 - world.born[live]))
        factor = (1 + discount) ** (-(ahead + 0.5) / 12)
        total += float((factor * paid * (mrr * MARGIN - 1_000.0)).sum())
    return total


def _outcomes(world: World, live: np.ndarray, month: int) -> pa.Table:
    known = world.ends[live] < world.months
    decided = (world.ends[live] - month + 0.5) * MONTH_DAYS
    lag = np.where(world.dated[live], 2.0, 0.0) * MONTH_DAYS
    none = np.full(len(live), np.nan)
    return pa.table(
        {
            "decided_days": np.where(known, decided, np.nan),
            "effective_days": np.where(known, decided + lag, np.nan),
            "contracted_days": none,
            "contract_log_ratio": none,
            "expanded_days": none,
            "expand_log_ratio": none,
            "observed_days": np.full(len(live), (world.months - month) * MONTH_DAYS),
        }
    )


def _revenue(world: World, live: np.ndarray, month: int, *, months: int) -> np.ndarray:
    total = np.zeros(len(live))
    for at in range(month, month + months):
        mrr = world.mrr[live] * np.exp(GROWTH * (at + 0.5 - world.born[live]))
        total += _paid_share(world, live, at) * mrr
    return total


def _paid_share(world: World, live: np.ndarray, month: int) -> np.ndarray:
    last = world.ends[live] + 0.5 + np.where(world.dated[live], 2.0, 0.0)
    return np.clip(last - month, 0.0, 1.0)
