"""The plain rules, on a company whose every quarter can be counted by hand."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from features.days import day_number
from features.deals.bookings import OpenBook, Wins
from features.deals.days import NEVER
from features.deals.stages import StageMap
from lifecycle.periods import Quarter
from models.forecast.bookings.rivals import BookingsRivals, past_days

FIRST = date(2020, 1, 1)
NOW = Quarter(2023, 1)
ORIGIN = NOW.start + timedelta(days=42)
NODES = ("total", "segment=big", "segment=small", "owner=ann", "owner=bob")
MAP = StageMap(
    ("early", "late"), np.array([0.0, 1.0]), np.array([0.1, 0.5]),
    np.zeros(2, bool), np.zeros(2, bool),
)  # fmt: skip
Row = tuple[date, date, float, str]


def make_wins(rows: list[Row]) -> Wins:
    """Wins by close, first day that knows it, amount and segment; ann sells the big ones."""
    count, days = len(rows), [[day_number(one[k]) for one in rows] for k in (0, 1)]
    return Wins(
        np.arange(count), np.array(days[0]) - 30, *map(np.array, days),
        np.full(count, NEVER), np.array([one[2] for one in rows], float),
        np.zeros(count, bool), np.zeros(count, bool), dimensions_of([one[3] for one in rows]),
    )  # fmt: skip


def dimensions_of(segments: list[str]) -> dict[str, np.ndarray]:
    owners = ["ann" if one == "big" else "bob" for one in segments]
    return {"segment": np.array(segments, object), "owner": np.array(owners, object)}


def make_book(rows: list[tuple[date, float, str, str, date]]) -> OpenBook:
    """Open deals by landmark, amount, stage, category and close date; all are big."""
    rows = sorted(rows, key=lambda one: one[0])
    count = len(rows)
    day = np.array([day_number(one[0]) for one in rows])
    return OpenBook(
        1000 + np.arange(count), day, day - 20,
        np.array([float(day_number(one[4])) for one in rows]), np.array([one[1] for one in rows]),
        np.zeros(count, bool), np.array([one[2] for one in rows], object),
        np.array([one[3] for one in rows], object), np.zeros(count), np.zeros(count, bool),
        dimensions_of(["big"] * count),
    )  # fmt: skip


def steady() -> list[Row]:
    """In every quarter 30 big in week 2 and 70 small in week 10; now only the first so far."""
    rows = []
    for back in range(12, -1, -1):
        start = NOW.shift(-back).start
        for days, amount, segment in ((15, 30.0, "big"), (70, 70.0, "small")):
            close = start + timedelta(days=days)
            rows.append((close, close + timedelta(days=1), amount, segment))
    return rows


def pipeline(amount: float = 140.0) -> OpenBook:
    days = past_days(ORIGIN, NOW)
    past = [(day, 140.0, "early", "pipeline", NOW.end) for day in days[1:]]
    mine = [
        (ORIGIN, amount / 2, "early", "pipeline", NOW.end - timedelta(days=1)),
        (ORIGIN, amount / 2, "late", "commit", NOW.end - timedelta(days=1)),
        (ORIGIN, 1000.0, "late", "commit", NOW.end),
    ]
    return make_book(past + mine)


def rivals(wins: list[Row] | None = None, book: OpenBook | None = None) -> BookingsRivals:
    made = make_wins(steady() if wins is None else wins)
    return BookingsRivals(made, book or pipeline(), stages=MAP, first_day=FIRST)


def means(origin: date = ORIGIN, quarter: Quarter = NOW, **made) -> dict[str, list[float]]:
    found = rivals(**made).legs(origin, quarter, nodes=NODES)
    return {name: np.nan_to_num(leg.mean_minor, nan=-1).tolist() for name, leg in found.items()}


def test_the_naive_rules_repeat_a_quarter():
    found = means()
    assert found["last_quarter"] == [100, 30, 70, 30, 70]
    assert found["seasonal_naive"] == [100, 30, 70, 30, 70]


def test_no_rule_says_less_than_is_in():
    rich = [*steady(), (NOW.start, NOW.start, 500.0, "big")]
    assert min(total for total, *_ in means(wins=rich).values()) >= 530.0


def test_conversion_turns_the_open_pipeline_as_it_did_before():
    # 70 came of 140 open on the same day, so half of 1,140 will
    assert means()["conversion"][0] == pytest.approx(30 + 0.5 * 1140)


def test_pacing_adds_what_usually_comes_after_this_day():
    # 30 of 100 are usually in: 30 + .7 (30 + .7 × 100)
    assert means()["pacing"][0] == pytest.approx(30 + 0.7 * (30 + 0.7 * 100))


def test_the_crm_weighs_deals_due_in_the_quarter_by_stage():
    assert means()["crm_weighted"][0] == pytest.approx(30 + 0.1 * 70 + 0.5 * 70)


def test_commit_adds_the_committed_deals_due_in_the_quarter():
    assert means()["commit"] == pytest.approx([100, 100, 0, 100, 0])


def test_time_series_say_a_steady_quarter_again_less_what_is_usually_in():
    found = means()
    names = ("auto_ets", "auto_theta", "auto_arima")
    assert [found[name][0] for name in names] == pytest.approx([30 + 0.7 * 100] * 3)
    assert found["auto_ets"][3] == -1


def test_a_win_counts_from_the_day_that_knows_of_it():
    late = (ORIGIN - timedelta(days=5), ORIGIN + timedelta(days=1), 900.0, "big")
    assert means(wins=[*steady(), late]) == means()


def test_nothing_that_was_known_later_is_looked_at():
    later = [row for row in steady() if row[1] <= ORIGIN]
    assert means(wins=later) == means()


def test_a_quarter_that_has_ended_is_what_it_brought():
    found = rivals().legs(NOW.end + timedelta(days=5), NOW, nodes=NODES)
    assert {leg.mean_minor[0] for leg in found.values()} == {100.0}
    assert all(np.ptp(leg.grid_minor[0]) == 0 for leg in found.values())


def test_a_quarter_ahead_starts_from_nothing():
    found = means(quarter=NOW.shift(1))
    assert found["last_quarter"][0] == 100
    assert found["pacing"][0] == pytest.approx(100)
    assert found["auto_ets"][0] == pytest.approx(100)


def test_without_a_past_only_the_present_speaks():
    young = BookingsRivals(
        make_wins(steady()), pipeline(), stages=MAP, first_day=NOW.start
    ).legs(ORIGIN, NOW, nodes=NODES)  # fmt: skip
    assert set(young) == {"crm_weighted", "commit"}


def test_without_categories_nobody_commits():
    book = pipeline()
    book.category[:] = None
    assert "commit" not in means(book=book)


def test_without_stage_probabilities_the_past_says_them():
    seen = [(ORIGIN - timedelta(days=9), 1.0, "early", "", NOW.end)] * 3
    book = make_book([*seen, (ORIGIN, 80.0, "early", "", NOW.end - timedelta(days=1))])
    wins = make_wins([(ORIGIN, ORIGIN, 0.0, "big")] * 1002)
    # of the three deals seen in that stage two were won: 1000 and 1001
    shares = BookingsRivals(wins, book, stages=StageMap.without_map(()), first_day=FIRST)
    assert shares.legs(ORIGIN, NOW, nodes=NODES)["crm_weighted"].mean_minor[0] == pytest.approx(
        80 * 2 / 3
    )


def test_nodes_add_up_to_the_total():
    for name, mean in means().items():
        if name in ("last_quarter", "seasonal_naive", "crm_weighted", "commit"):
            assert mean[1] + mean[2] == pytest.approx(mean[0])
            assert mean[3] + mean[4] == pytest.approx(mean[0])


def test_a_value_without_a_node_is_unassigned():
    nodes = ("total", "segment=big", "segment=unassigned")
    leg = rivals().legs(ORIGIN, NOW, nodes=nodes)["last_quarter"]
    assert leg.mean_minor.tolist() == [100, 30, 70]


def test_the_same_day_of_past_quarters_is_asked_for():
    days = past_days(ORIGIN, NOW, quarters=2)
    assert days == [ORIGIN, date(2022, 11, 12), date(2022, 8, 12)]
