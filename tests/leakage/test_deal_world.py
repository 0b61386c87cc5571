"""The synthetic company's deals, read at its end and on days in its middle."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pyarrow.compute as pc
import pytest

from features.deals.landmarks import deal_frame
from lifecycle.history import History, open_history
from lifecycle.world.deals_tables import RENAME_SHARE
from lifecycle.world.presets import preset
from lifecycle.world.simulate import simulate
from lifecycle.world.writing import write_world
from tests.leakage.worlds import digest

TINY = preset("tiny", accounts=120, months=14)
RENAMED = TINY.start + timedelta(days=7 * round(RENAME_SHARE * TINY.weeks))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("deal-world")
    write_world(simulate(TINY), folder)
    return open_history(folder, zone=ZoneInfo("Europe/London"))


@pytest.mark.parametrize("gap", [-30, 1, 60])
def test_the_worlds_end_rebuilds_its_middle(world: History, gap: int) -> None:
    day = RENAMED + timedelta(days=gap)
    later = deal_frame(world.as_of(TINY.end), days=[day])
    assert later.num_rows > 20
    assert digest(later) == digest(deal_frame(world.as_of(day)))


def test_a_renamed_stage_goes_on_under_its_name(world: History) -> None:
    days = [RENAMED + timedelta(days=gap) for gap in (-1, 8)]
    frame = deal_frame(world.as_of(TINY.end), days=days)
    for day in days:
        stages = frame.filter(pc.equal(frame["as_of"], day))["stage"].to_pylist()
        assert stages.count("evaluation") > 0
        assert "(unmapped)" not in stages
