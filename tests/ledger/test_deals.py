from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from ledger.deals import (
    DealFilters,
    DealPosition,
    DealSort,
    read_deals,
)
from ledger.engine import Ledger
from ledger.issued_deals import read_deal, read_deal_scores
from ledger.owner_bias import read_owner_bias
from ledger.scores import read_scored_models
from lifecycle.errors import ConflictError, RowsError
from tests.ledger.deal_story import bias, deal, deal_release, fill_deals, publish_deals
from tests.ledger.story import DAY, new_ledger


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    made = new_ledger(tmp_path_factory.mktemp("deals"))
    fill_deals(made)
    yield made
    made.close()


@pytest.fixture
def released(tmp_path: Path) -> Ledger:
    made = new_ledger(tmp_path)
    deal_release(made)
    return made


def _walk(ledger: Ledger, sort: DealSort, limit: int, between=lambda: None) -> list[str]:
    seen: list[str] = []
    cursor: DealPosition | None = None
    while True:
        page = read_deals(ledger, DealFilters(), sort=sort, cursor=cursor, limit=limit)
        assert page is not None
        seen += [row.opportunity_id for row in page.rows]
        cursor = page.following
        if cursor is None:
            return seen
        between()


def test_there_are_no_deals_before_the_first_run(released: Ledger) -> None:
    assert read_deals(released, DealFilters()) is None
    assert read_deal(released, "O1") == []


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        (DealSort.win, ["O2", "O4", "O6", "O1", "O5", "O3"]),
        (DealSort.slip, ["O3", "O1", "O4", "O6", "O2", "O5"]),
        (DealSort.stalled, ["O3", "O4", "O1", "O2", "O5", "O6"]),
        (DealSort.amount, ["O6", "O2", "O1", "O3", "O4", "O5"]),
    ],
)
@pytest.mark.parametrize("limit", [1, 4, 50])
def test_each_order_gives_each_deal_once_and_those_without_value_last(
    told: Ledger, sort: DealSort, names: list[str], limit: int
) -> None:
    assert _walk(told, sort, limit) == names


@pytest.mark.parametrize("limit", [1, 50])
def test_by_slip_risk_deals_that_can_still_be_kept_stand_before_overdue_ones(
    released: Ledger, limit: int
) -> None:
    overdue, today = DAY - timedelta(days=1), DAY
    rows = [
        deal("late", 0.1, p_slip=1.0, close_on=overdue),
        deal("late but likely", 0.6, p_slip=1.0, close_on=overdue),
        deal("due today", p_slip=0.7, close_on=today),
        deal("ahead", p_slip=0.9),
        deal("undated", 0.9, p_slip=None, close_on=None),
    ]
    publish_deals(released, rows)
    walked = _walk(released, DealSort.slip, limit)
    assert walked == ["ahead", "due today", "late but likely", "late", "undated"]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (DealFilters(owner_id="W2"), ["O4", "O3"]),
        (DealFilters(team="south", stalled=True), ["O4", "O3"]),
        (DealFilters(segment="mid", stalled=False, currency="USD"), ["O6"]),
        (DealFilters(kind="expansion"), ["O5"]),
        (DealFilters(account_id="A00", stalled=True), ["O4", "O3"]),
        (DealFilters(close_from=date(2012, 3, 1), close_before=date(2012, 6, 1)), ["O4"]),
        (DealFilters(segment="x' OR 1=1 --"), []),
    ],
)
def test_filters_choose(told: Ledger, filters: DealFilters, names: list[str]) -> None:
    page = read_deals(told, filters)
    assert page is not None
    assert [row.opportunity_id for row in page.rows] == names


def test_pages_keep_to_their_run_while_others_are_published(released: Ledger) -> None:
    rows = [deal(f"O{i}", 0.1 + 0.1 * (i % 3)) for i in range(7)]
    publish_deals(released, rows)
    walked = _walk(released, DealSort.win, 2, lambda: publish_deals(released, rows[::-1]))
    assert sorted(walked) == [f"O{i}" for i in range(7)]


def test_a_deal_comes_back_as_it_was_written_and_money_stays_whole(released: Ledger) -> None:
    row = deal("O1", amount_minor=np.int64(10**15), rank=np.int64(3), p_win=np.float64(0.25))
    run_id = publish_deals(released, [row])
    (found,) = read_deal_scores(released, ["O1", "unknown"], run_id=run_id)
    assert found == row
    assert (type(found.amount_minor), found.amount_minor) == (int, 10**15)


def test_a_deal_keeps_what_was_said_before_and_after_it_closed(told: Ledger) -> None:
    newest, before = read_deal(told, "O1")
    assert (newest.row.p_win, before.row.p_win) == (0.3, 0.2)
    assert (before.row.reasons, before.row.history) == ([], None)
    assert (newest.current, before.current, newest.model_version) == (True, False, "deals-1")
    assert {one.row.kind for one in read_deal(told, "O5")} == {"expansion"}
    (last,) = read_deal(told, "gone")
    assert not last.current
    assert read_deal_scores(told, ["gone"], run_id=newest.run.run_id) == []


def test_a_run_of_deals_names_its_model(told: Ledger) -> None:
    page = read_deals(told, DealFilters())
    assert page is not None
    (spoke,) = read_scored_models(told, page.run.run_id)
    assert (spoke["model"], spoke["horizon_days"], spoke["version"]) == ("deal_win", 0, "deals-1")


def test_a_deal_occurs_once_in_a_run(released: Ledger) -> None:
    with pytest.raises(ConflictError):
        publish_deals(released, [deal("O1"), deal("O1")])


def test_a_chance_that_is_no_number_is_refused_by_the_deals_name(released: Ledger) -> None:
    with pytest.raises(RowsError, match=r"deals\.p_slip of O1"):
        publish_deals(released, [deal("O1", p_slip=float("nan"))])


def test_the_surest_bias_comes_first_and_owners_can_be_chosen(told: Ledger) -> None:
    run_id = read_deal(told, "O1")[0].run.run_id
    assert [one.owner_id for one in read_owner_bias(told, run_id=run_id)] == ["W1", "W2"]
    (one,) = read_owner_bias(told, run_id=run_id, owner_id="W2")
    assert one.label is None
    assert read_owner_bias(told, run_id=run_id, team="nobody") == []


def test_an_owner_without_wins_has_no_late_share(released: Ledger) -> None:
    row = bias("W9", late_share=None, late_low=None, late_high=None, won_count=0, won_minor=0)
    run_id = publish_deals(released, [deal("O1")], owners=[row])
    assert read_owner_bias(released, run_id=run_id) == [row]
