"""Maven, a negative control: deals whose ends were drawn at random (MV-Q4).

The sample's closed deals, with seller, product and account as fields known at creation, are
ingested as known on the day of their close. The product trains on what it knew on 2017-10-01 and
says whether there is a signal; the best fitted model, served or not, is judged on the deals opened
from that day on (won or lost; ``auc`` must lie in .46-.54). Each deal is first heard of closed, so
the product takes the table as one without history and judges itself by past quarters.

Then a fault and a truth are planted. The deal's age at its close, let in as if known at creation:
the alarm must ring, told that nobody can rank these deals (a ceiling of .5), at the end of the
record, where it has three quarters to judge. A field that honestly ranks deals (AUC about .65) must
be accepted, without any ceiling, in nine of ten draws.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from benchmarks.protocol import Result, check_reproduced, data_dir
from benchmarks.worlds import run_each
from lifecycle.history import History, open_history
from lifecycle.ingest import IngestOptions, ingest
from lifecycle.lake import Lake
from lifecycle.sources.mapping_file import parse_mapping
from models import accuracy
from models.deals.flat import FlatModel
from training.deals.flat import read_flat
from training.deals.flat_train import train_flat
from training.deals.spec import FLAT_WIN
from training.train import TrainOutputs, TrainResult

NAME = "maven"
DAY, END = date(2017, 10, 1), date(2018, 1, 1)
TRAIN_DEALS, TEST_DEALS = 4_726, 1_050
NO_SKILL = 0.5
SIGNAL, SIGNAL_SEEDS = 0.55, range(1, 11)
AGE, INDEX = "deal_age", "fit_index"
MAPPING: dict[str, Any] = {
    "table": "opportunities",
    "timezone": "UTC",
    "currency": "USD",
    "known_at": {"column": "close_date", "assumed": True},
    "columns": {
        "opportunity_id": "opportunity_id",
        "account_id": {"from": "account", "as_id": True},
        "owner_id": {"from": "sales_agent", "as_id": True},
        "created_at": "engage_date",
        "stage": "deal_stage",
        "outcome": {"from": "deal_stage", "values": {"Won": "won", "Lost": "lost"}},
        "closed_at": "close_date",
        "close_on": "close_date",
    },
    "attributes": {"columns": ["*"], "exclude": ["close_value"], "known": {"*": "created"}},
}


def read_sample() -> pd.DataFrame:
    """Read the closed deals with what is known of seller, product and account."""
    folder = data_dir() / "maven_crm"
    deals = pd.read_csv(folder / "sales_pipeline.csv")
    deals = deals[deals.deal_stage.isin(["Won", "Lost"])].replace(
        {"product": {"GTXPro": "GTX Pro"}}
    )
    for file, key in (("sales_teams", "sales_agent"), ("products", "product")):
        deals = deals.merge(pd.read_csv(folder / f"{file}.csv"), on=key, how="left")
    deals = deals.merge(pd.read_csv(folder / "accounts.csv"), on="account", how="left")
    # a field of the deal's own beside the column that a mapping reads as the owner or the account
    deals = deals.assign(seller=deals.sales_agent, item=deals["product"])
    before, after = deals.close_date < str(DAY), deals.engage_date >= str(DAY)
    check_reproduced("train deals", int(before.sum()), TRAIN_DEALS, tolerance=0)
    check_reproduced("test deals", int(after.sum()), TEST_DEALS, tolerance=0)
    return deals


def plant_age(sample: pd.DataFrame) -> pd.DataFrame:
    """Plant how long each deal was open, which nobody knows when it is created."""
    begun, ended = (pd.to_datetime(sample[name]) for name in ("engage_date", "close_date"))
    return sample.assign(**{AGE: (ended - begun).dt.days})


def plant_signal(sample: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Plant a number that is higher for deals that will be won."""
    noise = np.random.default_rng([seed, 65]).normal(size=len(sample))
    won = (sample.deal_stage == "Won").to_numpy()
    return sample.assign(**{INDEX: np.round(noise + SIGNAL * won, 4)})


def build_history(folder: Path, sample: pd.DataFrame) -> History:
    """Ingest the closed deals into a lake of their own."""
    file = folder / "deals.csv"
    sample.to_csv(file, index=False)
    options = IngestOptions("USD", folder / "quarantine", datetime(2018, 1, 2, tzinfo=UTC))
    ingest(str(file), parse_mapping(MAPPING), lake=Lake(folder / "lake"), options=options)
    return open_history(folder / "lake", zone=ZoneInfo("UTC"))


def run_training(
    sample: pd.DataFrame, *, day: date = DAY, ceiling: float | None = None
) -> tuple[TrainResult, dict[str, float]]:
    """Train as of a day; return the result, and how a model of the protocol's deals does."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        history = build_history(place, sample)
        out = TrainOutputs(place / "bundles", place / "frames")
        spec = replace(FLAT_WIN, ceiling=ceiling)
        result = train_flat(history.as_of(day), out=out, spec=spec)
        past, _ = read_flat(history.as_of(DAY))
        every, _ = read_flat(history.as_of(END))
    opened = np.flatnonzero(every.examples.as_of >= np.datetime64(DAY))
    check_reproduced("deals learned from", len(past.examples.label), TRAIN_DEALS, tolerance=0)
    judged = every.examples.take(opened)
    check_reproduced("deals judged", len(judged.label), TEST_DEALS, tolerance=0)
    chance = FlatModel(past.columns).fit(past.examples).predict(judged.frame)
    base = np.full(len(opened), past.examples.label.mean())
    return result, {
        "auc": accuracy.auc(judged.label, chance),
        "log_loss": accuracy.log_loss(judged.label, chance),
        "brier_skill": 1
        - accuracy.brier(judged.label, chance) / accuracy.brier(judged.label, base),
    }


def let_age_in(_: int) -> tuple[list[str], float]:
    """Let the deal's age in; return the alarm's rules that rang, and the AUC it brings."""
    result, ranked = run_training(plant_age(read_sample()), day=END, ceiling=NO_SKILL)
    return [one["rule"] for one in result.card["alarm"] if one["rings"]], ranked["auc"]


def accept_signal(seed: int) -> tuple[bool, float]:
    """Return whether the planted honest signal is served without alarm, and its AUC."""
    result, ranked = run_training(plant_signal(read_sample(), seed))
    rings = any(one["rings"] for one in result.card["alarm"])
    return _serves(result) and not rings, ranked["auc"]


def _serves(result: TrainResult) -> bool:
    return result.verdict is not None and result.verdict.winner != "base_rate"


def run() -> Result:
    """Train on the sample as it is, with the leak, and with the honest signal."""
    result, ranked = run_training(read_sample(), ceiling=NO_SKILL)
    rules, aged = run_each(let_age_in, [0])[0]
    accepted = run_each(accept_signal, list(SIGNAL_SEEDS))
    alarms = [one["rule"] for one in result.card["alarm"] if one["rings"]]
    figures = {
        **ranked,
        "base_rate_serves": float(not _serves(result)),
        "false_alarms": float(len(alarms)),
        "leak_found": float(bool(rules)),
        "leak_auc": aged,
        "signals_accepted": float(sum(found for found, _ in accepted)),
        "signal_auc": float(np.mean([auc for _, auc in accepted])),
    }
    verdict = "" if result.verdict is None else result.verdict.text
    rang = ", ".join(rules) or "nothing"
    return Result(
        figures=figures,
        rivals={"LightGBM": {"auc": 0.5026, "log_loss": 0.697}, "base rate": {"log_loss": 0.670}},
        n=TEST_DEALS,
        note=f"The gate says: {verdict}. With the age let in rang: {rang}.",
    )
