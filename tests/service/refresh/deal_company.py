"""A small company of deals in a lake, a model of them, and the place where both lie."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.deals.flat import flat_deal_frame
from features.deals.landmarks import deal_frame
from ledger.engine import Ledger
from ledger.releases import Release, write_release
from models.base import Examples
from models.bundle import save_bundle
from models.deals.flat import FlatModel
from models.deals.tables import DealTable
from models.deals.win import DealModel
from service.refresh.place import Place
from tests.builders import Row, account, build_lake, fact, noon
from tests.service.refresh.company import place_of, stand_on

START = date(2020, 1, 6)
TRAINED_ON = date(2021, 3, 1)
FIRST = date(2021, 6, 1)
DEALS = 128
LIFE_DAYS = 90
BIAS = {
    "owner_id": "W1", "ratio": 0.6, "ratio_low": 0.5, "ratio_high": 0.72, "beside_others": 0.8,
    "p_beyond": 0.99, "label": "happy_ears", "deals_count": 31, "quarters_count": 4,
    "won_count": 0, "late_share": None, "late_low": None, "late_high": None,
    "commit_minor": 4e6, "won_minor": 2.4e6,
}  # fmt: skip


def build_deals(folder: Path, **more: list[Row]) -> Place:
    """Write 128 deals, one every fourth day: each lives 90 days, every third is won."""
    rows: dict[str, list[Row]] = {"opportunities": [], "opportunity_changes": []}
    for number in range(DEALS):
        for table, found in _one_deal(number).items():
            rows[table] += found
    rows["opportunities"] += more.pop("opportunities", [])
    owners = [fact(START, owner_id=name, effective_from=START, team=team)
              for name, team in (("W0", "north"), ("W1", "south"))]  # fmt: skip
    accounts = [account(f"A{i}", START, name=f"Firm {i}", segment="mid") for i in range(4)]
    build_lake(folder, accounts=accounts, owners=owners, **rows, **more)
    return place_of(folder)


def _one_deal(number: int) -> dict[str, list[Row]]:
    day = START + timedelta(days=4 * number)
    name, due = f"D{number:03d}", day + timedelta(days=60)
    told = version(name, day, owner_id=f"W{number % 2}", account_id=f"A{number % 4}", close_on=due)
    end = day + timedelta(days=LIFE_DAYS)
    ended = {**told, "outcome": "won" if number % 3 == 0 else "lost", "closed_at": noon(end),
             "known_at": noon(end)}  # fmt: skip
    pushed = due + timedelta(days=30)
    moves = [
        move(name, day + timedelta(days=20), "stage", text_before="find", text_after="offer"),
        move(name, day + timedelta(days=40), "close_on", close_before_on=due,
             close_after_on=pushed),
        move(name, day + timedelta(days=50), "amount", amount_before_minor=100_000,
             amount_after_minor=90_000, currency="GBP"),
    ]  # fmt: skip
    live = [told, ended] if end < FIRST else [told]
    return {"opportunities": live, "opportunity_changes": moves}


def version(name: str, day: date, **other: Any) -> Row:
    """An open deal as first told on a day."""
    given = {"opportunity_id": name, "created_at": noon(day), "stage": "find", "outcome": "open",
             "kind": "new_business", "category": "pipeline", "amount_minor": 100_000,
             "currency": "GBP"}  # fmt: skip
    return fact(day, **{**given, **other})


def move(name: str, day: date, field: str, **other: Any) -> Row:
    return fact(day, change_id=f"{name}-{field}", opportunity_id=name, changed_at=noon(day),
                field=field, **other)  # fmt: skip


def release_deals(ledger: Ledger, place: Place, *, card: dict[str, Any] | None = None) -> None:
    """Release a stage x week table with hazards beside it, trained as of ``TRAINED_ON``."""
    days = [TRAINED_ON - timedelta(days=7 * back) for back in range(1, 50)]
    frame = deal_frame(stand_on(place, TRAINED_ON), days=days)
    frame = frame.filter(pc.starts_with(frame["opportunity_id"], "D"))
    model = DealModel(DealTable("stage_week")).fit(_look_after(frame))
    digest = save_bundle(place.bundles_dir, "DealModel", model.to_parts(), {})
    now = datetime.now(UTC)
    told = {"owner_bias": [BIAS]} if card is None else card
    write_release(
        ledger,
        Release("deal_win", 0, "deals", model.name, "d1", digest, TRAINED_ON, now, {}, told),
    )


def build_flat(folder: Path) -> Place:
    """Write 120 closed deals without history and one open one, with one field known at creation."""
    deals, fields = [], []
    for number in range(121):
        name, won = f"F{number:03d}", number % 3 == 0
        end = {"outcome": "won" if won else "lost", "closed_at": noon(TRAINED_ON)}
        deals.append(version(name, TRAINED_ON, **({} if number == 120 else end)))
        size = float(number % 7) + (3.0 if won else 0.0)
        field = fact(TRAINED_ON, entity="opportunity", entity_id=name, name="size", number=size)
        fields.append({**field, "known": "created"})
    build_lake(folder, opportunities=deals, attributes=fields)
    return place_of(folder)


def release_flat(ledger: Ledger, place: Place) -> None:
    """Release a model of the eventual win, from the closed deals."""
    frame, label = flat_deal_frame(stand_on(place, FIRST))
    days = np.full(frame.num_rows, np.datetime64(TRAINED_ON))
    model = FlatModel({"number:size": "created"}).fit(Examples(frame, label, days, 0))
    digest = save_bundle(place.bundles_dir, "FlatModel", model.to_parts(), {})
    now = datetime.now(UTC)
    write_release(
        ledger, Release("deal_win", 0, "deals", model.name, "f1", digest, TRAINED_ON, now, {}, {})
    )


def _look_after(frame: pa.Table) -> Examples:
    """Every third deal is won 90 days after it was created."""
    won = np.array([int(name[1:]) % 3 == 0 for name in frame["opportunity_id"].to_pylist()])
    left = LIFE_DAYS - frame["age_days"].to_numpy()
    inside = won & (left < frame["quarter_days_left"].to_numpy())
    outcomes = {
        "won_in_quarter": inside.astype(float),
        "closed_days": left,
        "won": won.astype(float),
        "observed_days": np.full(frame.num_rows, 365.0),
        "final_amount_minor": np.where(won, 90_000.0, np.nan),
        "slipped": np.ones(frame.num_rows),
        "deal_rows_count": np.full(frame.num_rows, 12.0),
    }
    days = frame["as_of"].to_numpy().astype("datetime64[D]")
    return Examples(frame, outcomes["won_in_quarter"], days, 0, pa.table(outcomes))
