"""Residual value of contracts against the truth: totals, ranking, intervals, and parameters.

*Worlds*: synthetic companies are written to a lake and learned from as the product does; judged is
the residual value over five years (discounted margin less cost to serve) of the accounts that had
not given notice, a week before the world ends. Truth: the mean of 64 continuations from every
account's latents; for ranking one realised future with one economy for all. Coverage counts over
independent companies of 400 accounts and nine futures of each: one future of a hundred companies
leaves a standard error of three points, and is shown beside it.

*Renewals*: contracts whose lives follow a known beta-discrete-Weibull (``benchmarks.renewals``):
bias of ten years' discounted renewals, against one churn rate for all; and how often parameters lie
in their 95 % interval. sBG is first checked against the survival that its authors published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa

from benchmarks.protocol import Result, check_reproduced
from benchmarks.renewals import TRUTHS, cover_parameters
from benchmarks.renewals import study as study_renewals
from benchmarks.worlds import Company, align, open_company, run_each
from features.contract_frame import split_notice
from lifecycle.world.presets import Variant
from lifecycle.world.truth import oracle_value, realised_value
from models import accuracy
from models.base import Examples
from models.clv.contract.cash import HEADLINE_DAYS
from models.clv.contract.portfolio import NetRetention
from models.clv.contract.rivals import ContractRule
from models.clv.contract.spells import Spells
from models.clv.contract.survival import fit_survival
from models.clv.contract.value import ContractValue
from training.datasets import build_training_set
from training.evaluate import open_store, plan_origins
from training.specs import CONTRACT_CLV

NAME = "world-clv"
LABEL_DAYS = 365
LARGE, LARGE_MONTHS, SMALL, SMALL_MONTHS = 3_000, 48, 400, 36
LARGE_SEEDS, SMALL_SEEDS = range(411, 415), range(421, 521)
OTHER_SEEDS: Mapping[Variant, int] = {"misspecified": 431, "drift": 432, "shock": 433}
RENEWAL_SEEDS, PARAMETER_SEEDS = range(12), range(50)
MORE_FUTURES = range(1001, 1009)
PUBLISHED = (1000, 869, 743, 653, 593, 551, 517, 491)
"""Survivors of 1,000 high-end customers, year by year (Fader and Hardie 2007)."""
FLAT, PERSISTENCE = "flat churn", "persistence"


@dataclass(frozen=True)
class Task:
    """One company to value."""

    accounts: int
    months: int
    seed: int
    variant: Variant = "plain"


def study(task: Task) -> dict[str, float]:
    """Value one company and compare with its truth."""
    with open_company(task.accounts, task.months, seed=task.seed, variant=task.variant) as company:
        return _value(company, task.seed)


def _value(company: Company, seed: int) -> dict[str, float]:
    origin = company.end - timedelta(days=7)
    learned, frame = _learn(company)
    model = ContractValue().fit(learned).measure_doubt(learned)
    worth = model.predict(frame, horizon_days=HEADLINE_DAYS)
    accounts = frame.column("account_id").to_pylist()
    day = company.day_number(origin)
    truth = align(accounts, *oracle_value(company.trace, day))
    futures = [
        align(accounts, *realised_value(company.trace, day, seed=one))
        for one in (seed, *MORE_FUTURES)
    ]
    came, known = futures[0], ~np.isnan(truth) & ~np.isnan(futures[0])
    band = model.portfolio(frame.take(np.flatnonzero(known)))
    held = [band.p10_minor <= np.nansum(one[known]) <= band.p90_minor for one in futures]
    found = {
        "bias": worth[known].sum() / truth[known].sum() - 1.0,
        "gini_share": accuracy.gini_normalised(came[known], worth[known])
        / accuracy.gini_normalised(came[known], truth[known]),
        "covered": float(np.mean(held)),
        "covered_once": float(held[0]),
        "width": (band.p90_minor - band.p10_minor) / band.p50_minor,
        "nrr_gap": _gap(model.retention(frame)),
    }
    for name, kind in ((FLAT, "flat_churn"), (PERSISTENCE, "persistence")):
        rule = ContractRule(kind).fit(learned).predict(frame, horizon_days=HEADLINE_DAYS)
        found[f"bias {name}"] = rule[known].sum() / truth[known].sum() - 1.0
    return {name: float(value) for name, value in found.items()}


def _gap(retention: Sequence[NetRetention]) -> float:
    """Return how far the implied NRR of the whole book lies from the trailing one."""
    book = next(one for one in retention if one.segment == "all")
    return abs(book.implied - (book.trailing or 0.0))


def _learn(company: Company) -> tuple[Examples, pa.Table]:
    """Return what can be learned a week before the end, and the accounts of that day."""
    origin = company.end - timedelta(days=7)
    store = open_store(CONTRACT_CLV, company.history, as_of=origin)
    plan = plan_origins(CONTRACT_CLV, store, as_of=origin, horizon_days=LABEL_DAYS, origins=())
    learned = build_training_set(
        store,
        plan.learn_days(origin),
        origin,
        horizon_days=LABEL_DAYS,
        target=CONTRACT_CLV.target,
    )
    return learned.examples, split_notice(store.frame(origin))[0]


def _check_published() -> None:
    """Check that the fit to Fader and Hardie's high-end customers is the one they published."""
    lost = -np.diff(np.array(PUBLISHED, dtype=np.float64))
    years = len(lost)
    lives = Spells(
        entry=np.zeros(years + 1),
        exit=np.append(np.arange(float(years)), float(years)),
        ended=np.append(np.ones(years, dtype=np.bool_), False),
        weight=np.append(lost, float(PUBLISHED[-1])),
    )
    curve = fit_survival(lives, free_pace=False)
    for name, found, published in (("alpha", curve.a, 0.668), ("beta", curve.b, 3.806)):
        check_reproduced(f"sBG {name} of high-end customers", found, published, tolerance=0.001)


def _study_renewals() -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    truth = TRUTHS["heterogeneous"]
    mixed = study_renewals(truth, size=LARGE, seeds=RENEWAL_SEEDS)
    bounds = {
        name: cover_parameters(curve, size=LARGE, seeds=PARAMETER_SEEDS)
        for name, curve in TRUTHS.items()
        if name != "all alike"  # its parameters have no single value
    }
    rivals = {
        f"renewals, {name}": study_renewals(curve, size=LARGE, seeds=RENEWAL_SEEDS)
        for name, curve in TRUTHS.items()
    }
    rivals |= {f"95 % intervals hold, {name}": shares for name, shares in bounds.items()}
    figures = {
        "bias_gain_over_flat": abs(mixed["flat"]) - abs(mixed["chosen"]),
        "parameters_in_interval": min(min(shares.values()) for shares in bounds.values()),
    }
    return figures, rivals


def _mean(found: Sequence[Mapping[str, float]], key: str) -> float:
    return float(np.mean([one[key] for one in found]))


def _summary(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: _mean(found, key) for key in ("bias", "gini_share", "width", "nrr_gap")} | {
        "abs_bias": float(np.mean([abs(one["bias"]) for one in found]))
    }


def run() -> Result:
    """Value large, small and changed companies; then contracts of known survival."""
    _check_published()
    tasks = [Task(LARGE, LARGE_MONTHS, seed) for seed in LARGE_SEEDS]
    tasks += [Task(LARGE, LARGE_MONTHS, seed, kind) for kind, seed in OTHER_SEEDS.items()]
    tasks += [Task(SMALL, SMALL_MONTHS, seed) for seed in SMALL_SEEDS]
    found = run_each(study, tasks, resume=True)
    large = found[: len(LARGE_SEEDS)]
    others = found[len(large) : len(large) + len(OTHER_SEEDS)]
    small = found[len(large) + len(others) :]
    figures, rivals = _study_renewals()
    figures = {
        "abs_bias_3000": _summary(large)["abs_bias"],
        "bias_3000": _mean(large, "bias"),
        "abs_bias_400": _summary(small)["abs_bias"],
        "bias_400": _mean(small, "bias"),
        "gini_share": _mean(large, "gini_share"),
        "coverage80": _mean(small, "covered"),
        "coverage80_one_future": _mean(small, "covered_once"),
        "nrr_gap": _mean(large, "nrr_gap"),
        **figures,
    }
    rivals |= {"400 accounts": _summary(small)}
    rivals |= {
        f"{kind} world": _summary([one]) for kind, one in zip(OTHER_SEEDS, others, strict=True)
    }
    rivals |= {name: {"bias": _mean(large, f"bias {name}")} for name in (FLAT, PERSISTENCE)}
    return Result(
        figures=figures,
        rivals=rivals,
        n=len(tasks),
        note=f"{len(large)} companies of {LARGE:,} accounts, {len(small)} of {SMALL}; n counts "
        "companies. abs_bias is the mean over companies of the absolute bias of the total, bias "
        "the signed mean.",
    )
