from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ledger.engine import Ledger
from ledger.jobs import JobFilters, read_jobs
from lifecycle.errors import UsageError
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar
from service.worker.schedule import Rule, Schedule, find_last_due, find_next_due, parse_rule
from tests.ledger.story import new_ledger

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path)


def rule(text: str) -> Rule:
    found = parse_rule("refresh", text)
    assert found is not None
    return found


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def every_due(text: str, start: str, count: int, calendar: FiscalCalendar) -> list[str]:
    at, found = utc(start), []
    for _ in range(count):
        due = find_next_due(rule(text), at, NEW_YORK, calendar)
        assert find_last_due(rule(text), due.at, NEW_YORK, calendar) == due
        found.append(f"{due.day} {due.at:%m-%d %H:%M}")
        at = due.at
    return found


def test_a_day_has_one_due_time_where_the_clocks_skip_it_and_where_they_repeat_it() -> None:
    assert every_due("daily 02:30", "2026-03-07T00:00", 3, CALENDAR_YEAR) == [
        "2026-03-07 03-07 07:30",
        "2026-03-08 03-08 07:30",  # 02:30 does not exist: it is 03:30 there
        "2026-03-09 03-09 06:30",
    ]
    assert every_due("daily 01:30", "2026-11-01T00:00", 2, CALENDAR_YEAR) == [
        "2026-11-01 11-01 05:30",  # the first of two
        "2026-11-02 11-02 06:30",
    ]


def test_months_and_fiscal_quarters_are_the_companys() -> None:
    months = every_due("monthly 2 04:00", "2026-01-15T00:00", 2, CALENDAR_YEAR)
    assert months == ["2026-02-02 02-02 09:00", "2026-03-02 03-02 09:00"]
    quarters = every_due("quarterly 3 05:00", "2026-01-15T00:00", 2, FiscalCalendar(12))
    assert quarters == ["2026-03-03 03-03 10:00", "2026-06-03 06-03 09:00"]


@pytest.mark.parametrize(
    "text", ["hourly", "daily", "daily 3 03:00", "monthly 03:00", "monthly 29 03:00", "daily 24:00"]
)
def test_a_time_that_cannot_be_read_is_refused_with_the_settings_name(text: str) -> None:
    with pytest.raises(UsageError, match="TRUECAST_SCHEDULE_REFRESH"):
        parse_rule("refresh", text)
    assert parse_rule("refresh", "off") is None


def test_missed_times_are_made_up_for_once(ledger: Ledger) -> None:
    schedule = Schedule((rule("daily 03:00"),), ZoneInfo("UTC"), CALENDAR_YEAR)
    start = utc("2026-03-01T12:00")
    assert schedule.ask_for_due(ledger, now=start) == []  # nothing was missed: it is set up
    asked = [schedule.ask_for_due(ledger, now=start + n * DAY) for n in (5, 5, 6)]
    assert [len(one) for one in asked] == [1, 0, 1]
    days = [job.payload["as_of"] for job in read_jobs(ledger, JobFilters(), limit=9)]
    assert days == [str(date(2026, 3, 7)), str(date(2026, 3, 6))]
