from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.days import clock_changes, day_number, local_day
from lifecycle.engine import Engine, open_engine

FIRST, LAST = datetime(2009, 1, 1, tzinfo=UTC), datetime(2013, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Pacific/Apia",
         "Australia/Lord_Howe"]  # fmt: skip
INSTANTS = st.integers(0, (LAST - FIRST) // timedelta(microseconds=1)).map(
    lambda step: FIRST + timedelta(microseconds=step)
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine()


def days_of(engine: Engine, instants: list[datetime], zone: ZoneInfo) -> list[int]:
    literal = ibis.array([ibis.literal(at, type="timestamp('UTC', 6)") for at in instants])
    rows = literal.unnest().name("at").as_table()
    found = rows.select(day=local_day(rows["at"], zone, first=FIRST, last=LAST))
    return engine.to_arrow(found)["day"].to_pylist()


@pytest.mark.parametrize("name", ZONES)
@settings(max_examples=5)
@given(drawn=st.lists(INSTANTS, min_size=1, max_size=40))
def test_the_day_is_the_calendar_day_of_the_zone(
    engine: Engine, name: str, drawn: list[datetime]
) -> None:
    zone = ZoneInfo(name)
    changes = [datetime.fromtimestamp(at, UTC) for at, _ in clock_changes(FIRST, LAST, zone)]
    near = [at + timedelta(microseconds=step) for at in changes for step in (-1, 0, 1)]
    instants = drawn + [at for at in near if FIRST <= at <= LAST]
    expected = [day_number(at.astimezone(zone).date()) for at in instants]
    assert days_of(engine, instants, zone) == expected


def test_a_zone_without_changes_needs_no_comparison() -> None:
    assert len(clock_changes(FIRST, LAST, ZoneInfo("UTC"))) == 1
