"""A world goes into the lake as one batch, once, whole or up to a day."""

from datetime import date

import pyarrow.parquet as pq
import pytest

from lifecycle.lake import Lake
from lifecycle.world.presets import preset
from lifecycle.world.simulate import simulate
from lifecycle.world.writing import name_world, write_world
from tests.lifecycle.world.worlds import facts, tiny

SMALL = preset("tiny", accounts=30, months=6)


@pytest.fixture(scope="module")
def small():
    return simulate(SMALL)


def stored(lake, table):
    return sum(pq.read_metadata(file).num_rows for file in lake.files(table))


def test_every_fact_is_in_the_lake(tmp_path):
    write_world(tiny(), tmp_path / "lake")
    lake = Lake(tmp_path / "lake")
    for name in ("usage", "invoices", "tickets", "subscription_changes", "orders"):
        assert stored(lake, name) == facts()[name].num_rows


def test_the_same_world_again_changes_nothing(tmp_path, small):
    first = write_world(small, tmp_path / "lake")
    again = write_world(small, tmp_path / "lake")
    assert not first.repeated
    assert again.repeated
    assert len(Lake(tmp_path / "lake").batches()) == 1


def test_a_world_may_come_up_to_a_day_and_the_rest_later(tmp_path, small):
    part = write_world(small, tmp_path / "lake", until=date(2021, 4, 1))
    whole = write_world(small, tmp_path / "lake")
    alone = write_world(small, tmp_path / "alone")
    for name, count in alone.header.tables.items():
        early = part.header.tables[name].added if name in part.header.tables else 0
        assert early + whole.header.tables[name].added == count.added, name
        assert whole.header.tables[name].corrected == 0


def test_nothing_known_later_is_in_a_world_up_to_a_day(tmp_path, small):
    write_world(small, tmp_path / "lake", until=date(2021, 4, 1))
    lake = Lake(tmp_path / "lake")
    for name in ("usage", "invoices", "opportunities", "attributes"):
        for file in lake.files(name):
            known = pq.read_table(file, columns=["known_at"])["known_at"].to_pylist()
            assert max(known).date() < date(2021, 4, 1)


def test_a_world_is_named_by_all_that_it_is_made_of():
    names = {name_world(preset("tiny", seed=seed, variant=variant))
             for seed in (1, 2) for variant in ("plain", "shock")}  # fmt: skip
    assert len(names) == 4


def test_the_shortest_and_smallest_world_can_be_written(tmp_path):
    report = write_world(simulate(preset("tiny", accounts=20, months=3)), tmp_path / "lake")
    assert report.header.tables["orders"].added > 0
