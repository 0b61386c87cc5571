"""One training run of a deal table without history: who wins in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import logit

from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import DataError, ModelError, NotEnoughHistoryError
from lifecycle.snapshot import Snapshot
from models import accuracy
from models.base import Examples, FloatArray, ScoreModel
from models.calibration import CalibratedLapse, choose_calibration
from models.deals.ladder import list_needs
from models.evidence import score_evidence
from training.alarm import Finding, find_over_ceiling
from training.cards import build_card, describe_facts
from training.contest import LEAST_RISK
from training.datasets import TrainingSet, digest_examples
from training.deals.audit import audit_unknown
from training.deals.cards import save_deal_model
from training.deals.flat import (
    FOLDS,
    FlatDeals,
    FlatSplit,
    Part,
    list_flat_candidates,
    read_flat,
    split_flat,
)
from training.deals.flat_alarm import find_told_length
from training.deals.past import HORIZON_DAYS
from training.deals.readiness import QUESTIONS
from training.deals.spec import FLAT_WIN
from training.evaluate import Evaluation
from training.gate import Verdict, decide
from training.specs import Spec
from training.splits import GatePlan
from training.train import TrainOutputs, TrainResult, record_run
from training.trials import check_finite, measure_trial

SPAN = "in the end, from a table without history"
NOT_HONEST = (
    f"judged on {FOLDS} folds drawn at random, which is not time-honest: deals of one time are "
    "judged by deals of the same"
)


def train_flat(
    known: Snapshot,
    *,
    out: TrainOutputs,
    how: FlatSplit | None = None,
    spec: Spec = FLAT_WIN,
    ticker: Ticker | None = None,
) -> TrainResult:
    """Train the chance to win in the end on closed deals without history.

    Parameters
    ----------
    known
        What is known on the day training stands on.
    out
        Where bundle and record go.
    how
        How closed deals are split; without, by time where nearly all have dates.
    spec
        The model; its ceiling is watched over where it has one.
    ticker
        Advanced by one for each part judged, and twice more.

    Returns
    -------
    TrainResult
        The fitted model with its card, which says whether the judgement is time-honest.

    Raises
    ------
    NotEnoughHistoryError
        No closed deals, or no column is known when a deal is created.
    UsageError
        A split by time of deals without dates.
    GateError
        Nobody could be judged, or the model carries contact data.
    """
    progress = ticker or SilentTicker()
    deals = _read_taught(known)
    parts, honest = split_flat(deals, how or FlatSplit())
    spec = replace(spec, candidates=list_flat_candidates(deals.columns))
    found = judge_parts(spec, deals.examples, parts, ticker=progress)
    verdict = decide_flat(spec, found)
    model, calibration = _fit_served(spec, deals, found, verdict)
    progress.advance(1)
    card = _build_card(spec, known, deals, model=model, verdict=verdict)
    card |= {
        "time_honest": honest,
        "calibration": calibration,
        "left_out": dict(found.left_out),
        "audit": _audit(known),
        "pooled_auc": _area(*pool(found, verdict.winner)),
        "alarm": [
            one.to_json() for one in (*find_told_length(deals), *_find_leaks(spec, found, verdict))
        ],
    }
    card["gate"]["note"] = _note(parts, honest)
    card["gate"]["origins"] = [part.name.isoformat() for part in parts] if honest else []
    digest = save_deal_model(model, card, out.bundles_dir)
    card["bundle_digest"] = digest
    progress.advance(1)
    run = record_run(card, out)
    return TrainResult(spec, HORIZON_DAYS, known.day, model, verdict, card, digest, run)


def _read_taught(known: Snapshot) -> FlatDeals:
    deals, _ = read_flat(known)
    if not deals.columns or len(deals.examples.label) == 0:
        raise NotEnoughHistoryError(
            f"{len(deals.examples.label)} closed deals with {len(deals.columns)} fields known when "
            "a deal is created",
            "deals with history, or fields declared created",
            "ingest changes of deals, or declare in the mapping when each field is known",
        )
    return deals


def judge_parts(
    spec: Spec, examples: Examples, parts: Sequence[Part], *, ticker: Ticker | None = None
) -> Evaluation:
    """Fit every candidate on each part's past, or its other folds, and predict the part."""
    said: dict[tuple[str, Any], FloatArray] = {}
    left_out: dict[str, str] = {}
    judged = {part.name: examples.take(part.judged) for part in parts}
    for part in parts:
        learned = examples.take(part.learned)
        for make in spec.candidates:
            model = make()
            try:
                chance = np.asarray(model.fit(learned).predict(judged[part.name].frame))
                check_finite(model.name, chance)
            except (DataError, ModelError) as error:
                left_out.setdefault(model.name, str(error))
            else:
                said[model.name, part.name] = chance
        (ticker or SilentTicker()).advance(1)
    kept = {key: one for key, one in said.items() if key[0] not in left_out}
    labels = {day: one.label for day, one in judged.items()}
    return Evaluation(tuple(judged), kept, labels, judged, {}, left_out)


def decide_flat(spec: Spec, found: Evaluation) -> Verdict:
    """Choose who serves; the base rate does unless a model clearly says more.

    Raises
    ------
    GateError
        Nobody was judged on every part.
    """
    trials = [
        measure_trial(name, day, actual=found.actuals[day], predicted=chance, rule=spec.rule)
        for (name, day), chance in sorted(found.predictions.items(), key=lambda one: one[0][1])
    ]
    order = [make().name for make in spec.candidates]
    trials.sort(key=lambda one: order.index(one.candidate))
    return decide(trials, spec.rule, evidence=_measure_evidence(spec, found))


def _measure_evidence(spec: Spec, found: Evaluation) -> Mapping[str, float]:
    names = {name for name, _ in found.predictions}
    if spec.rule.baseline not in names:
        return {}
    happened, base = pool(found, spec.rule.baseline)
    held = np.clip(base, LEAST_RISK, 1.0 - LEAST_RISK)
    day = np.concatenate(
        [np.full(len(found.actuals[one]), n) for n, one in enumerate(found.origins)]
    )
    unit = np.concatenate(
        [found.judged[one].frame.column("opportunity_id").to_pylist() for one in found.origins]
    )
    return {
        name: score_evidence(
            happened,
            held,
            logit(np.clip(pool(found, name)[1], LEAST_RISK, 1.0 - LEAST_RISK)) - logit(held),
            day=day,
            unit=unit,
        )
        for name in names - {spec.rule.baseline}
    }


def pool(found: Evaluation, name: str) -> tuple[FloatArray, FloatArray]:
    """Return outcomes and a candidate's chances over all parts."""
    return (
        np.concatenate([found.actuals[day] for day in found.origins]),
        np.concatenate([found.predictions[name, day] for day in found.origins]),
    )


def _fit_served(
    spec: Spec, deals: FlatDeals, found: Evaluation, verdict: Verdict
) -> tuple[ScoreModel, dict[str, Any]]:
    model = next(one for one in (make() for make in spec.candidates) if one.name == verdict.winner)
    model = model.fit(deals.examples)
    if verdict.winner == spec.rule.baseline:
        return model, {"kind": "none", "text": "none: a base rate stays as it is"}
    said = {day: found.predictions[verdict.winner, day] for day in found.origins}
    choice = choose_calibration(said, found.actuals)
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


def _build_card(
    spec: Spec, known: Snapshot, deals: FlatDeals, *, model: ScoreModel, verdict: Verdict
) -> dict[str, Any]:
    examples = deals.examples
    won = int(examples.label.sum())
    lost = len(examples.label) - won
    days = sorted({day.item() for day in np.unique(examples.as_of)})
    plain = TrainingSet(
        replace(examples, outcomes=None), digest_examples(examples), tuple(days), known.day
    )
    facts = describe_facts(known, plain, "deals") | {"won_count": won, "lost_count": lost}
    plan = GatePlan(HORIZON_DAYS, (), "", known.day)
    unanswered = {name: text for name, text in QUESTIONS.items() if name != "win_in_the_end"}
    return build_card(spec, model, facts=facts, plan=plan, verdict=verdict) | {
        "span": SPAN,
        "flat": True,
        "ladder": list_needs(won, lost),
        "unanswered": unanswered,
        "fields": sorted(deals.columns),
    }


def _audit(known: Snapshot) -> list[dict[str, Any]]:
    every, when = read_flat(known, audit=True)
    return [one.to_json() for one in audit_unknown(every.examples, when)]


def _find_leaks(spec: Spec, found: Evaluation, verdict: Verdict) -> list[Finding]:
    if spec.ceiling is None:
        return []
    names = [name for name in (verdict.winner, verdict.best_learned) if name is not None]
    return find_over_ceiling(found, names, spec.ceiling)


def _note(parts: Sequence[Part], honest: bool) -> str:
    if not honest:
        return NOT_HONEST
    return f"judged on deals opened in {len(parts)} quarters by deals closed before each"


def _area(happened: FloatArray, chance: FloatArray) -> float | None:
    try:
        return accuracy.auc(happened, chance)
    except DataError:
        return None
