"""A model trained twice on the same facts is one model to whoever promotes it or goes back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.audit import Actor
from ledger.engine import Ledger
from ledger.releases import read_champion, write_release
from tests.ledger.story import new_ledger
from tests.ledger.test_promotion import RELEASE
from truecast import main

TRAINER = Actor("cli:ann")
SAME, OTHER = "churn-90-20230102-9db8e2ca", "churn-90-20230201-1b2c3d4e"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path)


def train(ledger: Ledger, version: str, *, promote: bool = True, **changed: Any) -> int:
    """Release a model of a digest of its own, as the version ends."""
    made = replace(RELEASE, **{"version": version, "digest": version[-8:] * 8, **changed})
    return write_release(ledger, made, promote=promote, by=TRAINER)


def run(capsys: pytest.CaptureFixture[str], folder: Path, *words: str, code: int = 0) -> Any:
    assert main([*words, "--json", "--data-dir", str(folder)]) == code
    told = capsys.readouterr()
    return told.err if code else json.loads(told.out)


def champion(ledger: Ledger) -> int | None:
    return read_champion(ledger, "churn", horizon_days=90).release_id


def test_of_one_model_trained_twice_the_newest_is_promoted(
    capsys: pytest.CaptureFixture[str], ledger: Ledger, tmp_path: Path
) -> None:
    train(ledger, SAME)
    newest = train(ledger, SAME)
    train(ledger, OTHER)
    told = run(capsys, tmp_path, "promote", SAME)
    assert (told["version"], told["before"]) == (SAME, OTHER)
    assert champion(ledger) == newest


@pytest.mark.parametrize("other", [{"digest": "c" * 64}, {"horizon_days": 30}, {"route": "deals"}])
def test_different_models_of_one_version_are_not_guessed_at(
    capsys: pytest.CaptureFixture[str], ledger: Ledger, tmp_path: Path, other: dict[str, Any]
) -> None:
    train(ledger, SAME, promote=False)
    train(ledger, SAME, promote=False, **other)
    assert "2 releases" in run(capsys, tmp_path, "promote", SAME, code=5)


def test_a_rollback_goes_back_to_another_model(
    capsys: pytest.CaptureFixture[str], ledger: Ledger, tmp_path: Path
) -> None:
    before = train(ledger, OTHER)
    train(ledger, SAME)
    train(ledger, SAME)
    told = run(capsys, tmp_path, "rollback", "churn")
    assert (told["version"], told["before"]) == (OTHER, SAME)
    assert champion(ledger) == before


def test_where_no_other_model_spoke_there_is_no_way_back(
    capsys: pytest.CaptureFixture[str], ledger: Ledger, tmp_path: Path
) -> None:
    train(ledger, SAME)
    last = train(ledger, SAME)
    assert "no release of churn spoke before" in run(capsys, tmp_path, "rollback", "churn", code=5)
    assert champion(ledger) == last


def test_rules_without_a_bundle_differ_by_their_versions(
    capsys: pytest.CaptureFixture[str], ledger: Ledger, tmp_path: Path
) -> None:
    train(ledger, "churn-90-20230102-", digest="")
    train(ledger, "churn-90-20230201-", digest="")
    assert run(capsys, tmp_path, "rollback", "churn")["version"] == "churn-90-20230102-"
