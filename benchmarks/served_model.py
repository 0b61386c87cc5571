"""One model of boosted trees, served by Truecast, by `mlflow models serve`, and by a bare handler.

Made-up accounts with the sixty account features; all three answer with the same 150 trees.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from fastapi import FastAPI
from pydantic import BaseModel

from features.columns import ACCOUNT_COLUMNS
from ledger.engine import open_ledger
from ledger.keys import KeyRequest, create_key, load_pepper
from ledger.releases import Release, read_champions, write_release
from ledger.runs import begin_run, publish_run
from ledger.scores import write_scores
from models.base import Examples
from models.bundle import save_bundle
from models.churn import MODEL_PART, TREES_PART, LapseModel
from models.loading import load_model
from models.matrix import Layout
from models.reasons import PROCESS_COLUMN
from models.scoring import score
from models.serving.rows import kinds_of, unpack_rows
from service.refresh.scoring import Scored, build_score_rows, keep_features

ACCOUNTS, DAYS, HORIZON = 1_000, 6, 90
FOLDER_VARIABLE = "TRUECAST_BENCH_MODEL"


@dataclass(frozen=True)
class Served:
    """What the servers need.

    Attributes
    ----------
    names, rows
        Features, and their values by account, as JSON values.
    matrix
        The same rows as the trees read them.
    """

    data_dir: Path
    key: str
    digest: str
    names: list[str]
    rows: list[list[Any]]
    matrix: np.ndarray[Any, np.dtype[np.float64]]
    columns: tuple[str, ...]


def build_served(folder: Path) -> Served:
    """Fit, release, score and publish in a new data directory."""
    data = folder / "data"
    frame = _accounts(99)
    model = LapseModel("trees").fit(_examples())
    digest = save_bundle(data / "bundles", "LapseModel", model.to_parts(), {})
    ledger = open_ledger(f"sqlite:///{data / 'ledger.sqlite'}")
    day, now = datetime.now(UTC).date(), datetime.now(UTC)
    release = Release(
        "churn", HORIZON, "non_contractual", model.name, "1", digest, day, now, {}, {}
    )
    release_id = write_release(ledger, release)
    release = Release(**{**vars(release), "release_id": release_id})
    run_id = begin_run(ledger, "scores", as_of=day, data_as_of=now)
    keep_features(ledger, run_id, "non_contractual", frame=frame)
    scored = Scored(release, score(model, frame, horizon_days=HORIZON))
    write_scores(ledger, run_id, build_score_rows(scored, currency="GBP"))
    publish_run(ledger, run_id)
    # one key asks for all: its pace must not be what is measured
    key, _ = create_key(ledger, load_pepper(data), KeyRequest("reader", ("scores:read",)))
    ledger.close()
    layout = Layout.from_json(json.loads(model.to_parts()[MODEL_PART])["layout"])
    # MLflow is given the last column ready: the purchase process that ours works out per row
    columns = (*layout.columns, PROCESS_COLUMN)
    names = [name for name in frame.column_names if name != "account_id"]
    rows = [list(row.values()) for row in frame.select(names).to_pylist()]
    return Served(data, key, digest, names, rows, model._matrix(frame), columns)


def add_second(served: Served) -> list[Release]:
    """Release the same trees once more under another digest; return both, the champion last."""
    ledger = open_ledger(f"sqlite:///{served.data_dir / 'ledger.sqlite'}")
    (first,) = read_champions(ledger)
    model = load_model(served.data_dir / "bundles", first.digest)
    parts = {"note": "the second of two"}
    digest = save_bundle(served.data_dir / "bundles", "LapseModel", model.to_parts(), parts)
    second = Release(**{**vars(first), "version": "2", "digest": digest})
    release_id = write_release(ledger, second)
    ledger.close()
    return [first, Release(**{**vars(second), "release_id": release_id})]


def save_for_mlflow(served: Served, folder: Path, *, signature: bool) -> Path:
    """Save the very trees as MLflow keeps them."""
    import lightgbm
    import mlflow.lightgbm
    import pandas as pd
    from mlflow.models import infer_signature

    text = (served.data_dir / "bundles" / served.digest / TREES_PART).read_text()
    booster = lightgbm.Booster(model_str=text)
    frame = pd.DataFrame(served.matrix, columns=list(served.columns))
    known = infer_signature(frame, booster.predict(frame)) if signature else None
    mlflow.lightgbm.save_model(booster, str(folder), signature=known)
    return folder


def mlflow_command(folder: Path, port: int) -> list[str]:
    """Return how MLflow serves a saved model with one worker of its own."""
    given = ["-m", "mlflow", "models", "serve", "-m", str(folder), "-p", str(port)]
    return [*given, "--env-manager", "local", "--workers", "1"]


def bare_command(port: int) -> list[str]:
    """Return how the bare handler is served."""
    given = ["-m", "uvicorn", "--factory", f"{__name__}:bare_app", "--http", "h11"]
    return [*given, "--port", str(port), "--log-level", "warning", "--no-access-log"]


class BareQuestion(BaseModel):
    """What the bare handler takes."""

    rows: list[dict[str, float | str | None]]


def bare_app() -> FastAPI:
    """Build the rival: one handler that validates its body and does the same predict."""
    app, folder = FastAPI(), Path(os.environ[FOLDER_VARIABLE])
    digest = next(path.name for path in folder.iterdir())
    model, kinds = load_model(folder, digest), kinds_of(_accounts(99), "account_id")

    @app.post("/score")
    async def answer(asked: BareQuestion) -> dict[str, list[float]]:
        cells = [[row[name] for name in kinds] for row in asked.rows]
        return {"scores": model.predict(unpack_rows(kinds, cells)).tolist()}

    return app


def _examples() -> Examples:
    frames = [_accounts(seed) for seed in range(DAYS)]
    frame = pa.concat_tables(frames)
    risk = 1 / (1 + np.exp(-(np.asarray(frame["recency_days"]) - 60) / 40))
    label = (np.random.default_rng(1).random(len(risk)) < risk).astype(np.float64)
    days = np.repeat(np.datetime64("2024-01-01") + 90 * np.arange(DAYS), ACCOUNTS)
    return Examples(frame, label, days, HORIZON)


def _accounts(seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for column in ACCOUNT_COLUMNS:
        if column.unit == "id":
            columns[column.name] = [f"A{at:05d}" for at in range(ACCOUNTS)]
        elif column.unit == "text":
            columns[column.name] = rng.choice(["north", "south", "west"], ACCOUNTS)
        else:
            columns[column.name] = np.round(rng.gamma(2.0, 30.0, ACCOUNTS), 2)
    columns["T"] = columns["tenure_days"] = columns["recency_days"] + 200.0
    return pa.table(columns)
