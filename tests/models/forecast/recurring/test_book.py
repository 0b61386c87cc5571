from datetime import date

import numpy as np
import pytest

from features.days import day_number
from features.deals.days import NEVER
from lifecycle.metrics.movements import build_movements
from models.forecast.recurring.opening import open_book
from tests.builders import fact, noon
from tests.features.contracts import attribute, change, merge, snapshot_of, sub
from tests.models.forecast.recurring.company import engine_of, lines

DAY = date(2022, 5, 1)


def book_of(tmp_path, day=DAY, **tables):
    facts = engine_of(tmp_path, day, **tables).facts
    return open_book(facts, day_number(day), currency=-1), facts


def test_the_levels_are_the_balance_of_the_movements(tmp_path):
    tables = lines()
    book, _ = book_of(tmp_path / "one", **tables)
    moves = build_movements(snapshot_of(tmp_path / "two", DAY, **tables))
    assert book.levels(book.day - 1).sum() == sum(one.delta_minor for one in moves)


def test_a_year_earns_twelve_months(tmp_path):
    book, _ = book_of(tmp_path, subscriptions=[sub()])
    first = day_number(date(2021, 1, 1))
    assert book.revenue(first, first + 1461).sum() == pytest.approx(48 * 10_000)


def test_revenue_of_parts_adds_up(tmp_path):
    book, _ = book_of(tmp_path, **lines())
    days = [book.day - 90, book.day - 31, book.day]
    parts = book.revenue(days[0], days[1]) + book.revenue(days[1], days[2])
    assert np.allclose(parts, book.revenue(days[0], days[2]))


def test_a_change_counts_from_its_effective_day(tmp_path):
    told = [change("expansion", date(2022, 4, 1), on=date(2022, 6, 1), after=15_000)]
    book, _ = book_of(tmp_path, subscriptions=[sub()], subscription_changes=told)
    june = day_number(date(2022, 6, 1))
    assert [book.levels(june - 1).sum(), book.levels(june).sum()] == [10_000, 15_000]


def test_a_notice_announces_the_end_of_the_term(tmp_path):
    line = sub(term_ends_on=date(2022, 7, 1), notice_days=60)
    told = [change("notice", date(2022, 4, 20), term_ends_on=date(2022, 7, 1))]
    book, _ = book_of(tmp_path, subscriptions=[line], subscription_changes=told)
    assert book.ends_on.tolist() == [day_number(date(2022, 7, 1))]


def test_a_notice_taken_back_announces_nothing(tmp_path):
    line = sub(term_ends_on=date(2022, 7, 1))
    told = [change("notice", date(2022, 4, 20)), change("notice_withdrawn", date(2022, 4, 25))]
    book, _ = book_of(tmp_path, subscriptions=[line], subscription_changes=told)
    assert book.ends_on.tolist() == [NEVER]


def test_an_announced_end_that_nobody_booked_has_come(tmp_path):
    line = sub(term_ends_on=date(2022, 4, 1))
    told = [change("notice", date(2022, 3, 1), term_ends_on=date(2022, 4, 1))]
    book, _ = book_of(tmp_path, subscriptions=[line], subscription_changes=told)
    assert book.levels(book.day).sum() == 0


def test_what_is_known_later_does_not_count(tmp_path):
    late = change("expansion", date(2022, 4, 1), after=15_000, known=date(2022, 6, 1))
    book, facts = book_of(tmp_path, date(2022, 7, 1), subscriptions=[sub()],
                          subscription_changes=[late])  # fmt: skip
    before = open_book(facts, day_number(date(2022, 6, 1)), currency=-1)
    assert [before.levels(before.day).sum(), book.levels(book.day).sum()] == [10_000, 15_000]


def test_test_accounts_are_left_out(tmp_path):
    book, _ = book_of(tmp_path, subscriptions=[sub(), sub("s2", "a2")],
                      attributes=[attribute("a2", "is_test", "true")])  # fmt: skip
    assert len(book) == 1


def test_lines_of_another_currency_are_left_out_and_counted(tmp_path):
    told = [sub(), sub("s2", "a2"), sub("s3", "a3", currency="EUR")]
    book, _ = book_of(tmp_path, subscriptions=told)
    assert (len(book), book.foreign_count) == (2, 1)


def test_a_merged_account_holds_the_lines_of_its_duplicate(tmp_path):
    book, _ = book_of(tmp_path, subscriptions=[sub(), sub("s2", "a2")],
                      account_merges=[merge("a2", "a1", date(2022, 1, 1))])  # fmt: skip
    assert len(set(book.account.tolist())) == 1


def test_a_credit_note_moves_no_recurring_revenue(tmp_path):
    note = fact(date(2022, 4, 1), invoice_id="i1", account_id="a1", kind="credit_note",
                issued_at=noon(date(2022, 4, 1)), amount_minor=-5_000, currency="GBP")  # fmt: skip
    plain, _ = book_of(tmp_path / "one", subscriptions=[sub()])
    told, _ = book_of(tmp_path / "two", subscriptions=[sub()], invoices=[note])
    assert told.levels(told.day).tolist() == plain.levels(plain.day).tolist()
