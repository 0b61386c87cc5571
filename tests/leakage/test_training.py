"""Training sets, fitted model texts and scores do not know the future; planted leaks are found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from features.frames import account_frame
from lifecycle.history import History
from models.base import ScoreModel
from models.baselines import RunRate
from models.churn import LapseModel
from models.clv.rivals import TweedieValue
from models.scoring import score
from tests.leakage.worlds import LeakFound, Worlds, check_blind
from training.datasets import SliceStore, TrainingSet, build_training_set, find_first_day
from training.labels import label_lapse, label_spend
from training.specs import CHURN
from training.splits import grid_days
from training.train import TrainOutputs, train

HORIZON = 120


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("frames")


def _training_set(
    history: History, day: date, *, frames: Path, known_on: date | None = None
) -> TrainingSet:
    first = find_first_day(history.as_of(day))
    days = grid_days(first, day, horizon_days=HORIZON)[-4:]
    store = SliceStore(history, frames)
    return build_training_set(
        store, days, known_on or day, horizon_days=HORIZON, target=label_spend
    )


def test_training_sets_do_not_know_the_future(worlds: Worlds, frames: Path) -> None:
    check_blind(worlds, lambda history: _training_set(history, worlds.day, frames=frames).digest)


def test_labels_known_too_late_are_found(worlds: Worlds, frames: Path) -> None:
    later = worlds.day + timedelta(days=30)
    with pytest.raises(LeakFound):
        check_blind(
            worlds,
            lambda history: (
                _training_set(history, worlds.day, frames=frames, known_on=later).digest
            ),
        )


@pytest.mark.parametrize("make", [lambda: LapseModel("logistic"), TweedieValue, RunRate])
def test_fitted_models_and_their_scores_do_not_know_the_future(
    worlds: Worlds, frames: Path, make: Callable[[], ScoreModel]
) -> None:
    def answer(history: History) -> list[object]:
        learned = _training_set(history, worlds.day, frames=frames).examples
        target = label_lapse if make().unit == "probability" else label_spend
        model = make().fit(
            type(learned)(learned.frame, target(learned.label), learned.as_of, HORIZON)
        )
        frame = account_frame(history.as_of(worlds.day), cache_dir=frames)
        scored = score(model, frame, horizon_days=HORIZON).to_pylist()
        return [sorted(model.to_parts().items()), scored]

    check_blind(worlds, answer)


def test_a_whole_training_run_does_not_know_the_future(
    worlds: Worlds, frames: Path, tmp_path: Path
) -> None:
    # the worlds that find most; every one costs two dozen frames
    chosen = {name: worlds.histories[name] for name in ("as it was", "shuffled", "back-dated")}
    out = TrainOutputs(tmp_path / "bundles", frames)

    def digest(history: History) -> str:
        return train(CHURN, history, as_of=worlds.day, horizon_days=HORIZON, out=out).digest

    check_blind(Worlds(worlds.day, chosen), digest)
