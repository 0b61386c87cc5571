from __future__ import annotations

from dataclasses import fields
from typing import Any

import ibis
import pyarrow as pa
import pytest

from features.frames import account_frame
from lifecycle.history import History
from lifecycle.snapshot import Snapshot
from tests.leakage.worlds import LeakFound, Worlds, check_blind


def test_frames_do_not_know_the_future(worlds: Worlds) -> None:
    check_blind(worlds, lambda history: account_frame(history.as_of(worlds.day)))


def test_cached_frames_do_not_know_the_future(
    worlds: Worlds, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.mktemp("frames")
    for _ in range(2):
        check_blind(
            worlds, lambda history: account_frame(history.as_of(worlds.day), cache_dir=cache)
        )


def test_the_four_worlds_differ_later(worlds: Worlds) -> None:
    later = worlds.day.replace(year=worlds.day.year + 1)
    with pytest.raises(LeakFound, match="back-dated"):
        check_blind(worlds, lambda history: account_frame(history.as_of(later)))


def planted(kind: type[Snapshot], snapshot: Snapshot) -> pa.Table:
    """The same frame code over a snapshot with a hole."""
    parts = {field.name: getattr(snapshot, field.name) for field in fields(Snapshot)}
    return account_frame(kind(**{**parts, "prepared": {}}))


class OccurredNotKnown(Snapshot):
    def known(self, name: str, as_of: Any) -> ibis.Table:
        rows = self.stored[name].rows
        clock = rows.ordered_at if name == "orders" else rows.known_at
        return rows.filter(clock < as_of)


class AtOrBefore(Snapshot):
    def known(self, name: str, as_of: Any) -> ibis.Table:
        rows = self.stored[name].rows
        return rows.filter(rows.known_at <= as_of)


def scaled_by_all_history(history: History, worlds: Worlds) -> pa.Table:
    frame = account_frame(history.as_of(worlds.day))
    everything = history.as_of(worlds.day.replace(year=worlds.day.year + 5))
    largest = max(account_frame(everything)["spend_minor"].to_pylist())
    return pa.table({"spend": [spend / largest for spend in frame["spend_minor"].to_pylist()]})


@pytest.mark.parametrize("hole", [OccurredNotKnown, AtOrBefore])
def test_a_planted_clock_leak_is_found(worlds: Worlds, hole: type[Snapshot]) -> None:
    with pytest.raises(LeakFound):
        check_blind(worlds, lambda history: planted(hole, history.as_of(worlds.day)))


def test_a_planted_global_scaling_is_found(worlds: Worlds) -> None:
    with pytest.raises(LeakFound):
        check_blind(worlds, lambda history: scaled_by_all_history(history, worlds))
