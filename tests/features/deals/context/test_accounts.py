from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.contract_frame import contract_frame
from features.days import day_number
from features.deals.accounts import account_state, build_account_columns, read_account_book
from features.deals.merged import stand_ins
from lifecycle.history import History, open_history
from tests.builders import Row, build_lake, fact, order
from tests.features.contracts import change, merge, sub
from tests.features.deals.context.company import DAY, ago, closed, look, opened
from tests.features.deals.context.company import snapshot_of as stand
from tests.leakage.contract_worlds import TODAY, company
from tests.leakage.worlds import ZONE


def account_of(folder: Path, deals: list[Row], day: date = DAY, **tables: Any) -> dict[str, Any]:
    """The account's columns of the deal called x."""
    snapshot = stand(folder, day, opportunities=deals, **tables)
    return look(snapshot, build_account_columns)["x"]


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("accounts")
    told: Any = company(TODAY)
    build_lake(folder, **told)
    return open_history(folder / "lake", zone=ZONE)


SAME = {
    "account_mrr_minor": "mrr_minor",
    "account_notice": "under_notice",
    "account_tenure_days": "customer_days",
    "account_tickets_open_count": "tickets_open_count",
    "account_usage_trend": "active_28d_84d_log",
    "account_nps": "nps_score",
}


@pytest.mark.parametrize("days", [-200, 0, 100])
def test_an_account_is_on_every_landmark_what_the_contract_frame_says(
    contracts: History, days: int
) -> None:
    day = TODAY + timedelta(days=days)
    book = read_account_book(contracts.as_of(TODAY + timedelta(days=150)))
    state = account_state(book, day_number(day), stand_ins(book.merges, day_number(day)))
    frame = contract_frame(contracts.as_of(day)).to_pandas().set_index("account_id")
    ids = book.merges.ids.to_pylist()
    both = [name for name in frame.index if name in ids]
    places = [ids.index(name) for name in both]
    for ours, theirs in SAME.items():
        expected = frame.loc[both, theirs].to_numpy(float)
        np.testing.assert_allclose(state[ours][places], expected, err_msg=ours)
    assert len(both) > 25
    assert state["account_is_customer"][places].all()


def test_a_deal_without_an_account_has_no_account_columns(tmp_path: Path) -> None:
    found = account_of(tmp_path, [opened("x", account_id=None)], subscriptions=[sub()])
    assert np.isnan(list(found.values())).all()


def test_a_prospect_is_no_customer_once_any_contract_is_known(tmp_path: Path) -> None:
    deals = [opened("x", account_id="new"), opened("y")]
    found = account_of(tmp_path, deals, subscriptions=[sub()])
    assert found["account_is_customer"] == 0
    assert found["account_mrr_minor"] == 0
    assert np.isnan(found["account_tenure_days"])


def test_without_contracts_a_customer_is_who_purchased_within_a_year(tmp_path: Path) -> None:
    deals = [opened("x"), opened("y", account_id="a2"), opened("z", account_id="a3")]
    orders = [order("a1", ago(365)), order("a2", ago(366)), order("a3", ago(9), amount_minor=-5)]
    snapshot = stand(tmp_path, DAY, opportunities=deals, orders=orders)
    found = look(snapshot, build_account_columns)
    assert [found[name]["account_is_customer"] for name in "xyz"] == [1, 0, 0]


def test_prior_deals_of_the_account_are_counted_without_the_deal_itself(tmp_path: Path) -> None:
    deals = [opened("x"), opened("y"), *closed("won", "won", ago(9)),
             *closed("lost", "lost", ago(9)), *closed("again", "won", ago(9), kind="renewal"),
             *closed("other", "won", ago(9), account_id="a2")]  # fmt: skip
    found = account_of(tmp_path, deals)
    assert found["account_open_deals_count"] == 1
    assert found["account_won_count"] == 1
    assert found["account_lost_count"] == 1


@pytest.mark.parametrize(("known", "won"), [(ago(1), 1), (DAY, 0)], ids=["before", "that day"])
def test_deals_of_a_duplicate_count_once_the_merge_is_known(
    tmp_path: Path, known: date, won: int
) -> None:
    deals = [opened("x"), *closed("y", "won", ago(30), account_id="dup")]
    merged = {**merge("dup", "a1", ago(20)), **fact(known)}
    assert account_of(tmp_path, deals, account_merges=[merged])["account_won_count"] == won


def test_a_notice_counts_from_the_day_after_it_was_known(tmp_path: Path) -> None:
    lines = [sub(), change("notice", DAY)]
    late = stand(tmp_path, DAY + timedelta(days=9), opportunities=[opened("x")],
                 subscriptions=[lines[0]], subscription_changes=[lines[1]])  # fmt: skip
    found = [
        look(late, build_account_columns, DAY + timedelta(days=n))["x"]["account_notice"]
        for n in (0, 1)
    ]
    assert found == [0, 1]


def test_a_corrected_change_is_void_from_when_the_correction_was_known(tmp_path: Path) -> None:
    up = change("expansion", ago(60), after=90_000)
    right = {**up, "mrr_after_minor": 20_000}
    right |= fact(ago(10))
    build_lake(tmp_path, opportunities=[opened("x")], subscriptions=[sub()],
               subscription_changes=[up])  # fmt: skip
    build_lake(tmp_path, batch="b2", subscription_changes=[right])
    snapshot = open_history(tmp_path / "lake", zone=ZONE).as_of(DAY)
    found = [look(snapshot, build_account_columns, day)["x"]["account_mrr_minor"]
             for day in (ago(20), DAY)]  # fmt: skip
    assert found == [90_000, 20_000]
