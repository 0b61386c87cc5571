"""Wins count from the day that knew of them, and the book shows who was open when."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from features.days import day_number
from features.deals.book_signs import SIGNS, read_signs
from features.deals.bookings import OpenBook, Wins, read_open_book, read_wins
from features.deals.facts import DealFacts, read_deal_facts
from features.deals.landmarks import deal_frame
from features.deals.territories import read_territories
from lifecycle.history import History, open_history
from tests.builders import build_lake, fact, noon
from tests.features.deals.cases import OPENED, ZONE, moved, on, stage_map, told

READ = date(2021, 9, 1)
WON, PAST = on(6, 10), date(2020, 1, 1)
CLOSED = {"outcome": "won", "closed_at": noon(WON)}
VERSIONS = [
    told("plain"), told("plain", WON, **CLOSED),
    told("late"), told("late", on(7, 20), **CLOSED),
    told("taken-back"), told("taken-back", WON, **CLOSED), told("taken-back", on(8, 1)),
    told("raised"), told("raised", WON, **CLOSED),
    told("raised", on(8, 5), amount_minor=300_000, **CLOSED),
    told("handed"), told("handed", WON, owner_id="o2", **CLOSED),
    told("renewal", kind="renewal"), told("renewal", WON, kind="renewal", **CLOSED),
    told("euro", currency="EUR"), told("euro", WON, currency="EUR", **CLOSED),
    told("worthless", amount_minor=None), told("worthless", WON, amount_minor=None, **CLOSED),
    told("upsell", kind="expansion"), told("upsell", WON, kind="expansion", **CLOSED),
    told("at-once", WON, created_at=noon(WON), **CLOSED),
    told("open"),
]  # fmt: skip
VOID = [moved("mended", on(6, 5), "amount", 100_000, 150_000)]
MENDED = [
    told("mended"), told("mended", WON, amount_minor=150_000, **CLOSED),
]  # fmt: skip


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("bookings")
    posts = [fact(PAST, owner_id="o1", effective_from=PAST, team="north", region="uk"),
             fact(on(5, 10), owner_id="o1", effective_from=on(5, 20), region="us")]  # fmt: skip
    build_lake(folder, owners=posts, stage_maps=stage_map(), opportunities=VERSIONS + MENDED,
               opportunity_changes=VOID)  # fmt: skip
    mended = {**VOID[0], "amount_after_minor": 140_000, "known_at": noon(on(8, 10))}
    build_lake(folder, batch="b2", opportunity_changes=[mended])
    return open_history(folder / "lake", zone=ZONE)


@pytest.fixture(scope="module")
def facts(company: History) -> DealFacts:
    return read_deal_facts(company.as_of(READ))


@pytest.fixture(scope="module")
def wins(company: History, facts: DealFacts) -> Wins:
    return read_wins(facts, read_territories(company.as_of(READ), facts), currency="GBP")


@pytest.fixture(scope="module")
def book(company: History, facts: DealFacts) -> OpenBook:
    days = np.array([day_number(one) for one in (on(5, 4), on(6, 1), on(7, 1))])
    territories = read_territories(company.as_of(READ), facts)
    return read_open_book(facts, territories, days, currency="GBP")


def known(wins: Wins, facts: DealFacts, name: str, day: date) -> Wins:
    deal = facts.ids.to_pylist().index(name)
    return wins.take((wins.deal == deal) & wins.known(day_number(day)))


def test_a_win_counts_from_the_day_after_it_was_known(wins: Wins, facts: DealFacts) -> None:
    counts = [len(known(wins, facts, "plain", WON + timedelta(days=n))) for n in (0, 1, 50)]
    assert counts == [0, 1, 1]


def test_a_back_dated_win_counts_from_its_telling_in_the_quarter_of_its_close(
    wins: Wins, facts: DealFacts
) -> None:
    assert len(known(wins, facts, "late", on(7, 20))) == 0
    assert known(wins, facts, "late", on(7, 21)).closed.tolist() == [day_number(WON)]


def test_a_win_taken_back_counts_until_that_was_known(wins: Wins, facts: DealFacts) -> None:
    counts = [len(known(wins, facts, "taken-back", day)) for day in (on(8, 1), on(8, 2))]
    assert counts == [1, 0]


@pytest.mark.parametrize(("name", "day"), [("raised", on(8, 6)), ("mended", on(8, 11))])
def test_a_win_is_counted_once_at_the_amount_of_each_day(
    wins: Wins, facts: DealFacts, name: str, day: date
) -> None:
    before, after = (known(wins, facts, name, one) for one in (on(7, 1), day))
    assert (len(before), len(after)) == (1, 1)
    assert after.amount_minor.tolist() == [300_000.0 if name == "raised" else 140_000.0]


def test_a_win_lies_with_the_owner_who_had_it_before(wins: Wins, facts: DealFacts) -> None:
    found = known(wins, facts, "handed", READ).dimensions
    assert (found["owner"][0], found["region"][0]) == ("o1", "us")


def test_renewals_are_no_wins_here(wins: Wins, facts: DealFacts) -> None:
    assert facts.ids.to_pylist().index("renewal") not in wins.deal


@pytest.mark.parametrize("name", ["euro", "worthless"])
def test_a_win_without_company_money_has_no_amount(wins: Wins, facts: DealFacts, name: str) -> None:
    assert np.isnan(known(wins, facts, name, READ).amount_minor).tolist() == [True]


def test_a_win_says_what_it_is(wins: Wins, facts: DealFacts) -> None:
    assert known(wins, facts, "upsell", READ).expansion.tolist() == [True]
    assert known(wins, facts, "at-once", READ).at_once.tolist() == [True]
    assert known(wins, facts, "plain", READ).created.tolist() == [day_number(OPENED)]


def test_the_book_of_a_day_shows_deals_open_on_it(book: OpenBook, facts: DealFacts) -> None:
    found = [set(facts.ids.take(book.on(day_number(day)).deal).to_pylist())
             for day in (on(6, 1), on(7, 1))]  # fmt: skip
    assert "renewal" not in found[0]
    assert found[1] == {"late", "open"}


def test_the_book_tells_the_region_of_its_day(book: OpenBook) -> None:
    regions = [book.on(day_number(day)).dimensions["region"][0] for day in (on(5, 4), on(6, 1))]
    assert regions == ["uk", "us"]


def test_foreign_money_is_marked_in_the_book(book: OpenBook) -> None:
    today = book.on(day_number(on(6, 1)))
    assert (np.isnan(today.amount_minor) >= today.foreign).all()
    assert today.foreign.sum() == 1


def test_signs_are_those_of_the_deal_frame(cases: History) -> None:
    snapshot = cases.as_of(READ)
    facts, days = read_deal_facts(snapshot), [on(5, 4), on(6, 1), on(7, 1)]
    numbers = np.array([day_number(one) for one in days])
    told = read_open_book(facts, read_territories(snapshot, facts), numbers, currency="GBP")
    frame = deal_frame(snapshot, days=days, facts=facts)
    for name, values in read_signs(facts, told).items():
        np.testing.assert_array_equal(values, frame.column(name).to_numpy(), err_msg=name)
    assert set(SIGNS) <= set(frame.column_names)
