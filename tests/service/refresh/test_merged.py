"""Duplicates that were found to be one account are one in the list and one in what came of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from ledger.outcomes import read_outcomes
from service.refresh.outcomes import read_buyers
from service.refresh.routes import NON_CONTRACTUAL, build_route
from service.refresh.scores import refresh_scores
from tests.builders import build_lake, fact, noon, order
from tests.service.refresh.company import (
    FIRST,
    LATER,
    build_company,
    place_of,
    release_orders,
    stand_on,
)


def merged(name: str, into: str, day: date) -> dict[str, object]:
    return fact(
        day, merge_id=f"m{name}", account_id=name, into_account_id=into, merged_at=noon(day)
    )


def test_a_purchase_counts_for_every_id_of_its_buyer(tmp_path: Path) -> None:
    day = date(2021, 5, 1)
    merges = [merged("A1", "A2", day), merged("A2", "A3", day), merged("B1", "B2", day)]
    orders = [order("A3", date(2021, 6, 2)), order("B1", date(2021, 6, 2)), order("C", day)]
    build_lake(tmp_path, orders=orders, account_merges=merges)
    found = read_buyers(stand_on(place_of(tmp_path), LATER), FIRST, LATER)
    assert found == {"A1", "A2", "A3", "B1", "B2"}


def test_a_merged_orderer_that_buys_under_its_new_id_has_not_lapsed(tmp_path: Path) -> None:
    place = build_company(tmp_path, contracts=False)
    day = date(2021, 6, 10)
    build_lake(tmp_path, batch="merged", account_merges=[merged("A08", "A00", day)])
    ledger = place.open_ledger()
    release_orders(ledger, place)
    for on in (FIRST, LATER):
        refresh_scores(stand_on(place, on), ledger, place=place)
    left = {n: read_outcomes(ledger, "churn", account_id=n)[0].happened for n in ("A08", "A09")}
    assert left == {"A08": False, "A09": True}


def test_a_duplicate_is_listed_only_as_the_account_it_became(tmp_path: Path) -> None:
    place, day = build_company(tmp_path), date(2021, 5, 10)
    merges = [merged("A01", "A00", day), merged("A02", "C07", day), merged("A03", "gone", day)]
    build_lake(tmp_path, batch="merged", account_merges=merges)
    route = build_route(stand_on(place, FIRST), NON_CONTRACTUAL, frames_dir=place.frames_dir)
    assert set(route.frame["account_id"].to_pylist()) == {
        "A00",
        "gone",
        *(f"A{i:02d}" for i in range(4, 10)),
    }
