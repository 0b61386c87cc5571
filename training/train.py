"""One training run, top to bottom: past days, gate, refit, calibration, card, bundle, record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from lifecycle.console import SilentTicker, Ticker
from lifecycle.history import History
from models.base import ScoreModel
from models.bundle import save_bundle
from models.calibration import CalibratedLapse, choose_calibration
from models.registry import RunRef, TrainingRecord, log_training_run
from training.alarm import Finding, find_clock_faults, find_over_ceiling, find_overwritten
from training.cards import build_card, check_no_contacts, describe_facts, render_card
from training.contest import Contest, run_contest
from training.datasets import SliceStore, TrainingSet, build_training_set
from training.evaluate import open_store, plan_origins
from training.gate import Verdict, decide
from training.lone_fields import find_lone_fields
from training.own_fields import describe_own_fields
from training.specs import Spec
from training.splits import GatePlan, frame_days


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
        No fact of the route is known by ``as_of``.
    """
    horizon = spec.learn_horizon(horizon_days)
    store = open_store(spec, history, as_of=as_of)
    plan = plan_origins(spec, store, as_of=as_of, horizon_days=horizon)
    frames = len(frame_days(plan, as_of, horizon_days=horizon))
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
    progress, horizon = ticker or SilentTicker(), spec.learn_horizon(horizon_days)
    known = history.as_of(as_of)
    store = open_store(spec, history, as_of=as_of, frames_dir=out.frames_dir, ticker=progress)
    plan = plan_origins(spec, store, as_of=as_of, horizon_days=horizon)
    days = plan.learn_days(as_of, horizon_days=horizon)
    learned = build_training_set(store, days, as_of, horizon_days=horizon, target=spec.target)
    contest = run_contest(spec, store, plan, as_of=as_of, ticker=progress)
    plan = _as_judged(plan, contest)
    proven = contest.evidence(spec.rule.baseline) if spec.rule.must_beat else {}
    verdict = decide(contest.trials, spec.rule, evidence=proven) if plan.origins else None
    model = _choose(spec, verdict).fit(learned.examples)
    own = describe_own_fields(known, model) if spec.route == "contractual" else {}
    model, calibration = _calibrate(model, spec, contest, plan=plan, horizon_days=horizon)
    if spec.finish is not None:
        model = spec.finish(model, learned.examples)
    progress.advance(1)
    facts = describe_facts(known, learned, spec.route) | {"horizon_days": horizon_days}
    card = build_card(spec, model, facts=facts, plan=plan, verdict=verdict)
    card |= {"left_out": dict(contest.left_out), "calibration": calibration, **own}
    if spec.finds_leaks:
        found = _find_leaks(spec, store, contest, learned=learned, verdict=verdict)
        card["alarm"] = [one.to_json() for one in found]
    digest = _save(model, card, out.bundles_dir)
    card["bundle_digest"] = digest
    run = record_run(card, out)
    progress.advance(1)
    return TrainResult(spec, horizon_days, as_of, model, verdict, card, digest, run)


def _as_judged(plan: GatePlan, contest: Contest) -> GatePlan:
    """Leave out origins that came before there was enough to judge every candidate."""
    judged = contest.evaluation.origins
    early = len(plan.origins) - len(judged)
    if not early:
        return plan
    note = f"{plan.note}; {early} earlier ones held too few events for every candidate"
    return replace(plan, origins=judged, note=note)


def _find_leaks(
    spec: Spec,
    store: SliceStore,
    contest: Contest,
    *,
    learned: TrainingSet,
    verdict: Verdict | None,
) -> list[Finding]:
    day, found = learned.known_on, contest.evaluation
    findings = find_clock_faults(store.history.as_of(day)) + find_overwritten(learned.examples)
    if verdict is None or spec.unit != "probability":
        return findings
    best = verdict.best_learned
    if spec.ceiling is not None:
        names = [name for name in (verdict.winner, best) if name is not None]
        findings += find_over_ceiling(found, names, spec.ceiling)
    if best is not None:
        findings += find_lone_fields(spec, store, contest.plan, as_of=day, judged=(found, best))
    return findings


def _choose(spec: Spec, verdict: Verdict | None) -> ScoreModel:
    made = {model.name: model for model in (factory() for factory in spec.candidates)}
    return made[verdict.winner if verdict else next(iter(made))]


def _calibrate(
    model: ScoreModel, spec: Spec, contest: Contest, *, plan: GatePlan, horizon_days: int
) -> tuple[ScoreModel, dict[str, Any]]:
    """Calibrate a probability on what the winner predicted on past origins, where that helps."""
    if spec.rule.must_beat and model.name == spec.rule.baseline:
        return model, {"kind": "none", "text": "none: a base rate stays what it is"}
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
        name=registered_name(card),
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


def registered_name(card: Mapping[str, Any]) -> str:
    """Return the model's name in MLflow: the route is in it where it is not the plain one."""
    route = "" if card["route"] == "non_contractual" else f"_{card['route']}"
    return f"{card['model']}{route}_{card['horizon_days']}"


def served_metrics(card: Mapping[str, Any]) -> dict[str, float]:
    """Return the served candidate's figures on past origins, and the best fitted model's."""
    metrics: dict[str, float] = {"mean_label": card["data"]["mean_label"]}
    for rival in card["rivals"]:
        if rival["served"]:
            metrics |= rival["mean"] | {"bias_share": rival["bias_share"]}
        if rival["candidate"] == card["gate"].get("best_learned"):
            metrics |= {f"best_learned_{name}": value for name, value in rival["mean"].items()}
    return metrics
