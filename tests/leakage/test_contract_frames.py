"""Contract frames, lines and reports do not know the future; planted leaks are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest

from features.attributes import attribute_report
from features.contract_frame import contract_frame
from features.lines import build_lines, build_moves
from features.routes import contract_accounts
from lifecycle.history import History
from lifecycle.snapshot import Snapshot
from tests.leakage.contract_worlds import build_contract_worlds
from tests.leakage.worlds import LeakFound, Worlds, check_blind


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return build_contract_worlds(tmp_path_factory.mktemp("contract-worlds"))


def test_contract_frames_do_not_know_the_future(worlds: Worlds) -> None:
    check_blind(worlds, lambda history: contract_frame(history.as_of(worlds.day)))


@pytest.mark.parametrize("build", [build_lines, build_moves, attribute_report])
def test_lines_moves_and_reports_do_not_know_the_future(
    worlds: Worlds, build: Callable[[Snapshot], pa.Table]
) -> None:
    check_blind(worlds, lambda history: build(history.as_of(worlds.day)))


def test_routes_do_not_know_the_future(worlds: Worlds) -> None:
    check_blind(worlds, lambda history: sorted(contract_accounts(history.as_of(worlds.day))))


def test_the_frame_of_the_company_says_something(worlds: Worlds) -> None:
    frame = contract_frame(worlds.histories["as it was"].as_of(worlds.day)).to_pandas()
    silent = [name for name in frame if frame[name].nunique(dropna=False) == 1]
    assert len(frame) > 20
    assert len(frame.columns) - len(silent) > 60


def test_the_four_companies_differ_later(worlds: Worlds) -> None:
    later = worlds.day + timedelta(days=60)
    with pytest.raises(LeakFound, match=r"deleted.*shuffled.*back-dated"):
        check_blind(worlds, lambda history: contract_frame(history.as_of(later)))


class OccurredNotKnown(Snapshot):
    """Reads events by when they happened."""

    def known(self, name: str, as_of: Any) -> ibis.Table:
        clock = self.stored[name].table.event_clock
        if self.stored[name].table.kind != "event":
            return super().known(name, as_of)
        return self.stored[name].rows.filter(self.stored[name].rows[clock] < as_of)


class AtOrBefore(Snapshot):
    """Reads what is known at the very instant too."""

    def known(self, name: str, as_of: Any) -> ibis.Table:
        return super().known(name, as_of + ibis.interval(microseconds=1))


class LatestVersions(Snapshot):
    """Reads things as they stand today, status fields overwritten in place."""

    def known(self, name: str, as_of: Any) -> ibis.Table:
        is_entity = self.stored[name].table.kind == "entity"
        return super().known(name, as_of + ibis.interval(days=999) if is_entity else as_of)


def planted(
    kind: type[Snapshot], build: Callable[[Snapshot], pa.Table], history: History, worlds: Worlds
) -> pa.Table:
    """The same code over a snapshot with a hole."""
    at = history.as_of(worlds.day)
    parts = {field.name: getattr(at, field.name) for field in fields(Snapshot)}
    return build(kind(**{**parts, "prepared": {}}))


@pytest.mark.parametrize(
    ("hole", "build"),
    [(OccurredNotKnown, contract_frame), (AtOrBefore, build_lines), (LatestVersions, build_lines)],
)
def test_a_planted_leak_is_found(
    worlds: Worlds, hole: type[Snapshot], build: Callable[[Snapshot], pa.Table]
) -> None:
    fewer = ("as it was", "back-dated")  # a frame anew costs seconds, and these find most
    some = Worlds(worlds.day, {name: worlds.histories[name] for name in fewer})
    with pytest.raises(LeakFound):
        check_blind(some, lambda history: planted(hole, build, history, worlds))


def test_labels_let_into_a_frame_are_found(worlds: Worlds) -> None:
    def with_label(history: History) -> pa.Table:
        frame = contract_frame(history.as_of(worlds.day))
        ends = build_lines(history.as_of(worlds.day + timedelta(days=90)))
        gone = ends.filter(pa.compute.is_valid(ends["ended_on"]))["account_id"].to_pylist()
        return frame.append_column(
            "gone", pa.array([name in gone for name in frame["account_id"].to_pylist()])
        )

    with pytest.raises(LeakFound):
        check_blind(worlds, with_label)
