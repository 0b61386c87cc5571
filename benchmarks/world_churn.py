"""Leaving risk against the truth of synthetic companies.

Each company is simulated, written to a lake, and read as the product reads it. At eight past
origins a quarter apart the candidates are fitted on what was known there; judged are the accounts
that had not given notice. The oracle knows every account's latents and integrates over the future
(64 continuations). Skill captured = (base - model) / (base - oracle) in Brier score, base = the
rate by segment and term known at the origin, all origins together. The served model is named
before the look: ``contract_blend``, the top of the ladder; the other rungs are shown as rivals.
Nothing was tuned on these seeds (the generator's digest was frozen before any model was fitted).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.protocol import BenchmarkError, Result
from benchmarks.worlds import Company, align, check_oracle, open_company, run_each
from lifecycle.world.drivers import true_drivers
from lifecycle.world.presets import Variant
from lifecycle.world.truth import oracle_risk
from models import accuracy
from models.base import Examples, FloatArray, ScoreModel
from models.contract.risk import finish_risk
from training.datasets import SliceStore, build_training_set
from training.evaluate import Evaluation, evaluate_origins, open_store, plan_origins
from training.specs import CONTRACT_CHURN

NAME = "world-churn"
SERVED = "contract_blend"
HORIZON = 90
ORIGINS, STEP = 8, 91
LARGE, SMALL, MONTHS = 3_000, 400, 48
LARGE_SEEDS, SMALL_SEEDS, OTHER_SEEDS = (101, 102, 103), (201, 202, 203, 204, 205, 206), (301,)
OTHERS: tuple[Variant, ...] = ("misspecified", "drift", "shock")
RUNGS = ("base_rate", "renewal_table", "health_score", "contract_logistic", "contract_trees")
SHOWN_GROUPS, LEAST_SHOWN = 3, 0.1


@dataclass(frozen=True)
class Task:
    """One company to study."""

    accounts: int
    seed: int
    variant: Variant = "plain"


@dataclass(frozen=True)
class Pool:
    """All judged rows of one company: outcome, truth, base rate, each candidate's risk, (n,)."""

    label: FloatArray
    oracle: FloatArray
    base: FloatArray
    risks: Mapping[str, FloatArray]
    origin: FloatArray


def study(task: Task) -> dict[str, dict[str, float]]:
    """Judge every candidate on one company: figures by candidate."""
    with open_company(task.accounts, MONTHS, seed=task.seed, variant=task.variant) as company:
        store = open_store(CONTRACT_CHURN, company.history, as_of=company.end)
        pool = _replay(company, store)
        drivers = _share_of_drivers(company, store)
    found = {name: _measure(pool, risk) for name, risk in pool.risks.items()}
    found["oracle"] = _measure(pool, pool.oracle)
    found[SERVED]["drivers"] = drivers
    return found


def _origins(company: Company) -> list[date]:
    # the last ends some time before the world does, so that comebacks and late news are in
    last = company.end - timedelta(days=HORIZON + STEP)
    return sorted(last - timedelta(days=STEP * back) for back in range(ORIGINS))


def _replay(company: Company, store: SliceStore) -> Pool:
    plan = plan_origins(
        CONTRACT_CHURN, store, as_of=company.end, horizon_days=HORIZON, origins=_origins(company)
    )
    found = evaluate_origins(CONTRACT_CHURN, store, plan, as_of=company.end)
    names = [name for name in (SERVED, *RUNGS) if name not in found.left_out]
    if SERVED not in names:
        raise BenchmarkError(f"{SERVED} was left out: {found.left_out[SERVED]}")
    truth = np.concatenate([_oracle(company, found, origin) for origin in found.origins])
    known = ~np.isnan(truth)

    def gather(parts: Mapping[date, FloatArray]) -> FloatArray:
        return np.concatenate([parts[origin] for origin in found.origins])[known]

    risks = {
        name: gather({day: found.predictions[name, day] for day in found.origins}) for name in names
    }
    base = {day: found.predictions["base_rate", day] for day in found.origins}
    place = {day: np.full(len(one), float(n)) for n, (day, one) in enumerate(found.actuals.items())}
    return Pool(gather(found.actuals), truth[known], gather(base), risks, gather(place))


def _oracle(company: Company, found: Evaluation, origin: date) -> FloatArray:
    ids, risk = oracle_risk(company.trace, company.day_number(origin), horizon_days=HORIZON)
    accounts = found.judged[origin].frame.column("account_id").to_pylist()
    return align(accounts, ids, risk)


def _measure(pool: Pool, risk: FloatArray) -> dict[str, float]:
    base, best = accuracy.brier(pool.label, pool.base), accuracy.brier(pool.label, pool.oracle)
    return {
        "skill": (base - accuracy.brier(pool.label, risk)) / (base - best),
        "auc": accuracy.auc(pool.label, risk),
        "auc_se": _gap_error(pool, risk),
        "slope": accuracy.calibration_slope(pool.label, risk),
        "bias": float(risk.sum() / pool.label.sum() - 1.0),
        "lift10": accuracy.lift_at(pool.label, risk, share=0.1),
        "log_loss": accuracy.log_loss(pool.label, risk),
        "base": float(pool.label.mean()),
    }


def _gap_error(pool: Pool, risk: FloatArray) -> float:
    """Return the standard error of the AUC less the oracle's, paired over origins."""
    gaps = [
        accuracy.auc(pool.label[here], risk[here])
        - accuracy.auc(pool.label[here], pool.oracle[here])
        for here in (pool.origin == place for place in np.unique(pool.origin))
    ]
    return float(np.std(gaps, ddof=1) / np.sqrt(len(gaps)))


def _share_of_drivers(company: Company, store: SliceStore) -> float:
    """Return how often the true strongest driver is among the three groups shown, last origin.

    Drivers and reasons both say why an account is unlike its segment; a driver of less than 0.1
    log-odds is not counted, since the product does not show such reasons.
    """
    origin = _origins(company)[-1]
    plan = plan_origins(
        CONTRACT_CHURN, store, as_of=company.end, horizon_days=HORIZON, origins=[origin]
    )
    learned = build_training_set(
        store,
        plan.learn_days(origin),
        origin,
        horizon_days=HORIZON,
        target=CONTRACT_CHURN.target,
    ).examples
    frame = store.slice(
        origin, company.end, horizon_days=HORIZON, target=CONTRACT_CHURN.target
    ).frame
    why = finish_risk(_fit_served(learned), learned).explain(frame)
    ids, groups, truth = true_drivers(company.trace, company.day_number(origin))
    accounts = frame.column("account_id").to_pylist()
    told = {name: why.contributions[:, n] for n, name in enumerate(why.groups)}
    told["usage"] = told.pop("usage") + told.pop("trend", 0.0)  # truth has one word for both
    parts = np.column_stack([told[name] for name in groups])
    real = np.column_stack([align(accounts, ids, truth[:, n]) for n in range(len(groups))])
    segment = np.array(frame.column("segment").to_pylist())
    parts, real = _against_peers(parts, segment), _against_peers(real, segment)
    known = real.max(axis=1) > LEAST_SHOWN  # NaN where the truth does not know the account
    shown = np.argsort(-parts[known], axis=1)[:, :SHOWN_GROUPS]
    strongest = np.argmax(real[known], axis=1)
    return float((shown == strongest[:, None]).any(axis=1).mean())


def _against_peers(parts: FloatArray, segment: NDArray[np.str_]) -> FloatArray:
    """Return contributions less the median of the segment: what a reason is about."""
    found = parts.copy()
    for name in np.unique(segment):
        found[segment == name] -= np.nanmedian(parts[segment == name], axis=0)
    return found


def _fit_served(learned: Examples) -> ScoreModel:
    made = {one.name: one for one in (factory() for factory in CONTRACT_CHURN.candidates)}
    return made[SERVED].fit(learned)


def _mean(found: Sequence[Mapping[str, Mapping[str, float]]], name: str, key: str) -> float:
    return float(np.mean([one[name][key] for one in found if name in one]))


def _summary(found: Sequence[Mapping[str, Mapping[str, float]]], name: str) -> dict[str, float]:
    keys = ("skill", "auc", "slope", "lift10", "log_loss")
    biases = [abs(one[name]["bias"]) for one in found if name in one]
    return {key: _mean(found, name, key) for key in keys} | {
        "abs_calibration": float(np.mean(biases))
    }


def run() -> Result:
    """Study large and small companies, and one large company of each other variant."""
    tasks = [Task(LARGE, seed) for seed in LARGE_SEEDS]
    tasks += [Task(SMALL, seed) for seed in SMALL_SEEDS]
    tasks += [Task(LARGE, seed, kind) for kind in OTHERS for seed in OTHER_SEEDS]
    found = run_each(study, tasks, resume=True)
    large, rest = found[: len(LARGE_SEEDS)], found[len(LARGE_SEEDS) :]
    small, others = rest[: len(SMALL_SEEDS)], rest[len(SMALL_SEEDS) :]
    figures = {
        "skill_3000": _mean(large, SERVED, "skill"),
        "skill_400": _mean(small, SERVED, "skill"),
        **_summary(large, SERVED),
        "auc_oracle": _mean(large, "oracle", "auc"),
        "drivers": _mean(large, SERVED, "drivers"),
        "base_rate": _mean(large, SERVED, "base"),
        "above_oracle_se": check_oracle(found),
    }
    del figures["skill"]
    rivals = {"oracle": _summary(large, "oracle")}
    rivals |= {name: _summary(large, name) for name in RUNGS}
    rivals |= {
        f"{name}, 400 accounts": _summary(small, name) for name in (SERVED, "contract_logistic")
    }
    for kind, one in zip(OTHERS, others, strict=True):
        rivals[f"{SERVED}, {kind} world"] = _summary([one], SERVED)
    return Result(
        figures=figures,
        rivals=rivals,
        n=len(tasks),
        note=f"{len(LARGE_SEEDS)} companies of {LARGE:,} accounts, {len(SMALL_SEEDS)} of {SMALL}, "
        f"{ORIGINS} origins each; n counts companies.",
    )
