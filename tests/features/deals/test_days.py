"""Instants as days of the company's zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from features.deals.days import day_of, local_days, seen_days

INSTANT = pa.timestamp("us", tz="UTC")


def local(*instants: datetime | None, zone: str = "Europe/London") -> list[float]:
    return local_days(pa.array(instants, INSTANT), ZoneInfo(zone)).tolist()


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize("month", range(1, 13))
def test_an_instant_lies_on_its_day_in_the_zone(zone: str, month: int) -> None:
    instant = datetime(2021, month, 28, 23, 30, tzinfo=UTC)
    (found,) = local(instant, zone=zone)
    assert day_of(int(found)) == instant.astimezone(ZoneInfo(zone)).date()


def test_a_fact_of_midnight_is_seen_from_the_next_day_on() -> None:
    known = np.array(local(datetime(2021, 5, 31, 22, 59, 59, 999_999, tzinfo=UTC),
                           datetime(2021, 5, 31, 23, tzinfo=UTC)))  # fmt: skip
    assert [str(day_of(day)) for day in seen_days(known)] == ["2021-06-01", "2021-06-02"]


def test_absent_and_absurd_instants_do_no_harm() -> None:
    found = local(None, datetime(1900, 6, 1, tzinfo=UTC), datetime(2999, 6, 1, tzinfo=UTC))
    assert np.isnan(found[0])
    assert [day_of(int(day)).year for day in found[1:]] == [1900, 2999]
