"""A training run learns from the past alone, carries no contact data and can be repeated."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from features.frames import account_frame
from lifecycle.errors import GateError, NotEnoughHistoryError
from lifecycle.history import History
from models.bundle import load_bundle
from models.scoring import MODEL_CLASSES, load_model, score
from tests.training.companies import CANARY, LAST
from training.cards import check_no_contacts, render_card
from training.datasets import find_first_day
from training.specs import CHURN, CLV, SPECS, find_spec
from training.train import TrainOutputs, TrainResult, train

HORIZON = 30


def _outputs(folder: Path) -> TrainOutputs:
    return TrainOutputs(folder / "bundles", folder / "frames")


@pytest.fixture(scope="module")
def churn(folder: Path, history: History) -> TrainResult:
    uri = f"sqlite:///{folder / 'mlflow.sqlite'}"
    out = replace(_outputs(folder), tracking_uri=uri, artifact_dir=folder / "artifacts")
    return train(CHURN, history, as_of=LAST, horizon_days=HORIZON, out=out)


@pytest.fixture(scope="module")
def clv(folder: Path, history: History) -> TrainResult:
    return train(CLV, history, as_of=LAST, horizon_days=HORIZON, out=_outputs(folder))


@pytest.mark.parametrize("name", ["churn", "clv"])
def test_the_bundle_scores_as_the_model_did(
    folder: Path, history: History, name: str, request: pytest.FixtureRequest
) -> None:
    result = request.getfixturevalue(name)
    frame = account_frame(history.as_of(LAST), cache_dir=folder / "frames")
    again = load_model(folder / "bundles", result.digest)
    before = score(result.model, frame, horizon_days=HORIZON)
    assert score(again, frame, horizon_days=HORIZON).equals(before)


def test_equal_facts_give_an_equal_digest(
    tmp_path: Path, folder: Path, history: History, churn: TrainResult
) -> None:
    out = replace(_outputs(folder), bundles_dir=tmp_path)
    again = train(CHURN, history, as_of=LAST, horizon_days=HORIZON, out=out)
    assert again.digest == churn.digest


def test_the_card_tells_what_was_learned_and_judged(churn: TrainResult) -> None:
    data = churn.card["data"]
    assert data["known_source_shares"] == {"recorded": 1.0}
    assert data["last_slice"] == "2010-08-02"
    assert 0 < data["mean_label"] < 1
    assert [one["candidate"] for one in churn.card["rivals"] if one["served"]] == [churn.model.name]
    assert churn.card["bundle_digest"] == churn.digest


def test_the_card_can_be_read(clv: TrainResult) -> None:
    text = render_card(clv.card)
    assert f"**{clv.model.name}**" in text
    assert clv.digest in text
    assert "Own fields" not in text


def test_the_card_says_what_became_of_own_fields(clv: TrainResult) -> None:
    dropped = {"field": "text:crm", "fate": "dropped", "reason": "constant"}
    assert "- left out: crm (constant)" in render_card({**clv.card, "own_fields": [dropped]})


def test_the_bundle_tells_what_it_is(folder: Path, clv: TrainResult) -> None:
    meta, _ = load_bundle(folder / "bundles", clv.digest)
    assert meta["model"] == "clv"
    assert meta["training_digest"] == clv.card["data"]["training_digest"]


def test_no_contact_data_is_in_any_artifact(
    folder: Path, churn: TrainResult, clv: TrainResult
) -> None:
    files = [path for path in folder.rglob("*") if path.is_file() and "lake" not in path.parts]
    assert any(path.name == "mlflow.sqlite" for path in files)
    assert not [path.name for path in files if CANARY.encode() in path.read_bytes()]


def test_a_model_with_an_address_is_refused() -> None:
    with pytest.raises(GateError, match="e-mail") as refused:
        check_no_contacts({"layout.json": f'{{"words": ["{CANARY}"]}}'.encode()})
    assert CANARY not in str(refused.value)


def test_too_short_a_history_is_refused(folder: Path, history: History) -> None:
    with pytest.raises(NotEnoughHistoryError):
        train(CLV, history, as_of=date(2010, 5, 1), horizon_days=90, out=_outputs(folder))


def test_a_history_without_past_origins_serves_the_simplest(folder: Path, history: History) -> None:
    spec = replace(CLV, candidates=CLV.candidates[:2])
    day = find_first_day(history.as_of(LAST)) + timedelta(days=92)
    result = train(spec, history, as_of=day, horizon_days=2, out=_outputs(folder))
    assert result.model.name == CLV.candidates[0]().name
    assert result.card["gate"]["text"] == "not judged: the simplest candidate serves"


def test_every_metric_is_finite(churn: TrainResult, clv: TrainResult) -> None:
    for result in (churn, clv):
        for rival in result.card["rivals"]:
            assert np.isfinite(list(rival["mean"].values())).all()


def test_specs_are_found_by_name() -> None:
    assert [find_spec(spec.name, route=spec.route) for spec in SPECS] == list(SPECS)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_the_baseline_and_the_rules_are_candidates(spec) -> None:
    names = [factory().name for factory in spec.candidates]
    assert len(set(names)) == len(names)
    assert {spec.rule.baseline, *spec.rule.simple} <= set(names)
    assert {factory().unit for factory in spec.candidates} == {spec.unit}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_candidate_can_be_loaded_from_its_bundle(spec) -> None:
    assert {type(factory()).__name__ for factory in spec.candidates} <= set(MODEL_CLASSES)
