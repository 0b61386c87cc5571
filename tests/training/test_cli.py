"""From a shell: train and backtest write the ledger, print tables, and fail with one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ledger.engine import open_ledger
from ledger.releases import read_champion
from lifecycle.errors import ModelNotFoundError, NotEnoughHistoryError, TruecastError, UsageError
from lifecycle.history import History
from models.registry import read_alias
from tests.training.companies import LAST
from training.cli import app


def _run(*arguments: str, folder: Path) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data-dir", str(folder)])


@pytest.fixture(scope="module")
def trained(folder: Path, history: History) -> Result:
    day = LAST.isoformat()
    options = ["--as-of", day, "--horizon-days", "45", "--json"]
    return _run("train", "churn", *options, folder=folder)


def test_training_emits_one_json_document(trained: Result) -> None:
    assert trained.exit_code == 0, trained.exception
    told = json.loads(trained.stdout)["trained"][0]
    assert (told["model"], told["horizon_days"]) == ("churn", 45)
    assert len(told["digest"]) == len(told["training_digest"]) == 64
    assert told["snapshot"]
    assert told["rivals"]


def test_training_makes_a_champion_in_the_ledger(folder: Path, trained: Result) -> None:
    told = json.loads(trained.stdout)["trained"][0]
    release = read_champion(
        open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}"), "churn", horizon_days=45
    )
    assert (release.digest, release.candidate) == (told["digest"], told["candidate"])
    assert release.as_of == LAST
    assert (folder / "bundles" / release.digest).is_dir()


def test_mlflow_mirrors_the_champion(folder: Path, trained: Result) -> None:
    uri = f"sqlite:///{folder / 'mlflow.sqlite'}"
    assert read_alias(uri, "churn_45", alias="champion") == "1"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["churn", "--as-of", "yesterday"], UsageError),
        (["deals", "--as-of", "2011-03-01"], ModelNotFoundError),
        (["churn", "--as-of", "2010-03-01", "--horizon-days", "90"], NotEnoughHistoryError),
        (["churn", "--as-of", "2009-03-01"], NotEnoughHistoryError),
    ],
)
def test_a_wrong_wish_is_told_in_one_line(
    folder: Path, history: History, arguments: list[str], error: type[TruecastError]
) -> None:
    result = _run("train", *arguments, folder=folder)
    assert isinstance(result.exception, error)
    assert "\n" not in str(result.exception)


def test_a_missing_argument_is_a_usage_error(folder: Path) -> None:
    assert _run("train", "churn", folder=folder).exit_code == 2
    negative = ["--as-of", "2011-03-01", "--horizon-days", "-5"]
    assert _run("train", "churn", *negative, folder=folder).exit_code == 2


def test_help_shows_an_example() -> None:
    for command in ("train", "backtest"):
        shown = CliRunner().invoke(app, [command, "--help"])
        assert f"Example: truecast {command}" in shown.stdout
