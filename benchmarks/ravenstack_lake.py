"""The RavenStack sample in a lake: CSV files into a SQL database, then the example mappings."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from benchmarks.protocol import ROOT, data_dir
from lifecycle.history import History, open_history
from lifecycle.ingest import IngestOptions, ingest
from lifecycle.lake import Lake
from lifecycle.sources.mapping_file import load_mapping

FILES = {
    "accounts": "ravenstack_accounts.csv",
    "subscriptions": "ravenstack_subscriptions.csv",
    "usage": "ravenstack_feature_usage.csv",
    "tickets": "ravenstack_support_tickets.csv",
}
STEPS = ("accounts", "subscriptions", "ends", "usage", "tickets")
Frames = Mapping[str, pd.DataFrame]


def read_sample() -> dict[str, pd.DataFrame]:
    """Read the sample's tables as the CSV files hold them."""
    folder = data_dir() / "ravenstack"
    return {name: pd.read_csv(folder / file) for name, file in FILES.items()}


def build_history(
    folder: Path, sample: Frames, *, kept: Callable[[str, str], str] = lambda step, text: text
) -> History:
    """Ingest the sample into a lake of its own.

    Parameters
    ----------
    folder
        Scratch folder.
    sample
        Tables by name.
    kept
        Changes the text of a step's mapping file: how a study lets another column in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "ravenstack.sqlite"
    with sqlite3.connect(database) as connection:
        for name, frame in sample.items():
            frame.to_sql(name, connection, index=False, if_exists="replace")
    lake = Lake(folder / "lake")
    options = IngestOptions("USD", folder / "quarantine", datetime(2025, 1, 1, tzinfo=UTC))
    for step in STEPS:
        text = (ROOT / "examples" / "mappings" / f"ravenstack_{step}.toml").read_text("utf-8")
        mapping = folder / f"{step}.toml"
        mapping.write_text(kept(step, text), encoding="utf-8")
        ingest(f"sqlite:///{database}", load_mapping(mapping), lake=lake, options=options)
    return open_history(folder / "lake", zone=ZoneInfo("UTC"))
