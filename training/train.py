"""One training run, top to bottom: past days, gate, refit, calibration, card, bundle, record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lifecycle.console import SilentTicker, Ticker
from lifecycle.history import History
from models.base import ScoreModel
from models.bundle import save_bundle
from models.calibration import CalibratedLapse, choose_calibration
from models.registry import RunRef, TrainingRecord, log_training_run
from training.cards import build_card, check_no_contacts, describe_facts, render_card
from training.contest import Contest, run_contest
from training.datasets import SliceStore, build_training_set, find_first_day
from training.gate import Verdict, decide
from training.specs import Spec
from training.splits import GatePlan, frame_days, grid_days, plan_gate


@dataclass(frozen=True)
class TrainOutputs:
    """Where a training run writes.

    Attributes
    ----------
    bundles_dir
        Folder of bundles, one sub-folder per digest.
    frames_dir
        Cache of frames; ``None`` for none.
    tracking_uri
        MLflow's SQL store; ``None`` writes no record.
    artifact_dir
        Folder of MLflow's artifacts.
    """

    bundles_dir: Path
    frames_dir: Path | None = None
    tracking_uri: str | None = None
    artifact_dir: Path | None = None


@dataclass(frozen=True)
class TrainResult:
    """What a training run produced.

    Attributes
    ----------
    spec, horizon_days, as_of
        What was trained.
    model
        The fitted candidate that serves.
    verdict
        The gate's decision; ``None`` when history holds no past origin.
    card
        The model card as JSON values.
    digest
        Of the bundle.
    run
        MLflow's record; ``None`` without one.
    """

    spec: Spec
    horizon_days: int
    as_of: date
    model: ScoreModel
    verdict: Verdict | None
    card: dict[str, Any]
    digest: str
    run: RunRef | None


def count_steps(spec: Spec, history: History, *, as_of: date, horizon_days: int) -> int:
    """Return how often ``train`` advances its ticker: frames, fits, and the record.

    Raises
    ------
    NotEnoughHistoryError
        No order is known by ``as_of``.
    """
    plan = plan_gate(find_first_day(history.as_of(as_of)), as_of, horizon_days=horizon_days)
    frames = len(frame_days(plan, as_of, horizon_days=horizon_days))
    return frames + len(spec.candidates) * len(plan.origins) + 2


def train(
    spec: Spec,
    history: History,
    *,
    as_of: date,
    horizon_days: int,
    out: TrainOutputs,
    ticker: Ticker | None = None,
) -> TrainResult:
    """Train one model as of a day, on facts known before it.

    Parameters
    ----------
    spec
        The model.
    history
        All facts.
    as_of
        The day training stands on; only facts known before it are read, for labels too.
    horizon_days
        Look-ahead (days).
    out
        Where bundle and record go.
    ticker
        Advanced ``count_steps`` times in all.

    Returns
    -------
    TrainResult
        The fitted model with its card and digest. Equal facts give equal digests.

    Raises
    ------
    NotEnoughHistoryError
        No window of that horizon has ended by ``as_of``.
    GateError
        No candidate could be judged, or the model carries contact data.
    """
    progress = ticker or SilentTicker()
    store, known = SliceStore(history, out.frames_dir, progress), history.as_of(as_of)
    plan = plan_gate(find_first_day(known), as_of, horizon_days=horizon_days)
    days = grid_days(plan.first_day, as_of, horizon_days=horizon_days)
    learned = build_training_set(store, days, as_of, horizon_days=horizon_days, target=spec.target)
    contest = run_contest(spec, store, plan, as_of=as_of, ticker=progress)
    verdict = decide(contest.trials, spec.rule) if plan.origins else None
    model = _choose(spec, verdict).fit(learned.examples)
    model, calibration = _calibrate(model, contest, plan, horizon_days=horizon_days)
    progress.advance(1)
    card = build_card(spec, model, facts=describe_facts(known, learned), plan=plan, verdict=verdict)
    card |= {"left_out": dict(contest.left_out), "calibration": calibration}
    digest = _save(model, card, out.bundles_dir)
    card["bundle_digest"] = digest
    run = record_run(card, out)
    progress.advance(1)
    return TrainResult(spec, horizon_days, as_of, model, verdict, card, digest, run)


def _choose(spec: Spec, verdict: Verdict | None) -> ScoreModel:
    made = {model.name: model for model in (factory() for factory in spec.candidates)}
    return made[verdict.winner if verdict else next(iter(made))]


def _calibrate(
    model: ScoreModel, contest: Contest, plan: GatePlan, *, horizon_days: int
) -> tuple[ScoreModel, dict[str, Any]]:
    """Calibrate a probability on what the winner predicted on past origins, where that helps."""
    if model.unit != "probability" or not plan.origins or plan.horizon_days != horizon_days:
        return model, {"kind": "none", "text": ""}
    risks = {day: contest.predictions[model.name, day] for day in plan.origins}
    choice = choose_calibration(risks, contest.actuals)
    told = {
        "kind": choice.calibration.kind,
        "weights": list(choice.calibration.weights),
        "gain": choice.gain,
        "gain_se": choice.gain_se,
        "text": choice.text,
    }
    if choice.calibration.kind == "none":
        return model, told
    return CalibratedLapse(model, choice.calibration), told


def _save(model: ScoreModel, card: Mapping[str, Any], folder: Path) -> str:
    parts = model.to_parts()
    check_no_contacts(parts)
    kept = ("model", "route", "unit", "candidate", "horizon_days")
    # only what follows from the training set: equal facts give equal digests
    about = {name: card[name] for name in kept} | {
        "as_of": card["data"]["as_of"],
        "training_digest": card["data"]["training_digest"],
    }
    return save_bundle(folder, type(model).__name__, parts, about)


def record_run(card: Mapping[str, Any], out: TrainOutputs) -> RunRef | None:
    """Write the card, its figures and the bundle to MLflow; ``None`` without a tracking URI.

    Raises
    ------
    ModelError
        MLflow's store cannot be written.
    """
    if out.tracking_uri is None or out.artifact_dir is None:
        return None
    data, gate = card["data"], card["gate"]
    record = TrainingRecord(
        name=f"{card['model']}_{card['horizon_days']}",
        parameters={
            "model": card["model"],
            "candidate": card["candidate"],
            "horizon_days": card["horizon_days"],
            "as_of": data["as_of"],
            "snapshot": data["snapshot"],
            "training_digest": data["training_digest"],
            "bundle_digest": card["bundle_digest"],
            "slices": data["slices"],
            "rows": data["rows"],
            "accounts": data["accounts"],
            "gate_horizon_days": gate["horizon_days"],
            "origins": " ".join(gate["origins"]),
            "calibration": card["calibration"]["kind"],
        },
        metrics=served_metrics(card),
        card=card,
        card_markdown=render_card(card),
        bundle=out.bundles_dir / card["bundle_digest"],
    )
    return log_training_run(out.tracking_uri, out.artifact_dir, record)


def served_metrics(card: Mapping[str, Any]) -> dict[str, float]:
    """Return the served candidate's figures on past origins, and the best fitted model's."""
    metrics: dict[str, float] = {"mean_label": card["data"]["mean_label"]}
    for rival in card["rivals"]:
        if rival["served"]:
            metrics |= rival["mean"] | {"bias_share": rival["bias_share"]}
        if rival["candidate"] == card["gate"].get("best_learned"):
            metrics |= {f"best_learned_{name}": value for name, value in rival["mean"].items()}
    return metrics
