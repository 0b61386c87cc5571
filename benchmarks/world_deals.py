"""The chance to win of open deals against the truth of synthetic companies.

Each company is simulated, written to a lake, and read as the product reads it. Over the last eight
quarters that ended, the candidates are fitted at every quarter's start on what was known there and
judged on each Monday of the quarter. The oracle knows every deal's latents at the start of that
Monday and integrates over economy and momentum to come. Skill captured = (base - model) / (base -
oracle) in Brier score, base = the share won so far, all quarters together. The served model is
named before the look: ``deal_blend``, the top of the ladder, with what past quarters alone would
have put around it; all others are shown as rivals. Nothing was tuned on these seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from scipy.stats import spearmanr

from benchmarks.protocol import BenchmarkError, Result
from benchmarks.worlds import Company, check_oracle, open_company, run_each
from features.deals.facts import read_deal_facts
from lifecycle.world.deals_truth import opp_week_truth, owner_truth
from lifecycle.world.selling_record import SellingRecord
from models import accuracy
from models.base import FloatArray
from models.deals.win import NAME as SERVED
from training.deals.measures import SHOWN_WEEKS, Judged, amount_bias
from training.deals.owner_bias import build_owner_quarters, describe_owner_bias
from training.deals.past import DealPast, open_past, plan_past
from training.deals.replay import DealEvaluation, Replay, replay_deals
from training.deals.serving import serve_past
from training.deals.spec import DEAL_WIN
from training.deals.train import EVERY_WEEKS

NAME = "world-deals"
ACCOUNTS, MONTHS = 2_500, 48
SEEDS = (511, 512, 513, 514)
TOP, TABLE = "deal_blend", "stage_week"
LEAST_DEALS = 8


@dataclass(frozen=True)
class Task:
    """One company to study."""

    seed: int


def study(task: Task) -> dict[str, dict[str, float]]:
    """Judge every candidate on one company: figures by candidate, the oracle among them."""
    with open_company(ACCOUNTS, MONTHS, seed=task.seed) as company:
        past = _read(company)
        found = replay_deals(
            past, past.plan, DEAL_WIN.candidates, replay=Replay(every_weeks=EVERY_WEEKS)
        )
        if TOP not in found.names:
            raise BenchmarkError(f"{TOP} was left out: {found.found.left_out.get(TOP)}")
        found = serve_past(found, TOP)
        truth = np.concatenate([_oracle(company, found, one.start) for one in found.quarters])
        owners = _rank_owners(company, past)
    known = ~np.isnan(truth)
    rows = {name: found.gather(name).take(known) for name in found.names}
    rows["oracle"] = replace(rows[SERVED], chance=truth[known])
    told = {name: _measure(one, rows["oracle"]) for name, one in rows.items()}
    told[SERVED]["owners"] = owners
    return told


def _read(company: Company) -> DealPast:
    known = company.history.as_of(company.end)
    facts = read_deal_facts(known)
    plan = plan_past(facts, company.end)
    start = company.trace.params.start
    first = start + timedelta(days=-(-(plan.landmarks[0] - start).days // 7) * 7)
    weeks = (company.end - first).days // 7
    # the truth is told at the start of the world's weeks: look at the deals on those days
    mondays = tuple(first + timedelta(days=7 * week) for week in range(weeks))
    return open_past(known, replace(plan, landmarks=mondays), facts=facts)


def _oracle(company: Company, found: DealEvaluation, quarter: date) -> FloatArray:
    record = company.trace.pipeline
    if not isinstance(record, SellingRecord):
        raise BenchmarkError("a world without a pipeline")
    judged = found.found.judged[quarter]
    week = (judged.as_of - np.datetime64(company.trace.params.start, "D")).astype(int) // 7
    truth = opp_week_truth(record, company.trace.macro, weeks=np.unique(week).tolist())
    told = zip(truth["opportunity_id"].to_pylist(), truth["week"].to_pylist(), strict=True)
    chance = dict(zip(told, truth["p_win_quarter"].to_pylist(), strict=True))
    deals = judged.frame["opportunity_id"].to_pylist()
    asked = zip(deals, week.tolist(), strict=True)
    return np.array([chance.get(one, np.nan) for one in asked], dtype=np.float64)


def _measure(rows: Judged, oracle: Judged) -> dict[str, float]:
    base, best = accuracy.brier(rows.won, rows.base), accuracy.brier(rows.won, oracle.chance)
    found = {
        "skill": (base - accuracy.brier(rows.won, rows.chance)) / (base - best),
        "auc": accuracy.auc(rows.won, rows.chance),
        "log_loss": accuracy.log_loss(rows.won, np.clip(rows.chance, 1e-9, 1 - 1e-9)),
        "bias": float(rows.chance.sum() / rows.won.sum() - 1.0),
        "amount_bias": amount_bias(rows),
        "share_won": float(rows.won.mean()),
    }
    for week in SHOWN_WEEKS:
        here = rows.take(rows.week == week)
        found[f"auc week {week}"] = accuracy.auc(here.won, here.chance)
        found[f"slope week {week}"] = accuracy.calibration_slope(here.won, here.chance)
    return found | {"auc_se": _gap_error(rows, oracle)}


def _gap_error(rows: Judged, oracle: Judged) -> float:
    """Return the standard error of the AUC less the oracle's, by a jackknife over groups of deals.

    A deal is seen in many weeks, and all its rows stand or fall together.
    """
    _, deal = np.unique(rows.deal.astype(str), return_inverse=True)
    gaps = [
        accuracy.auc(rows.won[kept], rows.chance[kept])
        - accuracy.auc(rows.won[kept], oracle.chance[kept])
        for kept in (deal % 20 != group for group in range(20))
    ]
    return float(np.sqrt(19.0 * np.var(gaps)))


def _rank_owners(company: Company, past: DealPast) -> float:
    """Return the rank correlation of the owners' served ratio with their true bias, 8 deals up."""
    record = company.trace.pipeline
    truth = owner_truth(record) if isinstance(record, SellingRecord) else None
    if truth is None:
        raise BenchmarkError("a world without a pipeline")
    told = describe_owner_bias(build_owner_quarters(past, past.plan.origins))
    real = dict(zip(truth["owner_id"].to_pylist(), truth["bias"].to_pylist(), strict=True))
    pairs = [
        (-one["ratio"], real[one["owner_id"]])
        for one in told
        if one["deals_count"] >= LEAST_DEALS and one["ratio"] is not None
    ]
    said, true = np.array(pairs).T
    return float(spearmanr(said, true).statistic)


def _mean(found: Sequence[Mapping[str, Mapping[str, float]]], name: str, key: str) -> float:
    return float(np.mean([one[name][key] for one in found if name in one]))


def run() -> Result:
    """Judge deals of four companies."""
    found = run_each(study, [Task(seed) for seed in SEEDS], resume=True)
    worst = check_oracle(found)
    names = dict.fromkeys(name for one in found for name in one if name != SERVED)
    shown = ("skill", "auc", "log_loss", "bias", "amount_bias", "auc week 0")
    slopes = {f"slope_week{week}": _mean(found, SERVED, f"slope week {week}")
              for week in SHOWN_WEEKS}  # fmt: skip
    figures = {
        "skill": _mean(found, SERVED, "skill"),
        "auc": _mean(found, SERVED, "auc"),
        "auc_gain_over_table": _mean(found, SERVED, "auc") - _mean(found, TABLE, "auc"),
        "auc_gain_week0": _mean(found, SERVED, "auc week 0") - _mean(found, TABLE, "auc week 0"),
        "abs_amount_bias": abs(_mean(found, SERVED, "amount_bias")),
        "amount_bias_one": float(np.mean([abs(one[SERVED]["amount_bias"]) for one in found])),
        "auc_oracle": _mean(found, "oracle", "auc"),
        **slopes,
        "owner_rank": _mean(found, SERVED, "owners"),
        "above_oracle_se": worst,
    }
    rivals = {name: {key: _mean(found, name, key) for key in shown} for name in names}
    rivals |= {
        f"seed {seed}": {key: one[SERVED][key] for key in (*shown, "owners")}
        for seed, one in zip(SEEDS, found, strict=True)
    }
    return Result(
        figures=figures,
        rivals=rivals,
        n=len(SEEDS),
        note=f"{len(SEEDS)} companies of {ACCOUNTS:,} accounts over {MONTHS} months; n counts "
        "companies. bias and amount_bias are signed means over companies, single ones stand beside "
        "them; the oracle's own show what the economy of those quarters did.",
    )
