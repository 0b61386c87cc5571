"""An event that the source takes back is void from then on."""

from datetime import UTC, datetime

import pytest

from lifecycle.batches import BatchHeader
from lifecycle.errors import TableError, UsageError
from lifecycle.lake import Lake
from lifecycle.sources.mapping_file import parse_mapping
from tests.builders import account, reader
from tests.lifecycle.exports import ARRIVED, GOOD, HEADER, mapping_with, stored, take, write_csv

MAPPING = mapping_with(
    known_at={"column": "seen"}, deleted={"from": "gone", "values": ["true", "1"]}
)
SEEN = datetime(2024, 3, 1, tzinfo=UTC)


def send(folder, *lines, name="orders.csv", mapping=MAPPING):
    return take(folder, write_csv(folder, *lines, header=f"{HEADER},seen,gone", name=name), mapping)


def test_an_event_taken_back_is_void_from_when_that_was_known(tmp_path):
    send(tmp_path, f"{GOOD},2024-02-01,false")
    report = send(tmp_path, f"{GOOD},2024-03-01,true", name="gone.csv")
    (void,) = stored(tmp_path, "superseded")
    assert (void["key"], void["known_at"], void["known_source"]) == ("o1", SEEN, "recorded")
    assert report.tables["orders"]["removed"] == 1
    assert len(stored(tmp_path)) == 1


def test_an_event_given_and_taken_back_in_one_batch_is_void(tmp_path):
    report = send(tmp_path, f"{GOOD},2024-02-01,false", f"{GOOD},2024-03-01,1")
    assert stored(tmp_path, "superseded")[0]["known_at"] == SEEN
    assert (report.tables["orders"]["added"], report.tables["orders"]["removed"]) == (1, 1)


def test_a_removal_that_claims_to_be_as_old_counts_from_its_arrival(tmp_path):
    send(tmp_path, f"{GOOD},2024-02-01,false")
    send(tmp_path, f"{GOOD},2024-02-01,true", name="gone.csv")
    (void,) = stored(tmp_path, "superseded")
    assert (void["known_at"], void["known_source"]) == (ARRIVED, "arrival")


def test_taking_back_twice_or_what_never_was_changes_nothing(tmp_path):
    send(tmp_path, f"{GOOD},2024-02-01,false")
    send(tmp_path, f"{GOOD},2024-03-01,true", name="gone.csv")
    other = "o9,a1,2024-01-05,1,GBP,2024-03-01,true"
    report = send(tmp_path, f"{GOOD},2024-04-01,true", other, name="again.csv")
    assert len(stored(tmp_path, "superseded")) == 1
    assert report.tables["orders"] == {
        "added": 0,
        "already_known": 2,
        "corrected": 0,
        "restamped": 0,
        "removed": 0,
    }


def test_an_event_sent_anew_with_another_content_is_there_again(tmp_path):
    send(tmp_path, f"{GOOD},2024-02-01,false")
    send(tmp_path, f"{GOOD},2024-03-01,true", name="gone.csv")
    send(tmp_path, f"{GOOD.replace('12.50', '9')},2024-04-01,false", name="new.csv")
    latest = max(row["known_at"] for row in stored(tmp_path, "superseded"))
    assert stored(tmp_path)[-1]["known_at"] >= latest


def test_a_mapping_takes_back_events_only():
    columns = {"account_id": "id"}
    document = {"table": "accounts", "known_at": "arrival", "deleted": {}, "columns": columns}
    with pytest.raises(UsageError, match="expected from and values, for a table of events"):
        parse_mapping(document)


def test_an_entity_cannot_be_taken_back(tmp_path):
    rows = next(iter(reader("accounts", [account()])))
    header = BatchHeader("b1", "test", ARRIVED)
    lake = Lake(tmp_path / "lake")
    with pytest.raises(TableError, match="removal from accounts"), lake.stage(header) as stage:
        stage.remove("accounts", rows)
