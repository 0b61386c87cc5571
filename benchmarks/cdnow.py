"""Reading the CDNOW files for the protocols CD-39 and CD-FULL: measured, never copied here.

Times are in weeks, as in the published studies; purchases are merged per customer and day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.protocol import BenchmarkError, data_dir
from models.clv.ageing import Histories, fit_ageing_bg_nbd
from models.clv.ageing_pareto import fit_ageing_pareto_nbd
from models.clv.purchase_process import build_counts

WEEK = pd.Timedelta(days=7)
FAMILIES: dict[str, Callable] = {
    "Pareto/NBD": fit_ageing_pareto_nbd,
    "BG/NBD": fit_ageing_bg_nbd,
    "MBG/NBD": lambda histories, **free: fit_ageing_bg_nbd(histories, early_dropout=True, **free),
}
EXTENSIONS = {
    "plain": {"clock": False, "traits": False},
    "clock": {"clock": True, "traits": False},
    "traits": {"clock": False, "traits": True},
    "clock + traits": {"clock": True, "traits": True},
}


@dataclass(frozen=True)
class Calibration:
    """Customers as known at the end of ``until``, in the order of their ids."""

    until: pd.Timestamp
    days: pd.DataFrame
    customers: pd.Index
    histories: Histories
    money: np.ndarray

    def purchases_until(self, end: str | pd.Timestamp) -> np.ndarray:
        """Count each customer's purchase days after ``until``, up to and with ``end``."""
        later = self.days[(self.days.date > self.until) & (self.days.date <= pd.Timestamp(end))]
        counts = later.groupby("customer_id").size()
        return counts.reindex(self.customers, fill_value=0).to_numpy(float)


def load_days(file: str) -> pd.DataFrame:
    """Return customer_id, date, amount, quantity: one row per customer and day."""
    path = data_dir() / "cdnow" / file
    if not path.is_file():
        raise BenchmarkError(f"no file {file} under cdnow/ of the data folder")
    lines = pd.read_csv(path, parse_dates=["date"])
    return lines.groupby(["customer_id", "date"], as_index=False)[["amount", "quantity"]].sum()


def calibrate(days: pd.DataFrame, until: str) -> Calibration:
    """Cut at the end of the day ``until`` and count what was known then."""
    end = pd.Timestamp(until)
    known = days[days.date <= end].sort_values(["customer_id", "date"])
    first = known.groupby("customer_id").date.min()
    age = (known.date - known.customer_id.map(first)) / WEEK
    again = known.assign(age=age, log_age=np.log(age.where(age > 0)))[age > 0]
    repeats = again.groupby("customer_id").agg(
        frequency=("age", "size"),
        recency=("age", "max"),
        log_times=("log_age", "sum"),
        money=("amount", "mean"),
    )
    repeats = repeats.reindex(first.index, fill_value=0.0)
    start = known.drop_duplicates("customer_id").set_index("customer_id")
    counts = build_counts(repeats.frequency, repeats.recency, (end - first) / WEEK)
    histories = Histories(counts, repeats.log_times.to_numpy(float), first_traits(start))
    return Calibration(end, days, first.index, histories, repeats.money.to_numpy(float))


def first_traits(start: pd.DataFrame) -> np.ndarray:
    """Return log amount, log quantity and day of the first purchase, standardised."""
    raw = np.column_stack(
        [
            np.log1p(start.amount),
            np.log(start.quantity.clip(lower=1)),
            (start.date - start.date.min()) / WEEK,
        ]
    )
    return (raw - raw.mean(axis=0)) / raw.std(axis=0)


def bic(model, calibration: Calibration, extension: str) -> float:
    """Return -2 log L + k log n of a fitted model on its calibration data."""
    free = EXTENSIONS[extension]
    traits = calibration.histories.traits.shape[1]
    k = 4 + free["clock"] + free["traits"] * traits
    likelihood = model.log_likelihood(calibration.histories)
    return -2 * likelihood + k * np.log(len(calibration.customers))
