"""A small shop's export as files: seeded, so that every run sees the same orders."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np

FIRST = date(2018, 1, 1)
DAYS = 30 * 30
AS_OF = "2020-06-01"
MAPPING = """\
table = "orders"
timezone = "UTC"
currency = "USD"
known_at = { event_clock_delay = "0d" }

[columns]
order_id = "number"
account_id = "customer"
ordered_at = "placed"
kind = { value = "sale" }
amount_minor = { from = "total", unit = "major" }
segment = "region"
"""


def write_orders(folder: Path, accounts: int = 160, seed: int = 5) -> Path:
    """Write ``orders.csv``: buyers with their own pace, size and end, and some cash sales."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, date, str, float]] = []
    for number in range(accounts):
        pace, size = rng.gamma(2.0, 20.0) + 8, float(rng.lognormal(4.0, 0.7))
        day, last = float(rng.uniform(0, 400)), rng.exponential(500) + 60
        end = min(day + last, DAYS)
        region = "north" if number % 3 else "south"
        while day < end:
            amount = size * float(rng.lognormal(0, 0.4))
            rows.append((f"c{number}", FIRST + timedelta(days=int(day)), region, amount))
            day += float(rng.exponential(pace))
    rows += [
        ("", FIRST + timedelta(days=day), "north", 40.0 + day % 7) for day in range(0, DAYS, 3)
    ]
    path = folder / "orders.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["number", "customer", "placed", "total", "region"])
        for place, (customer, day, region, amount) in enumerate(rows):
            writer.writerow([f"n{place}", customer, day.isoformat(), f"{amount:.2f}", region])
    return path
