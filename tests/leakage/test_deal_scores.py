"""What is served of deals, what judges it and what is replayed do not know the future."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from features.deals.facts import read_deal_facts
from ledger.deals import DealFilters, read_deals
from ledger.releases import Release, write_release
from lifecycle.history import History
from lifecycle.periods import CALENDAR_YEAR, Quarter
from models.bundle import save_bundle
from models.deals.direct import DirectModel
from models.deals.tables import DealTable
from models.deals.win import DealModel
from service.refresh.deal_outcomes import fates_in_quarter
from service.refresh.deals import refresh_deals
from tests.leakage.deal_worlds import build_deal_worlds
from tests.leakage.worlds import LeakFound, Worlds, check_blind
from tests.service.refresh.company import place_of
from training.deals.past import open_past
from training.deals.plan import DealPlan, plan_deals
from training.deals.replay import Replay, replay_deals

FIRST = date(2020, 1, 6)
LATER = date(2021, 11, 1)
CANDIDATES = (partial(DealTable, "stage_week"), partial(DirectModel, "logistic"))


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return build_deal_worlds(tmp_path_factory.mktemp("deal-worlds"))


@pytest.fixture(scope="module")
def model(worlds: Worlds) -> DealModel:
    """Learned from what was known two months before the day."""
    plan = plan_deals(FIRST, worlds.day - timedelta(days=61))
    past = open_past(worlds.histories["deleted"].as_of(plan.as_of), plan)
    return DealModel(DealTable("stage_week")).fit(past.learned())


def served(history: History, day: date, model: DealModel, *, folder: Path) -> object:
    """All that a refresh writes of the open deals into a ledger of its own."""
    place = place_of(folder)
    folder.mkdir()
    ledger = place.open_ledger()
    digest = save_bundle(place.bundles_dir, "DealModel", model.to_parts(), {})
    now = datetime.now(UTC)
    named = ("deal_win", 0, "deals", model.name, "d1", digest)
    write_release(ledger, Release(*named, FIRST, now, {}, {}))
    refresh_deals(history.as_of(day), ledger, place=place)
    page = read_deals(ledger, DealFilters(), limit=200)
    ledger.close()
    assert page is not None
    assert len(page.rows) > 20
    # the version names the lake's batches, of which one telling has more than another
    note = {name: told for name, told in page.run.note.items() if name != "frame_version"}
    return [note, str(page.run.data_as_of), [asdict(row) for row in page.rows]]


def test_what_is_served_does_not_know_the_future(
    worlds: Worlds, model: DealModel, tmp_path: Path
) -> None:
    count = iter(range(9))

    def answer(history: History) -> object:
        return served(history, worlds.day, model, folder=tmp_path / str(next(count)))

    check_blind(worlds, answer)


def judged(history: History, day: date) -> object:
    facts, quarter = read_deal_facts(history.as_of(day)), Quarter(2021, 2)
    fates = fates_in_quarter(facts, quarter.start, quarter.end)
    return [[name, fate.won, str(fate.closed_on)] for name, fate in fates.items()]


def test_what_judges_an_issued_chance_does_not_know_the_future(worlds: Worlds) -> None:
    check_blind(worlds, lambda history: judged(history, worlds.day))


def test_judging_on_a_later_day_knows_more(worlds: Worlds) -> None:
    with pytest.raises(LeakFound, match="deleted"):
        check_blind(worlds, lambda history: judged(history, LATER))


def replayed(history: History, day: date) -> object:
    """What candidates replayed at the quarter's start say of the deals open on one landmark."""
    quarter = Quarter(2021, 3)
    whole = plan_deals(FIRST, LATER)
    plan = DealPlan(LATER, whole.landmarks, (quarter,), CALENDAR_YEAR, "")
    past = open_past(history.as_of(LATER), plan)
    found = replay_deals(past, plan, CANDIDATES, replay=Replay(every_weeks=4)).found
    frame = found.judged[quarter.start].frame
    mine = np.array([one == day for one in frame["as_of"].to_pylist()])
    assert mine.sum() > 10
    said = {name: found.predictions[name, quarter.start][mine].tolist()
            for name, _ in found.predictions}  # fmt: skip
    return [said, found.references[quarter.start][:1].tolist()]


def test_what_is_replayed_at_a_quarters_start_does_not_know_what_followed(worlds: Worlds) -> None:
    check_blind(worlds, lambda history: replayed(history, worlds.day))


def test_a_replayed_landmark_that_lies_later_knows_more(worlds: Worlds) -> None:
    fewer = ("as it was", "shuffled")
    some = Worlds(worlds.day, {name: worlds.histories[name] for name in fewer})
    with pytest.raises(LeakFound):
        check_blind(some, lambda history: replayed(history, date(2021, 8, 26)))
