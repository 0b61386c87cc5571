"""Training sets, fitted texts and scores of contracts do not know the future; leaks are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from features.contract_frame import contract_frame
from features.lines import build_lines
from lifecycle.history import History
from models.base import ScoreModel
from models.clv.contract.candidates import CONTRACT_CLV_CANDIDATES
from models.contract.candidates import CONTRACT_CANDIDATES
from models.scoring import score
from tests.leakage.contract_worlds import build_contract_worlds
from tests.leakage.worlds import LeakFound, Worlds, check_blind
from training.contract_slices import find_first_contract_day
from training.datasets import SliceStore, TrainingSet, build_training_set
from training.specs import CONTRACT_CHURN, CONTRACT_CLV, Spec
from training.splits import OriginRule, grid_days
from training.train import TrainOutputs, train

HORIZON = 60
SOME = ("as it was", "shuffled", "back-dated")


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    made = build_contract_worlds(tmp_path_factory.mktemp("contract-worlds"))
    return Worlds(made.day, {name: made.histories[name] for name in SOME})


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("frames")


def learn(
    history: History, day: date, spec: Spec, *, frames: Path, known_on: date | None = None
) -> TrainingSet:
    first = find_first_contract_day(history.as_of(day))
    days = grid_days(first, day, horizon_days=HORIZON)[-3:]
    store = SliceStore(history, frames, kind=spec.slices)
    return build_training_set(
        store, days, known_on or day, horizon_days=HORIZON, target=spec.target
    )


@pytest.mark.parametrize("spec", [CONTRACT_CHURN, CONTRACT_CLV], ids=lambda spec: spec.name)
def test_training_sets_do_not_know_the_future(worlds: Worlds, frames: Path, spec: Spec) -> None:
    check_blind(worlds, lambda one: learn(one, worlds.day, spec, frames=frames).digest)


def test_labels_known_too_late_are_found(worlds: Worlds, frames: Path) -> None:
    later = worlds.day + timedelta(days=45)
    with pytest.raises(LeakFound):
        check_blind(
            worlds,
            lambda one: (
                learn(one, worlds.day, CONTRACT_CHURN, frames=frames, known_on=later).digest
            ),
        )


def test_a_planted_status_overwritten_in_place_is_found(worlds: Worlds, frames: Path) -> None:
    def planted(history: History) -> pa.Table:
        frame = contract_frame(history.as_of(worlds.day), cache_dir=frames)
        lines = build_lines(history.as_of(worlds.day + timedelta(days=60)))
        gone = lines.filter(pc.is_valid(lines.column("ended_on"))).column("account_id")
        return frame.append_column("status", pc.is_in(frame.column("account_id"), value_set=gone))

    with pytest.raises(LeakFound):
        check_blind(worlds, planted)


@pytest.mark.parametrize(
    ("spec", "make"),
    [
        (CONTRACT_CHURN, CONTRACT_CANDIDATES[1]),
        (CONTRACT_CLV, CONTRACT_CLV_CANDIDATES[-1]),
    ],
    ids=["renewal_table", "contract_value"],
)
def test_fitted_models_and_their_scores_do_not_know_the_future(
    worlds: Worlds, frames: Path, spec: Spec, make: Callable[[], ScoreModel]
) -> None:
    def answer(history: History) -> list[object]:
        examples = learn(history, worlds.day, spec, frames=frames).examples
        model = make().fit(examples)
        assert spec.finish is not None
        model = spec.finish(model, examples)
        frame = contract_frame(history.as_of(worlds.day), cache_dir=frames)
        days = spec.horizons[0] if spec.label_days else HORIZON
        return [
            sorted(model.to_parts().items()),
            score(model, frame, horizon_days=days).to_pylist(),
        ]

    check_blind(worlds, answer)


def test_a_whole_training_run_does_not_know_the_future(
    worlds: Worlds, frames: Path, tmp_path: Path
) -> None:
    # the two worlds that find most, on two origins: every world costs a dozen frames
    chosen = {name: worlds.histories[name] for name in ("as it was", "back-dated")}
    few = OriginRule(most=2, enough=2, span_share=0.5)
    spec = replace(CONTRACT_CHURN, candidates=CONTRACT_CANDIDATES[:2], origins=few)
    out = TrainOutputs(tmp_path / "bundles", frames)

    def answer(history: History) -> object:
        result = train(spec, history, as_of=worlds.day, horizon_days=HORIZON, out=out)
        return [result.digest, result.card["rivals"], result.card["alarm"]]

    check_blind(Worlds(worlds.day, chosen), answer)
