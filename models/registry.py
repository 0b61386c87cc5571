"""The training record: what was tried, on what, with which result. The only door to MLflow.

MLflow is written to, never loaded from: serving reads bundles by the digest in the ledger. There
is no autologging, no model flavour, no input example and no pickle; the ledger's releases are the
truth of what is champion, and MLflow's aliases mirror them. MLflow is imported inside functions
because its import takes seconds.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lifecycle.errors import ModelError

EXPERIMENT = "truecast"
PARAMETERS = frozenset(
    {
        "model",
        "horizon_days",
        "as_of",
        "candidate",
        "snapshot",
        "training_digest",
        "bundle_digest",
        "slices",
        "rows",
        "accounts",
        "gate_horizon_days",
        "origins",
        "calibration",
        "seed",
    }
)
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ALLOW_MODEL_CODE_EXECUTION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True)
class TrainingRecord:
    """One training run as it goes into MLflow.

    Attributes
    ----------
    name
        Registered model's name, e.g. ``churn_90``.
    parameters
        Names from ``PARAMETERS`` to text or number.
    metrics
        Name to finite number.
    card
        The model card as JSON values.
    card_markdown
        The same card for people.
    bundle
        Folder of the data-only bundle.
    """

    name: str
    parameters: Mapping[str, str | int]
    metrics: Mapping[str, float]
    card: Mapping[str, Any]
    card_markdown: str
    bundle: Path


@dataclass(frozen=True)
class RunRef:
    """Where MLflow keeps a run.

    Attributes
    ----------
    run_id
        MLflow's id of the run.
    version
        Version number of the registered model.
    """

    run_id: str
    version: str


def log_training_run(tracking_uri: str, artifact_dir: Path, run: TrainingRecord) -> RunRef:
    """Write one run and register its model version, with alias ``challenger``.

    Parameters
    ----------
    tracking_uri
        MLflow's SQL store, e.g. ``sqlite:///…/mlflow.sqlite``; created and migrated when missing.
    artifact_dir
        Folder of artifacts; created with mode 0700.
    run
        What to write.

    Returns
    -------
    RunRef
        The run's id and the registered version.

    Raises
    ------
    ModelError
        A parameter is not on the allow-list, or MLflow's store cannot be written.
    """
    unknown = sorted(set(run.parameters) - PARAMETERS)
    if unknown:
        raise ModelError(f"parameters {unknown}", f"some of {sorted(PARAMETERS)}", "rename them")
    artifact_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _client(tracking_uri) as client:
        run_id = _write_run(client, artifact_dir, run)
        version = _register(client, run_id, run=run)
        client.set_registered_model_alias(run.name, "challenger", version)
    return RunRef(run_id, version)


def set_alias(tracking_uri: str, name: str, *, alias: str, version: str) -> None:
    """Point an alias (``champion`` or ``challenger``) of a registered model at a version.

    Raises
    ------
    ModelError
        No such model or version, or MLflow's store cannot be written.
    """
    with _client(tracking_uri) as client:
        client.set_registered_model_alias(name, alias, version)


def read_alias(tracking_uri: str, name: str, *, alias: str) -> str:
    """Return the version an alias points at.

    Raises
    ------
    ModelError
        No such model or alias.
    """
    with _client(tracking_uri) as client:
        return str(client.get_model_version_by_alias(name, alias).version)


@contextmanager
def _client(tracking_uri: str) -> Iterator[Any]:
    os.environ.update(_QUIET)
    for name in ("alembic", "mlflow.store.db.utils"):  # hundreds of lines at the first migration
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        try:
            yield MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        except MlflowException as error:
            raise ModelError(
                f"MLflow: {str(error)[:200]}",
                "a SQL tracking store that can be written",
                "check the setting mlflow_tracking_uri",
            ) from error


def _write_run(client: Any, artifact_dir: Path, run: TrainingRecord) -> str:
    from mlflow.entities import Metric, Param, RunTag

    found = client.get_experiment_by_name(EXPERIMENT)
    experiment = (
        found.experiment_id
        if found
        else client.create_experiment(EXPERIMENT, artifact_location=artifact_dir.resolve().as_uri())
    )
    run_id = str(client.create_run(experiment, run_name=run.name).info.run_id)
    now = int(time.time() * 1000)
    client.log_batch(
        run_id,
        metrics=[Metric(name, float(value), now, 0) for name, value in run.metrics.items()],
        params=[Param(name, str(value)) for name, value in run.parameters.items()],
        tags=[RunTag("registered_model", run.name)],
    )
    client.log_dict(run_id, dict(run.card), "card.json")
    client.log_text(run_id, run.card_markdown, "card.md")
    client.log_artifacts(run_id, str(run.bundle), "bundle")
    client.set_terminated(run_id)
    return run_id


def _register(client: Any, run_id: str, *, run: TrainingRecord) -> str:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(run.name)
    except MlflowException:
        client.create_registered_model(run.name)
    source = client.get_run(run_id).info.artifact_uri + "/bundle"
    made = client.create_model_version(run.name, source=source, run_id=run_id)
    return str(made.version)
