"""MLflow gets the whole record of a run, and nothing that could run as code."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lifecycle.errors import ModelError
from models.registry import TrainingRecord, log_training_run, read_alias, set_alias
from tests.mlflow_template import copy_store


@pytest.fixture
def record(tmp_path: Path) -> TrainingRecord:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "bundle.json").write_text("{}")
    return TrainingRecord(
        name="churn_90",
        parameters={"model": "churn", "rows": 12},
        metrics={"log_loss": 0.53},
        card={"model": "churn"},
        card_markdown="# churn",
        bundle=bundle,
    )


def test_a_run_is_written_whole(tmp_path: Path, record: TrainingRecord) -> None:
    ref = log_training_run(copy_store(tmp_path), tmp_path / "artifacts", record)
    kept = tmp_path / "artifacts" / ref.run_id / "artifacts"
    assert json.loads((kept / "card.json").read_text()) == {"model": "churn"}
    assert (kept / "card.md").read_text() == "# churn"
    assert (kept / "bundle" / "bundle.json").read_text() == "{}"
    with sqlite3.connect(tmp_path / "mlflow.sqlite") as store:
        assert store.execute("select key, value from metrics").fetchall() == [("log_loss", 0.53)]
        params = store.execute("select key, value from params order by key").fetchall()
    assert params == [("model", "churn"), ("rows", "12")]


def test_each_run_is_a_new_version_and_the_challenger(
    tmp_path: Path, record: TrainingRecord
) -> None:
    uri = copy_store(tmp_path)
    refs = [log_training_run(uri, tmp_path / "artifacts", record) for _ in range(2)]
    assert [ref.version for ref in refs] == ["1", "2"]
    assert read_alias(uri, "churn_90", alias="challenger") == "2"


def test_the_champion_alias_moves_where_it_is_set(tmp_path: Path, record: TrainingRecord) -> None:
    uri = copy_store(tmp_path)
    for version in ("1", "2"):
        log_training_run(uri, tmp_path / "artifacts", record)
        set_alias(uri, "churn_90", alias="champion", version=version)
    set_alias(uri, "churn_90", alias="champion", version="1")
    assert read_alias(uri, "churn_90", alias="champion") == "1"


def test_an_unlisted_parameter_is_refused(tmp_path: Path, record: TrainingRecord) -> None:
    odd = replace(record, parameters={"contact": "x"})
    with pytest.raises(ModelError, match="contact"):
        log_training_run("sqlite:///never-opened.sqlite", tmp_path / "artifacts", odd)


def test_a_missing_alias_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="MLflow"):
        read_alias(copy_store(tmp_path), "churn_90", alias="champion")


def test_artifacts_are_private(tmp_path: Path, record: TrainingRecord) -> None:
    log_training_run(copy_store(tmp_path), tmp_path / "artifacts", record)
    assert (tmp_path / "artifacts").stat().st_mode & 0o077 == 0


def test_no_pickle_or_flavour_file_is_written(tmp_path: Path, record: TrainingRecord) -> None:
    log_training_run(copy_store(tmp_path), tmp_path / "artifacts", record)
    names = {path.name for path in (tmp_path / "artifacts").rglob("*") if path.is_file()}
    assert names == {"card.json", "card.md", "bundle.json"}


def test_telemetry_and_model_code_are_off(tmp_path: Path, record: TrainingRecord) -> None:
    log_training_run(copy_store(tmp_path), tmp_path / "artifacts", record)
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["MLFLOW_ALLOW_MODEL_CODE_EXECUTION"] == "false"


def test_importing_the_registry_does_not_import_mlflow() -> None:
    code = "import sys, models.registry; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
