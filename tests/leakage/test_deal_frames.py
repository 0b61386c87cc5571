"""Deal frames do not know the future, and one reading rebuilds every earlier day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest

from features.deals.facts import read_deal_facts
from features.deals.landmarks import deal_frame
from lifecycle.snapshot import Snapshot
from tests.leakage.deal_worlds import build_deal_worlds
from tests.leakage.worlds import LeakFound, Worlds, check_blind, digest

PAST = [timedelta(days=days) for days in (7, 140, 200)]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return build_deal_worlds(tmp_path_factory.mktemp("deal-worlds"))


@pytest.fixture(scope="module")
def unmapped(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return build_deal_worlds(tmp_path_factory.mktemp("deal-worlds"), mapped=False)


def test_deal_frames_do_not_know_the_future(worlds: Worlds) -> None:
    days = [worlds.day, *(worlds.day - gap for gap in PAST)]
    check_blind(worlds, lambda history: deal_frame(history.as_of(worlds.day), days=days))


@pytest.mark.parametrize("gap", [-timedelta(days=30), *PAST])
def test_one_reading_rebuilds_every_earlier_day(worlds: Worlds, gap: timedelta) -> None:
    history, day = worlds.histories["back-dated"], worlds.day - gap
    later = deal_frame(history.as_of(worlds.day + timedelta(days=150)), days=[day])
    assert digest(later) == digest(deal_frame(history.as_of(day)))


def test_a_day_is_rebuilt_alike_among_many_and_alone(worlds: Worlds) -> None:
    now = worlds.histories["back-dated"].as_of(worlds.day + timedelta(days=60))
    days = [worlds.day + timedelta(days=n) for n in (7, 45)]
    alone = pa.concat_tables([deal_frame(now, days=[day]) for day in days])
    assert digest(deal_frame(now, days=days)) == digest(alone)


def test_without_a_map_the_learned_order_knows_no_future(unmapped: Worlds) -> None:
    day, late = unmapped.day, unmapped.histories["back-dated"]
    alone = digest(deal_frame(unmapped.histories["deleted"].as_of(day)))
    assert digest(deal_frame(late.as_of(date(2021, 12, 1)), days=[day])) == alone


def test_the_company_was_corrected_after_the_day(worlds: Worlds) -> None:
    facts = read_deal_facts(worlds.histories["back-dated"].as_of(date(2021, 12, 1)))
    assert len(facts.story_deal) > facts.count + 50


def test_the_frame_of_the_company_says_something(worlds: Worlds) -> None:
    frame = deal_frame(worlds.histories["as it was"].as_of(worlds.day)).to_pandas()
    silent = [name for name in frame if frame[name].nunique(dropna=False) == 1]
    assert len(frame) > 20
    assert len(frame.columns) - len(silent) > 60


def test_the_four_companies_differ_later(worlds: Worlds) -> None:
    later = worlds.day + timedelta(days=60)
    with pytest.raises(LeakFound, match=r"deleted.*shuffled.*back-dated"):
        check_blind(worlds, lambda history: deal_frame(history.as_of(later)))


class OccurredNotKnown(Snapshot):
    """Reads events by when they happened."""

    def versions(self, name: str) -> ibis.Table:
        rows, clock = self.stored[name].rows, self.stored[name].table.event_clock
        if self.stored[name].table.kind != "event":
            return super().versions(name)
        at = ibis.literal(self.as_of, type="timestamp('UTC', 6)")
        known = rows.filter(rows[clock] < at).mutate(known_at=rows[clock])
        return known.mutate(void_at=ibis.null().cast("timestamp('UTC', 6)"))


class LatestVersions(Snapshot):
    """Reads entities as they stand today, status fields overwritten in place."""

    def versions(self, name: str) -> ibis.Table:
        rows = self.stored[name].rows
        if self.stored[name].table.kind != "entity":
            return super().versions(name)
        first = rows.known_at.min().over(group_by=self.stored[name].table.key[0])
        return rows.mutate(known_at=first, void_at=ibis.null().cast("timestamp('UTC', 6)"))


@pytest.mark.parametrize("hole", [OccurredNotKnown, LatestVersions])
def test_a_planted_leak_is_found(worlds: Worlds, hole: Callable[..., Snapshot]) -> None:
    def planted(history: Any) -> pa.Table:
        at = history.as_of(worlds.day)
        parts = {field.name: getattr(at, field.name) for field in fields(Snapshot)}
        return deal_frame(hole(**{**parts, "prepared": {}}))

    fewer = ("as it was", "back-dated")  # a frame anew costs a second, and these find them
    some = Worlds(worlds.day, {name: worlds.histories[name] for name in fewer})
    with pytest.raises(LeakFound):
        check_blind(some, planted)
