"""A small made-up company with a season, as account frames of many past days: no lake needed."""

import math
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from features.columns import ACCOUNT_COLUMNS
from models.base import Examples

FIRST = date(2020, 1, 1)
WINDOWS = (30, 90, 180, 365)


def season_of(day):
    """Strength of a day: most in November, least in May."""
    turn = 2 * math.pi * ((FIRST + timedelta(days=int(day))).timetuple().tm_yday - 320) / 365
    return 1.0 + 0.6 * math.cos(turn)


class Company:
    """Customers who buy at a pace and amount of their own, and may stop for good."""

    def __init__(self, customers=250, days=760, seed=7):
        rng = np.random.default_rng(seed)
        strength = np.array([season_of(day) for day in range(days)])
        pace = rng.gamma(2.0, 0.015, customers)[:, None] * strength
        alive = np.arange(days) < rng.exponential(1500, customers)[:, None]
        bought = (rng.random((customers, days)) < pace) & alive
        amount = np.exp(rng.normal(9.5, 0.5, customers))[:, None]
        self.spend = bought * np.round(amount * rng.lognormal(0, 0.4, (customers, days)))
        self.noise = rng

    def frame(self, day):
        past = self.spend[:, :day]
        known = np.flatnonzero((past > 0).any(axis=1))
        columns = self._columns(past[known], day)
        rows = {"account_id": [f"a{i:04d}" for i in known]}
        rows["segment"] = ["north" if i % 3 else "south" for i in known]
        noise = np.random.default_rng(day)
        for column in ACCOUNT_COLUMNS:
            if column.name not in rows:
                made = columns.get(column.name)
                rows[column.name] = noise.normal(size=len(known)) if made is None else made
        ordered = {column.name: rows[column.name] for column in ACCOUNT_COLUMNS}
        ordered["as_of"] = pa.array([FIRST + timedelta(days=day)] * len(known), pa.date32())
        return pa.table(ordered), known

    def _columns(self, past, day):
        bought = past > 0
        last = day - 1 - np.argmax(bought[:, ::-1], axis=1)
        age = (day - np.argmax(bought, axis=1)).astype(float)
        repeats = bought.sum(axis=1) - 1.0
        gap = np.where(repeats > 0, (last + age - day) / np.maximum(repeats, 1), np.nan)
        found = {
            "recency_days": day - last + 0.0,
            "tenure_days": age,
            "T": age,
            "frequency": repeats,
            "recency": last - (day - age),
            "overdue_ratio": (day - last) / np.maximum(gap, 1.0),
            "monetary_value": past.sum(axis=1) / bought.sum(axis=1),
            "history_days": np.full(len(past), float(day)),
            "day_of_year": np.full(
                len(past), float((FIRST + timedelta(days=day)).timetuple().tm_yday)
            ),
        }
        for n in WINDOWS:
            found[f"spend_{n}d_minor"] = past[:, max(day - n, 0) :].sum(axis=1)
            found[f"purchase_days_{n}d_count"] = bought[:, max(day - n, 0) :].sum(axis=1) + 0.0
        return found

    def examples(self, days, *, horizon=90, lapse=False):
        frames, labels, stamps = [], [], []
        for day in days:
            frame, known = self.frame(day)
            spent = self.spend[known, day : day + horizon].sum(axis=1)
            frames.append(frame)
            labels.append((spent == 0).astype(float) if lapse else spent)
            stamps.append(np.full(len(known), np.datetime64(FIRST + timedelta(days=day), "D")))
        return Examples(
            pa.concat_tables(frames), np.concatenate(labels), np.concatenate(stamps), horizon
        )


def monthly(first=90, last=640):
    """Past days a month apart."""
    return range(first, last, 30)
