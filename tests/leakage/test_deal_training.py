"""What is learned of deals does not know the future; labels known too late are found."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

from features.deals.facts import read_deal_facts
from lifecycle.history import History
from models.deals.direct import DirectModel
from models.deals.tables import DealTable
from tests.leakage.deal_worlds import build_deal_worlds
from tests.leakage.worlds import LeakFound, Worlds, check_blind
from training.datasets import digest_examples
from training.deals.past import open_past
from training.deals.plan import plan_deals
from training.deals.spec import DEAL_WIN
from training.deals.train import train_deals
from training.train import TrainOutputs

FIRST = date(2020, 1, 6)
SPEC = replace(
    DEAL_WIN,
    candidates=(
        partial(DealTable, "base_rate"),
        partial(DealTable, "stage_week"),
        partial(DirectModel, "logistic"),
    ),
)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return build_deal_worlds(tmp_path_factory.mktemp("deal-worlds"))


def learned(history: History, day: date, known_on: date) -> str:
    known = history.as_of(known_on)
    facts = read_deal_facts(known)
    past = open_past(known, plan_deals(FIRST, day), facts=facts)
    return digest_examples(past.examples(past.plan.learn_days(day)[::4], known_on))


def test_what_is_learned_of_deals_does_not_know_the_future(worlds: Worlds) -> None:
    check_blind(worlds, lambda one: learned(one, worlds.day, worlds.day))


def test_outcomes_known_too_late_are_found(worlds: Worlds) -> None:
    later = worlds.day + timedelta(days=45)
    with pytest.raises(LeakFound):
        check_blind(worlds, lambda one: learned(one, worlds.day, later))


def test_a_whole_training_run_of_deals_does_not_know_the_future(
    worlds: Worlds, tmp_path: Path
) -> None:
    some = {name: worlds.histories[name] for name in ("as it was", "shuffled", "back-dated")}
    out = TrainOutputs(tmp_path / "bundles")

    def answer(history: History) -> object:
        result = train_deals(history.as_of(worlds.day), out=out, spec=SPEC)
        told = ("rivals", "alarm", "owner_bias", "measures", "hygiene")
        return [result.digest, *(result.card[name] for name in told)]

    check_blind(Worlds(worlds.day, some), answer)
