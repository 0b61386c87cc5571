from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from lifecycle.errors import NotEnoughHistoryError, UsageError
from lifecycle.history import History, open_history
from tests.builders import build_lake, order

LONDON = ZoneInfo("Europe/London")


def history(folder: Path, *orders: dict) -> History:
    build_lake(folder, orders=list(orders))
    return open_history(folder / "lake", zone=LONDON)


def test_a_day_begins_at_midnight_of_the_company(tmp_path: Path) -> None:
    at = history(tmp_path, order()).as_of(date(2011, 7, 1))
    assert at.as_of == datetime(2011, 6, 30, 23, tzinfo=UTC)
    assert at.day == date(2011, 7, 1)


def test_first_and_last_day_are_days_of_the_company(tmp_path: Path) -> None:
    late = datetime(2011, 6, 30, 23, 30, tzinfo=UTC)
    found = history(tmp_path, order(day=date(2011, 1, 5)), order(day=late))
    assert (found.first_day, found.last_day) == (date(2011, 1, 5), date(2011, 7, 1))


def test_an_instant_without_a_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="time zone"):
        history(tmp_path, order()).as_of(datetime(2011, 1, 1))  # noqa: DTZ001


def test_a_history_without_orders_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughHistoryError, match="no orders"):
        _ = open_history(tmp_path / "lake", zone=LONDON).first_day


def test_a_batch_listed_later_is_not_seen(tmp_path: Path) -> None:
    before = history(tmp_path, order())
    build_lake(tmp_path, batch="b2", orders=[order("a2")])
    at = before.as_of(date(2012, 1, 1))
    assert at.collect(at.table("orders")).num_rows == 1


def test_the_version_changes_with_the_facts_and_the_instant(tmp_path: Path) -> None:
    one = history(tmp_path, order())
    build_lake(tmp_path, batch="b2", orders=[order("a2")])
    two = open_history(tmp_path / "lake", zone=LONDON)
    days = [date(2011, 1, 1), date(2011, 1, 2)]
    versions = {each.as_of(day).version for each in (one, two) for day in days}
    assert len(versions) == 4
    assert one.as_of(days[0]).version == one.as_of(days[0]).version


def test_known_sources_are_counted(tmp_path: Path) -> None:
    found = history(tmp_path, order(), order(known_source="assumed"), order())
    assert found.known_sources == {"assumed": 1, "recorded": 2}
