"""Every open deal is scored, with its moves, and what cannot be scored is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.deals import DealFilters, DealPage, DealRow, read_deals
from ledger.engine import Ledger
from ledger.owner_bias import read_owner_bias
from lifecycle.errors import RefusedError
from service.refresh.deals import describe_deals, refresh_deals, refresh_deals_if_any
from service.refresh.place import Place
from service.refresh.scores import refresh_scores_if_any
from tests.builders import build_lake
from tests.service.refresh.company import open_once, place_of, stand_on
from tests.service.refresh.deal_company import (
    DEALS,
    FIRST,
    TRAINED_ON,
    build_deals,
    build_flat,
    release_deals,
    release_flat,
    version,
)

OLD = FIRST - timedelta(days=200)
ODD = [
    version("odd-bare", FIRST - timedelta(days=9), amount_minor=None, currency=None, kind=None,
            stage=None),
    version("odd-huge", OLD, amount_minor=10**15, close_on=date(2999, 1, 1)),
    version("odd-past", OLD, amount_minor=0, close_on=date(1900, 1, 1), currency="USD"),
    version("odd-renewal", OLD, kind="renewal"),
]  # fmt: skip


@dataclass(frozen=True)
class Told:
    """What a refresh returned and wrote."""

    done: dict[str, Any]
    page: DealPage
    ledger: Ledger
    place: Place

    def deal(self, opportunity_id: str) -> DealRow:
        return next(row for row in self.page.rows if row.opportunity_id == opportunity_id)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("deals")
    place = build_deals(folder, opportunities=ODD)
    ledger = place.open_ledger()
    release_deals(ledger, place)
    done = refresh_deals(stand_on(place, FIRST), ledger, place=place)
    page = read_deals(ledger, DealFilters(), limit=200)
    assert page is not None
    yield Told(done, page, ledger, place)
    ledger.close()


def test_every_open_deal_is_scored_and_renewals_are_counted(told: Told) -> None:
    names = {row.opportunity_id for row in told.page.rows}
    assert {"odd-bare", "odd-huge", "odd-past"} < names
    assert "odd-renewal" not in names
    assert (told.done["deals"], told.done["renewals"]) == (len(names), 1)
    assert told.done["run_id"] == told.page.run.run_id


def test_ranks_follow_the_chance_and_chances_agree(told: Told) -> None:
    rows = told.page.rows
    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    assert all(row.p_win == row.p_win_quarter for row in rows)
    assert all(row.p_win <= (row.p_win_eventual or 0) + 1e-6 for row in rows)


def test_money_is_whole_and_follows_the_chance(told: Told) -> None:
    row = told.page.rows[0]
    assert row.expected_amount_minor is not None
    assert type(row.expected_in_quarter_minor) is int
    assert row.expected_in_quarter_minor == pytest.approx(row.p_win * row.expected_amount_minor, 1)


def test_a_deal_shows_where_it_stands(told: Told) -> None:
    row = told.deal("D110")
    assert (row.owner_id, row.account_name, row.stage) == ("W0", "Firm 2", "offer")
    assert (row.amount_minor, row.currency, row.push_count) == (90_000, "GBP", 1)


def test_a_deal_shows_its_moves_oldest_first(told: Told) -> None:
    moves = told.deal("D110").history or []
    assert [one["at"] for one in moves] == sorted(one["at"] for one in moves)
    last = {one["field"]: (one["before"], one["after"]) for one in moves}
    assert last["stage"] == ("find", "offer")
    assert last["amount_minor"] == (100_000, 90_000)
    assert last["close_on"] == ("2021-05-20", "2021-06-19")


def test_moves_that_were_not_known_yet_are_not_shown(told: Told) -> None:
    row = told.deal("D126")
    assert {one["field"] for one in row.history or []} == {"stage", "close_on", "amount_minor"}
    assert all(one["before"] is None for one in row.history or [])


def test_the_run_says_which_quarter_it_speaks_of(told: Told) -> None:
    note = told.page.run.note
    found = note["quarter_start_on"], note["quarter_ends_before"]
    assert found == ("2021-04-01", "2021-07-01")


@pytest.mark.parametrize("name", ["odd-bare", "odd-huge", "odd-past"])
def test_absurd_values_are_not_repeated(told: Told, name: str) -> None:
    row = told.deal(name)
    assert (row.amount_minor, row.close_on, row.p_slip) == (None, None, None)
    assert 0 <= row.p_win <= 1


def test_a_deal_without_a_kind_is_new_business(told: Told) -> None:
    row = told.deal("odd-bare")
    assert (row.kind, row.account_id, row.account_name) == ("new_business", None, None)


def test_a_deal_that_outstays_won_ones_stands_still(told: Told) -> None:
    row = told.deal("odd-huge")
    assert row.stalled
    assert row.stalled_days == row.stage_age_days
    assert told.done["stalled"] == sum(row.stalled for row in told.page.rows)


def test_owners_stand_as_the_release_measured_them_with_their_team(told: Told) -> None:
    (found,) = read_owner_bias(told.ledger, run_id=told.page.run.run_id)
    assert (found.owner_id, found.team, found.label) == ("W1", "south", "happy_ears")
    assert (found.commit_minor, found.won_minor) == (4_000_000, 2_400_000)
    assert (found.currency, found.measured_on) == (None, TRAINED_ON)


def test_what_was_done_is_told_in_lines(told: Told) -> None:
    first, second = describe_deals(told.done)
    assert f"{told.done['deals']} open deals scored by d1" in first
    assert "1 owners" in second


def test_equal_facts_give_equal_rows(told: Told, tmp_path: Path) -> None:
    place = build_deals(tmp_path, opportunities=ODD)
    ledger = place.open_ledger()
    release_deals(ledger, place)
    refresh_deals(stand_on(place, FIRST), ledger, place=place)
    page = read_deals(ledger, DealFilters(), limit=200)
    assert page is not None
    assert page.rows == told.page.rows


def test_a_model_of_a_later_day_is_refused_as_hindsight(told: Told) -> None:
    before = stand_on(told.place, TRAINED_ON - timedelta(days=1))
    with pytest.raises(RefusedError, match="know the future"):
        refresh_deals(before, told.ledger, place=told.place)


def test_deals_without_a_model_are_told_of(tmp_path: Path) -> None:
    place = build_deals(tmp_path)
    done = refresh_deals_if_any(stand_on(place, FIRST), place.open_ledger(), place=place)
    (line,) = describe_deals(done)
    assert "128 deals are not scored" in line
    assert "truecast train deal_win" in line


def test_a_company_without_deals_hears_nothing_of_them(tmp_path: Path) -> None:
    build_lake(tmp_path, orders=[])
    place = place_of(tmp_path)
    done = refresh_deals_if_any(stand_on(place, FIRST), place.open_ledger(), place=place)
    assert describe_deals(done) == []


def test_a_company_with_deals_alone_is_refreshed_without_accounts(told: Told) -> None:
    done = refresh_scores_if_any(stand_on(told.place, FIRST), told.ledger, place=told.place)
    assert (done["run_id"], done["routes"]) == (None, [])
    assert "truecast train churn" in done["why"]


def test_deals_without_history_are_told_of_the_end_alone(tmp_path: Path) -> None:
    place = build_flat(tmp_path)
    ledger = place.open_ledger()
    release_flat(ledger, place)
    done = refresh_deals(stand_on(place, FIRST), ledger, place=place)
    page = read_deals(ledger, DealFilters())
    assert page is not None
    (row,) = page.rows
    assert (done["deals"], row.opportunity_id) == (1, "F120")
    assert (row.p_win, row.p_win_quarter, row.p_slip) == (row.p_win_eventual, None, None)
    assert "quarter_start_on" not in page.run.note


def test_without_open_deals_the_list_of_before_stays(tmp_path: Path) -> None:
    place = build_deals(tmp_path)
    ledger = place.open_ledger()
    release_deals(ledger, place, card={})
    refresh_deals(stand_on(place, FIRST), ledger, place=place)
    late = [version(f"D{i:03d}", FIRST, outcome="lost") for i in range(DEALS)]
    build_lake(tmp_path, batch="b2", opportunities=late)
    open_once.cache_clear()
    done = refresh_deals(stand_on(place, FIRST + timedelta(days=9)), ledger, place=place)
    assert (done["run_id"], done["deals"]) == (None, 0)
    assert describe_deals(done) == ["no deal is open on 2021-06-10"]
    assert read_deals(ledger, DealFilters()) is not None
