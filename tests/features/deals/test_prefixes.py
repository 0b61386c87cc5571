"""Prefixes of an event log rest on the events before them, of all cases, and on nothing later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from features.deals.event_log import NOBODY, OTHER, read_event_log
from features.deals.prefixes import START, build_prefixes

BEGIN = datetime(2024, 1, 1, 23, 0, tzinfo=UTC)
Event = tuple[str, str, str, str | None, float]
STORY: list[Event] = [
    ("b", "call", "START", "eve", 1.0),
    ("b", "call", "COMPLETE", "eve", 3.0),
    ("b", "offer", "COMPLETE", None, 4.0),
    ("b", "call", "START", "ann", 9.0),
    ("b", "call", "COMPLETE", "ann", 9.5),
    ("a", "call", "START", "ann", 2.0),
    ("a", "done", "COMPLETE", "ann", 5.0),
]


def build_events(story: list[Event]) -> pa.Table:
    """Make a log: case, activity, lifecycle, resource, hours after the beginning."""
    case, activity, lifecycle, resource, hours = zip(*story, strict=True)
    return pa.table(
        {
            "case_id": case,
            "activity": activity,
            "lifecycle": lifecycle,
            "resource": pa.array(resource, pa.string()),
            "timestamp": pa.array(
                [BEGIN + timedelta(hours=one) for one in hours], pa.timestamp("us", tz="UTC")
            ),
            "seq": list(range(len(story))),
        }
    )


def build_rows(story: list[Event], case: str = "b", **options: Any) -> list[dict[str, Any]]:
    """Return the prefixes of one case."""
    fewest = options.pop("fewest", 1)
    zone = ZoneInfo(options.pop("zone", "UTC"))
    log = read_event_log(build_events(story), zone=zone, fewest=fewest)
    rows: list[dict[str, Any]] = build_prefixes(log, **options).to_pylist()
    return [row for row in rows if row["case_id"] == case]


def test_a_prefix_stays_the_same_when_the_log_goes_on() -> None:
    early = [event for event in STORY if event[4] <= 5.0]
    late = build_rows(STORY, fewest=0)[:3]
    for row, again in zip(build_rows(early, fewest=0), late, strict=True):
        shared = [name for name in row if name in again]
        left, right = ([one[name] for name in shared] for one in (row, again))
        assert repr(left) == repr(right)
        assert len(shared) > 30


def test_activities_are_counted_by_name_and_lifecycle() -> None:
    counts = [row["count:call-COMPLETE"] for row in build_rows(STORY)]
    assert counts == [0, 1, 1, 1, 2]


def test_what_has_not_happened_yet_is_missing() -> None:
    rows = build_rows(STORY)
    assert np.isnan(rows[1]["since_hours:offer-COMPLETE"])
    assert [row["since_hours:offer-COMPLETE"] for row in rows[2:]] == [0.0, 5.0, 5.5]
    assert [row["first_hours:offer-COMPLETE"] for row in rows[2:]] == [3.0, 3.0, 3.0]


def test_work_lasts_from_its_start_to_its_completion() -> None:
    rows = build_rows(STORY)
    assert [row["work_hours"] for row in rows] == [0.0, 2.0, 2.0, 2.0, 2.5]
    assert rows[4]["last_work_hours:call"] == 0.5


def test_the_order_of_the_last_activities_is_kept() -> None:
    rows = build_rows(STORY)
    assert (rows[0]["activity_1"], rows[0]["activity_2"]) == ("call-START", START)
    assert (rows[2]["activity_1"], rows[2]["activity_3"]) == ("offer-COMPLETE", "call-START")
    assert rows[2]["resource_1"] == NOBODY


def test_cases_that_nobody_asks_about_are_load() -> None:
    rows = build_rows(STORY, asked=["b"], closing=["done-COMPLETE"])
    assert [row["open_cases_count"] for row in rows] == [1, 2, 2, 1, 1]


def test_hours_are_read_on_the_clock_of_the_company() -> None:
    rows = build_rows(STORY, zone="Europe/Amsterdam")
    assert (rows[0]["hour"], rows[0]["weekday"]) == (1.0, 1.0)
    assert rows[0]["since_start_hours"] == 0.0


def test_rare_levels_are_one() -> None:
    rows = build_rows(STORY, fewest=4)
    assert {row["activity_1"] for row in rows} == {OTHER}


def test_no_prefix_is_longer_than_asked() -> None:
    assert [row["prefix_length"] for row in build_rows(STORY, longest=2)] == [1, 2]


def test_a_case_without_amount_has_none() -> None:
    rows = build_rows(STORY, amounts={"b": 1500.0})
    assert (rows[0]["amount"], rows[0]["amount_step"]) == (1500.0, 500.0)
    assert np.isnan(build_rows(STORY, "a", amounts={"b": 1500.0})[0]["amount"])
