"""An MLflow store migrated once per test run: migrating takes seconds, copying does not."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from functools import cache
from pathlib import Path


def copy_store(folder: Path) -> str:
    """Put a fresh, migrated store into ``folder`` and return its tracking URI."""
    target = folder / "mlflow.sqlite"
    shutil.copyfile(_template(), target)
    return f"sqlite:///{target}"


@cache
def _template() -> Path:
    path = Path(tempfile.mkdtemp(prefix="truecast-mlflow-")) / "mlflow.sqlite"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.tracking import MlflowClient

        uri = f"sqlite:///{path}"
        MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments()
        MlflowClient(tracking_uri=uri, registry_uri=uri).search_registered_models()
    return path
