"""What a model is served is what it is taught: features kept at scoring are those of that instant.

Scored first; then facts come in late, some about the time before; then the frames of the same days
are built as training builds them, from all there is.
"""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from features.contract_frame import contract_frame, split_notice
from features.deals.landmarks import deal_frame
from ledger.engine import Ledger
from ledger.feature_rows import FeatureRow, read_layout_rows, read_layouts
from lifecycle.history import History, open_history
from models.columns import Columns, to_columns
from models.serving.rows import unpack_rows
from service.refresh.deals import refresh_deals
from service.refresh.scores import refresh_scores
from tests.builders import account, build_lake, fact, order
from tests.service.refresh.company import (
    FIRST,
    LATER,
    build_company,
    release_contracts,
    release_orders,
    stand_on,
)
from tests.service.refresh.deal_company import build_deals, move, release_deals
from training.slices import build_order_frame

AFTER, BEFORE = date(2021, 12, 1), date(2021, 5, 3)
DAYS = (date(2021, 4, 6), FIRST, LATER)
UNITS = {"non_contractual": "account_id", "contractual": "account_id", "deals": "opportunity_id"}

Kept = tuple[str, date, Columns, list[FeatureRow]]


def keep(ledger: Ledger, run_id: int, day: date) -> list[Kept]:
    """The feature rows of a run, route by route, in their order."""
    found = []
    for layout in read_layouts(ledger, run_id):
        rows = read_layout_rows(ledger, layout.layout_id)
        kinds = dict(zip(layout.names, layout.kinds, strict=True))
        found.append((layout.route, day, unpack_rows(kinds, [row.values for row in rows]), rows))
    return found


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> tuple[History, list[Kept]]:
    place = build_company(tmp_path_factory.mktemp("accounts"))
    ledger, kept = place.open_ledger(), []
    release_orders(ledger, place)
    release_contracts(ledger, place)
    for day in DAYS:
        done = refresh_scores(stand_on(place, day), ledger, place=place)
        kept += keep(ledger, done["run_id"], day)
    late = [order(f"A{i:02d}", BEFORE, amount_minor=99_000, known=AFTER) for i in range(10)]
    told = [account(f"C{i:02d}", AFTER, segment="large") for i in range(40)]
    build_lake(place.data_dir, batch="late", orders=late, accounts=told)
    return open_history(place.lake_dir, zone=ZoneInfo("UTC")), kept


@pytest.fixture(scope="module")
def deals(tmp_path_factory: pytest.TempPathFactory) -> tuple[History, list[Kept]]:
    place = build_deals(tmp_path_factory.mktemp("deals"))
    ledger = place.open_ledger()
    release_deals(ledger, place)
    done = refresh_deals(stand_on(place, FIRST), ledger, place=place)
    kept = keep(ledger, done["run_id"], FIRST)
    late = [
        {**move(row.unit_id, BEFORE, "amount", amount_before_minor=90_000, currency="GBP",
                amount_after_minor=1), "change_id": f"late-{row.unit_id}", "known_at": noon_after()}
        for row in kept[0][3]
    ]  # fmt: skip
    build_lake(place.data_dir, batch="late", opportunity_changes=late)
    return open_history(place.lake_dir, zone=ZoneInfo("UTC")), kept


def noon_after() -> object:
    return fact(AFTER)["known_at"]


def build(history: History, route: str, day: date) -> pa.Table:
    """A day's frame as training builds it."""
    if route == "deals":
        return deal_frame(history.as_of(AFTER), days=[day])
    if route == "contractual":
        return split_notice(contract_frame(history.as_of(day)))[0]
    return build_order_frame(history.as_of(day), None)


def count_skewed(history: History, kept: Kept, day: date | None = None) -> int:
    """How many rows of a run differ from those of the same day (or another), built offline."""
    route, asked, served, rows = kept
    frame = to_columns(build(history, route, day or asked))
    place = {name: at for at, name in enumerate(frame.values(UNITS[route]).tolist())}
    assert set(served.column_names) == set(frame.column_names) - {UNITS[route], "as_of"}
    return sum(
        row.unit_id not in place
        or not all(
            is_same(served.values(name)[at], frame.values(name)[place[row.unit_id]])
            for name in served.column_names
        )
        for at, row in enumerate(rows)
    )


def is_same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return bool(np.isclose(one, other, rtol=1e-12, atol=1e-12, equal_nan=True))
    return one == other


def test_accounts_are_served_what_training_sees_of_their_day(
    accounts: tuple[History, list[Kept]],
) -> None:
    history, kept = accounts
    assert sum(len(rows) for *_, rows in kept) >= 100
    assert {route for route, *_ in kept} == {"non_contractual", "contractual"}
    assert [count_skewed(history, one) for one in kept] == [0] * len(kept)


def test_deals_are_served_what_training_sees_of_their_day(
    deals: tuple[History, list[Kept]],
) -> None:
    history, kept = deals
    assert len(kept[0][3]) >= 20
    assert count_skewed(history, kept[0]) == 0


@pytest.mark.parametrize("fault", ["another day", "one value"])
def test_the_planted_fault_is_caught(accounts: tuple[History, list[Kept]], fault: str) -> None:
    history, kept = accounts
    route, day, served, rows = next(one for one in kept if one[0] == "non_contractual")
    if fault == "another day":
        assert count_skewed(history, kept[0], day + timedelta(days=1)) == len(rows)
        return
    values = served.values("recency_days").copy()
    values[3] += 1e-6
    planted = served.with_columns({"recency_days": values})
    assert count_skewed(history, (route, day, planted, rows)) == 1
