from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.deals.owners import build_owner_columns
from tests.builders import Row, fact, noon
from tests.features.deals.context.company import DAY, ago, closed, deal, look, many, opened
from tests.features.deals.context.company import snapshot_of as stand

PLANNED = ago(90)


def owner_of(folder: Path, deals: list[Row], day: date = DAY, **tables: Any) -> dict[str, Any]:
    """The owner's columns of the deal called x."""
    snapshot = stand(folder, day, opportunities=deals, **tables)
    return look(snapshot, build_owner_columns)["x"]


def test_an_owner_is_drawn_to_the_company_by_twenty_deals(tmp_path: Path) -> None:
    others = many("wl" * 10, owner_id="o2")
    found = owner_of(tmp_path, [opened("x"), *many("w" * 5 + "l" * 5), *others])
    assert found["owner_win_share"] == pytest.approx((5 + 20 * 15 / 30) / (10 + 20))


def test_a_win_counts_from_the_day_after_it_was_known(tmp_path: Path) -> None:
    won = closed("y", "won", ago(1))
    won[1]["known_at"] += timedelta(days=1)
    known = owner_of(tmp_path / "a", [opened("x"), *many("l"), *won], DAY + timedelta(days=1))
    before = owner_of(tmp_path / "b", [opened("x"), *many("l"), *won])
    assert known["owner_win_share"] == 0.5
    assert before["owner_win_share"] == 0


def test_nothing_closed_gives_no_share(tmp_path: Path) -> None:
    assert np.isnan(owner_of(tmp_path, [opened("x")])["owner_win_share"])


def test_a_deal_without_an_owner_has_no_owner_columns(tmp_path: Path) -> None:
    found = owner_of(tmp_path, [opened("x", owner_id=None), *many("wl")])
    assert np.isnan(list(found.values())).all()


def test_who_took_a_deal_over_at_its_close_does_not_get_the_win(tmp_path: Path) -> None:
    taken = [opened("y"), deal("y", ago(50), outcome="won", owner_id="boss")]
    lost = many("l", owner_id="boss")
    found = owner_of(tmp_path, [opened("x", owner_id="boss"), *taken, *lost])
    assert found["owner_win_share"] == pytest.approx((0 + 20 * 0.5) / 21)


def test_renewals_and_deals_created_closed_do_not_count(tmp_path: Path) -> None:
    renewed = closed("y", "won", ago(99), kind="renewal")
    end = {"outcome": "won", "closed_at": noon(ago(99))}
    at_once = deal("z", ago(98), created=ago(99), **end)
    found = owner_of(tmp_path, [opened("x"), *renewed, at_once, *many("lw")])
    assert found["owner_win_share"] == 0.5


@pytest.mark.parametrize(("silent", "share"), [(100, 1.0), (10, 1 / 26)], ids=["silent", "spoken"])
def test_silent_deals_closed_in_bulk_are_not_lost(
    tmp_path: Path, silent: int, share: float
) -> None:
    old = [row for n in range(25) for row in closed(f"n{n}", "lost", ago(20))]
    met = [_meeting(f"n{n}", ago(20 + silent)) for n in range(25)]
    deals = [opened("x"), *old, *closed("y", "won", ago(40))]
    found = owner_of(tmp_path, deals, activities=met)
    assert found["owner_win_share"] == pytest.approx(share)


def _meeting(name: str, on: date) -> Row:
    return fact(on, activity_id=f"m-{name}", opportunity_id=name, kind="meeting",
                occurred_at=noon(on))  # fmt: skip


def test_a_reopened_deal_is_open_again(tmp_path: Path) -> None:
    again = [*closed("y", "lost", ago(50)), deal("y", ago(20))]
    found = owner_of(tmp_path, [opened("x"), *again, *many("wl")])
    assert found["owner_open_count"] == 2
    assert found["owner_win_share"] == 0.5


def test_a_deal_slips_when_its_first_close_date_passes_without_a_win(tmp_path: Path) -> None:
    late = closed("late", "won", ago(50), close_on=ago(60))
    kept = closed("kept", "won", ago(70), close_on=ago(60))
    early = closed("early", "lost", ago(90), close_on=ago(60))  # never put to the test
    found = owner_of(tmp_path, [opened("x", close_on=ago(5)), *late, *kept, *early])
    assert found["owner_slip_share"] == pytest.approx(2 / 3)


def test_only_dates_moved_back_while_the_deal_was_open_are_pushes(tmp_path: Path) -> None:
    pushed = [opened("y", close_on=ago(90)), deal("y", ago(95), close_on=ago(40))]
    at_close = [opened("z", close_on=ago(90)),
                deal("z", ago(50), close_on=ago(50), outcome="lost")]  # fmt: skip
    found = owner_of(tmp_path, [opened("x", close_on=DAY), *pushed, *at_close])
    assert found["owner_push_share"] == pytest.approx(1 / 3)


def test_tenure_counts_from_hiring_or_else_from_the_first_deal(tmp_path: Path) -> None:
    post = fact(ago(90), owner_id="o1", effective_from=ago(400), hired_on=ago(400))
    deals = [opened("x"), opened("old", created=ago(320))]
    assert owner_of(tmp_path / "a", deals, owners=[post])["owner_tenure_days"] == 400
    assert owner_of(tmp_path / "b", deals)["owner_tenure_days"] == 320


def quota(known: date = PLANNED, **other: Any) -> Row:
    """A quota of 1,000.00 for the quarter of DAY."""
    row = {"target_id": "t", "level": "owner", "level_name": "o1", "metric": "bookings",
           "period_start_on": date(2021, 4, 1), "period_end_on": date(2021, 7, 1),
           "amount_minor": 100_000, "currency": "GBP"}  # fmt: skip
    return fact(known, **{**row, **other})


@pytest.mark.parametrize(
    ("won", "share"),
    [
        ({"on": ago(10), "currency": "GBP"}, 0.4),
        ({"on": date(2021, 3, 31), "currency": "GBP"}, 0),
        ({"on": ago(10), "currency": "USD"}, 0),
    ],
    ids=["this quarter", "last quarter", "another currency"],
)
def test_attainment_counts_what_was_won_since_the_quarter_began(
    tmp_path: Path, won: dict[str, Any], share: float
) -> None:
    deals = [opened("x"), *closed("y", "won", amount_minor=40_000, **won)]
    assert owner_of(tmp_path, deals, targets=[quota()])["owner_attainment_share"] == share


def test_a_quota_of_a_year_counts_by_the_quarter(tmp_path: Path) -> None:
    year = quota(period_start_on=date(2021, 1, 1), period_end_on=date(2022, 1, 1))
    deals = [opened("x"), *closed("y", "won", ago(10), amount_minor=91_000, currency="GBP")]
    found = owner_of(tmp_path, deals, targets=[year])
    assert found["owner_attainment_share"] == pytest.approx(0.91 * 365 / 91)


def test_a_quota_known_later_is_not_known_now(tmp_path: Path) -> None:
    found = owner_of(tmp_path, [opened("x")], targets=[quota(known=DAY)])
    assert np.isnan(found["owner_attainment_share"])
