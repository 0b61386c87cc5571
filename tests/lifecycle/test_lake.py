"""What the lake promises to those who read and append."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lifecycle.batches import BatchHeader, TableCount
from lifecycle.errors import LakeError, RowsError, TableError
from lifecycle.lake import Lake
from tests.builders import ARRIVED, account, build_lake, fact, order, reader

D = date


def rows(lake, table="orders"):
    found = [row for file in lake.files(table) for row in pq.read_table(file).to_pylist()]
    return sorted(found, key=lambda row: row["known_at"])


def test_an_empty_lake_has_no_batches_and_no_files(tmp_path):
    lake = Lake(tmp_path / "lake")
    assert lake.batches() == []
    assert lake.files("orders") == []
    assert lake.superseded() == []


def test_a_batch_is_given_back_as_it_was_written(tmp_path):
    lake = build_lake(tmp_path, orders=[order(account="a7", amount_minor=1250)])
    assert [(row["account_id"], row["amount_minor"]) for row in rows(lake)] == [("a7", 1250)]
    assert lake.batches()[0].tables == {"orders": TableCount(added=1)}
    assert lake.batches()[0].known_sources == {"orders": {"recorded": 1}}


def test_files_are_absolute_parquet_paths(tmp_path):
    (file,) = build_lake(tmp_path, orders=[order()]).files("orders")
    assert Path(file).is_absolute()
    assert pq.read_metadata(file).num_rows == 1


def test_the_same_batch_again_changes_nothing(tmp_path):
    lake = build_lake(tmp_path, orders=[order()])
    before = lake.version(), lake.files("orders")
    report = lake.append(BatchHeader("b1", "again", ARRIVED), {"orders": reader("orders", [])})
    assert report.repeated
    assert (lake.version(), lake.files("orders")) == before


def test_the_version_changes_with_every_batch(tmp_path):
    first = build_lake(tmp_path, orders=[order()]).version()
    assert build_lake(tmp_path, batch="b2", orders=[order()]).version() != first


def test_an_event_sent_again_is_already_known(tmp_path):
    build_lake(tmp_path, orders=[order(order_id="x")])
    lake = build_lake(tmp_path, batch="b2", orders=[order(order_id="x"), order(order_id="y")])
    assert lake.batches()[1].tables["orders"] == TableCount(added=1, already_known=1)


def test_a_changed_event_is_a_correction_known_from_its_recorded_time(tmp_path):
    build_lake(tmp_path, orders=[order(order_id="x", amount_minor=100)])
    later = D(2011, 2, 1)
    again = order(order_id="x", amount_minor=90, known=later)
    lake = build_lake(tmp_path, batch="b2", orders=[again])
    (void,) = pq.read_table(lake.superseded()[0]).to_pylist()
    assert (void["table_name"], void["key"]) == ("orders", "x")
    assert void["known_at"] == rows(lake)[1]["known_at"] == datetime(2011, 2, 1, 12, tzinfo=UTC)


def test_a_correction_that_claims_to_be_as_old_counts_from_its_arrival(tmp_path):
    build_lake(tmp_path, orders=[order(order_id="x", amount_minor=100)])
    lake = build_lake(tmp_path, batch="b2", orders=[order(order_id="x", amount_minor=90)])
    assert [row["known_at"] for row in rows(lake)][1] == ARRIVED
    assert rows(lake)[1]["known_source"] == "arrival"
    assert lake.batches()[1].tables["orders"].restamped == 1


def test_an_assumed_correction_counts_from_its_arrival(tmp_path):
    build_lake(tmp_path, orders=[order(order_id="x", amount_minor=100)])
    moved = order(order_id="x", day=D(2011, 5, 1), known_source="assumed")
    lake = build_lake(tmp_path, batch="b2", orders=[moved])
    assert rows(lake)[1]["known_at"] == ARRIVED


def test_two_corrections_in_one_instant_stay_in_order(tmp_path):
    for batch, amount in (("b1", 1), ("b2", 2), ("b3", 3)):
        lake = build_lake(tmp_path, batch=batch, orders=[order(order_id="x", amount_minor=amount)])
    assert [row["amount_minor"] for row in rows(lake)] == [1, 2, 3]
    assert len({row["known_at"] for row in rows(lake)}) == 3


def test_an_event_key_with_two_contents_in_one_batch_is_refused(tmp_path):
    twice = [order(order_id="x", amount_minor=1), order(order_id="x", amount_minor=2)]
    with pytest.raises(RowsError, match="two contents"):
        build_lake(tmp_path, orders=twice)
    assert Lake(tmp_path / "lake").batches() == []


def test_an_unchanged_entity_is_already_known(tmp_path):
    build_lake(tmp_path, accounts=[account(segment="x")])
    lake = build_lake(tmp_path, batch="b2", accounts=[account(segment="x", day=D(2011, 6, 1))])
    assert lake.batches()[1].tables["accounts"] == TableCount(added=0, already_known=1)


def test_a_changed_entity_adds_a_version(tmp_path):
    build_lake(tmp_path, accounts=[account(segment="x")])
    lake = build_lake(tmp_path, batch="b2", accounts=[account(segment="y", day=D(2011, 6, 1))])
    assert [row["segment"] for row in rows(lake, "accounts")] == ["x", "y"]


def test_a_version_of_the_same_instant_counts_from_its_arrival(tmp_path):
    build_lake(tmp_path, accounts=[account(segment="x")])
    lake = build_lake(tmp_path, batch="b2", accounts=[account(segment="y")])
    assert [row["known_at"] for row in rows(lake, "accounts")][1] == ARRIVED


def test_history_is_not_rewritten_when_a_later_version_is_known(tmp_path):
    later = account(segment="z", day=D(2011, 6, 1))
    build_lake(tmp_path, accounts=[account(segment="x"), later])
    lake = build_lake(tmp_path, batch="b2", accounts=[account(segment="y"), later])
    assert lake.batches()[1].tables["accounts"] == TableCount(added=0, already_known=2)


def test_an_entity_with_a_composite_key_keeps_a_version_per_key(tmp_path):
    tall = fact(D(2011, 1, 1), entity="account", entity_id="a1", name="tall", number=1.0)
    wide = fact(D(2011, 1, 1), entity="account", entity_id="a1", name="wide", number=1.0)
    lake = build_lake(tmp_path, attributes=[tall, wide])
    assert lake.batches()[0].tables["attributes"].added == 2


def test_a_frozen_lake_does_not_see_later_batches(tmp_path):
    frozen = build_lake(tmp_path, orders=[order()]).frozen()
    build_lake(tmp_path, batch="b2", orders=[order()])
    assert len(frozen.files("orders")) == 1
    assert frozen.unlisted("orders") == []
    assert len(frozen.batches()) == 1


def test_the_order_of_batches_is_that_of_arrival(tmp_path):
    lake = Lake(tmp_path / "lake")
    for name, year in (("late", 2022), ("early", 2021)):
        header = BatchHeader(name, "s", datetime(year, 1, 1, tzinfo=UTC))
        lake.append(header, {"orders": reader("orders", [order(order_id=name)])})
    assert [header.batch_id for header in lake.batches()] == ["early", "late"]


def test_a_row_without_a_required_value_is_refused(tmp_path):
    with pytest.raises(TableError, match=r"orders\.ordered_at with 1 nulls"):
        build_lake(tmp_path, orders=[{**order(), "ordered_at": None}])


def test_a_table_the_lake_writes_itself_is_refused(tmp_path):
    lake = Lake(tmp_path / "lake")
    with pytest.raises(TableError, match="'_batches'"), lake.stage(_header()) as stage:
        stage.write("_batches", next(iter(reader("orders", []))))


def test_a_second_writer_waits_and_is_told_so(tmp_path):
    lake = Lake(tmp_path / "lake")
    with lake.stage(_header()), pytest.raises(LakeError, match="another process is writing"):
        Lake(tmp_path / "lake", lock_wait_seconds=0.1).append(_header("b2"), {})


def test_a_truncated_file_is_named(tmp_path):
    lake = build_lake(tmp_path, orders=[order()])
    file = Path(lake.files("orders")[0])
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(LakeError, match=f"{file.name} is damaged .* bytes of Parquet; to do"):
        lake.files("orders")


def test_a_missing_file_is_named(tmp_path):
    lake = build_lake(tmp_path, orders=[order()])
    file = Path(lake.files("orders")[0])
    file.unlink()
    with pytest.raises(LakeError, match=f"{file.name} is missing"):
        lake.files("orders")


def test_a_damaged_log_is_named(tmp_path):
    lake = build_lake(tmp_path, orders=[order()])
    log = sorted((lake.root / "orders" / "_delta_log").glob("*.json"))[-1]
    log.write_text(log.read_text()[:40])
    with pytest.raises(LakeError, match=r"reading the log of .*orders"):
        Lake(lake.root).files("orders")


def test_a_damaged_list_of_batches_is_named(tmp_path):
    lake = build_lake(tmp_path, orders=[order()])
    (file,) = (lake.root / "_batches").glob("*.parquet")
    data = bytearray(file.read_bytes())
    data[4:40] = b"\0" * 36
    file.write_bytes(bytes(data))
    with pytest.raises(LakeError, match=file.name):
        Lake(lake.root).batches()


def _header(name="b1"):
    return BatchHeader(name, "test", ARRIVED)
