"""A merge that names an account nobody knows is taken, and told."""

from __future__ import annotations

from pathlib import Path

from lifecycle.ingest import IngestReport
from tests.builders import account, build_lake, order
from tests.lifecycle.exports import stored, take, write_csv

NOTE = "merge_of_unknown_account"
MAPPING = {
    "table": "account_merges",
    "timezone": "UTC",
    "known_at": {"event_clock_delay": "1d"},
    "columns": {
        "merge_id": "id",
        "account_id": "old",
        "into_account_id": "new",
        "merged_at": "at",
    },
}


def take_merges(folder: Path, *pairs: str, name: str = "merges.csv") -> IngestReport:
    lines = [f"{pair.replace(',', '-')},{pair},2024-01-05" for pair in pairs]
    return take(folder, write_csv(folder, *lines, header="id,old,new,at", name=name), MAPPING)


def test_merges_of_unknown_accounts_are_kept_and_counted(tmp_path: Path) -> None:
    build_lake(tmp_path, orders=[order("a1"), order(None)], accounts=[account("a2")])
    report = take_merges(tmp_path, "a1,a2", "a1,nobody", "nobody,a2", "nobody,none")
    assert (report.notes[NOTE], report.quarantined) == (3, {})
    assert len(stored(tmp_path, "account_merges")) == 4


def test_merges_of_known_accounts_need_no_note(tmp_path: Path) -> None:
    build_lake(tmp_path, orders=[order("a1")], accounts=[account("a2")])
    assert NOTE not in take_merges(tmp_path, "a1,a2").notes


def test_only_the_merges_of_the_batch_are_told(tmp_path: Path) -> None:
    assert take_merges(tmp_path, "x,y").notes[NOTE] == 1
    build_lake(tmp_path, orders=[order("a1"), order("a2")])
    assert NOTE not in take_merges(tmp_path, "a1,a2", name="more.csv").notes


def test_merges_that_were_all_taken_back_are_no_merges(tmp_path: Path) -> None:
    gone = {**MAPPING, "deleted": {"from": "gone", "values": ["yes"]}}
    export = write_csv(tmp_path, "m1,x,y,2024-01-05,yes", header="id,old,new,at,gone")
    assert NOTE not in take(tmp_path, export, gone).notes
