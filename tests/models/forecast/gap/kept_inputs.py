"""Small kept inputs of both engines: sixty deals, forty contract lines of thirty accounts."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from models.forecast.bookings.inputs import BookingsInputs
from models.forecast.grid import FloatArray
from models.forecast.raw import RawForecast, leg_of_draws
from models.forecast.recurring.inputs import NOTICED, OPEN, RENEWAL, RecurringInputs
from tests.models.forecast.gap.quarter_story import ORIGIN, QUARTER

EPOCH = date(1970, 1, 1)
TODAY, START, END = ((day - EPOCH).days for day in (ORIGIN, QUARTER.start, QUARTER.end))
NODES = ("total", "segment=mid", "segment=smb", "owner=R1", "owner=R2")
COUNT, LINES = 60, 40


def bookings(**changed: Any) -> BookingsInputs:
    rng, places = np.random.default_rng(1), np.arange(COUNT)
    due = places % 3 > 0
    given: dict[str, Any] = {
        "origin_day": TODAY,
        "start_day": START,
        "end_day": END,
        "nodes": NODES,
        "deal_id": np.array([f"D{n}" for n in places], dtype=object),
        "stage": np.array([("demo", "offer")[n % 2] for n in places], dtype=object),
        "owner": np.array([("R1", "R2")[n % 2] for n in places], dtype=object),
        "places": np.stack([1 + places // 30, 3 + places % 2], axis=1),
        "log_odds": np.where(due, -0.5, -3.0),
        "next_chance": np.where(due, 0.02, 0.3),
        "amount_minor": rng.lognormal(11, 0.5, COUNT),
        "haircut": np.full(COUNT, 0.9),
        "due": due,
        "slipped": ~due & (places % 2 == 0),
        "noise_sd": 0.2,
        "pool_amount": rng.lognormal(11, 0.5, 40),
        "pool_day": np.arange(45, 85),
        "pool_places": np.stack([1 + np.arange(40) // 20, 3 + np.arange(40) % 2], axis=1),
        "pool_expected": 8.0,
        "pool_sd": 0.15,
        "created_yield": 0.2,
        "to_date_minor": np.array([9.0, 4.0, 5.0, 3.0, 6.0]) * 1e5,
        "win": 0.2,
        "win_sd": 0.2,
        "amount_sd": 0.05,
        "pool_power": 0.5,
    }
    return BookingsInputs(**{**given, **changed})


def recurring(**changed: Any) -> RecurringInputs:
    rng, places = np.random.default_rng(2), np.arange(LINES)
    account = np.minimum(places, 29)
    level = rng.lognormal(10, 0.5, LINES)
    due = np.arange(0, LINES, 4)
    given: dict[str, Any] = {
        "origin_day": TODAY,
        "start_day": START,
        "end_day": END,
        "nodes": NODES,
        "line_id": np.array([f"L{n:02d}" for n in places], dtype=object),
        "account_id": np.array([f"A{n:02d}" for n in account], dtype=object),
        "places": np.stack([1 + places // 20, 3 + places % 2], axis=1),
        "level": level,
        "start_share": level,
        **dict.fromkeys(("step_line", "step_day"), np.zeros(0, np.int64)),
        "step_delta": np.zeros(0),
        "exit_line": places,
        "exit_first": np.full(LINES, TODAY),
        "exit_last": np.full(LINES, END + 30),
        "exit_odds": np.where(places == 7, 50.0, rng.normal(-2, 0.5, LINES)),
        "exit_kind": np.where(places == 7, NOTICED, np.where(places % 2, OPEN, RENEWAL)),
        "due_line": due,
        "due_day": np.full(len(due), TODAY + 20),
        "due_base": level[due],
        "due_group": np.zeros(len(due), np.int64),
        "due_value": 12 * level[due],
        "ratios": np.sort(rng.normal(1.05, 0.1, 256))[None, :],
        "flow_places": np.stack([np.full(20, 1), np.full(20, 3)], axis=1),
        "flow_day": TODAY + np.arange(20),
        "flow_mrr": rng.lognormal(10, 0.5, 20),
        "flow_weight": np.full(20, 0.3),
        "flow_is_new": np.ones(20, dtype=bool),
        "revenue_to_date": np.array([5.0, 2.0, 3.0, 1.0, 4.0]) * 1e5,
        "renewed_to_date": np.array([4.0, 2.0, 2.0, 1.0, 3.0]) * 1e5,
        "customers_start": float(level.sum()),
        **{"shock": 0.1, "shock_sd": 0.2, "volume_sd": 0.15},
    }
    return RecurringInputs(**{**given, **changed})


def raw_of(target: str, draws: FloatArray, to_date: FloatArray) -> RawForecast:
    legs = {"simulation": leg_of_draws(draws)}
    return RawForecast(target, QUARTER, ORIGIN, NODES, legs, to_date, np.zeros(len(NODES)))
