"""RavenStack, a negative control: contract lines whose ends were drawn at random (RS-90).

The sample's CSV files are loaded into a SQL database and ingested through the example mappings; the
product's own training runs on contract lines, features and gate included, as of 2024-10-01, and the
best fitted model and the served one are judged on the lines that live on that day (a line ends in
the 90 days that follow, or not); ``auc`` is the fitted model's without the line's age, which by
the protocol's reading ranks by chance in this very window (up to .60). By the protocol 2,769 lines
live and 112 end; 439 of them are free trials, which the product does not call contracts, so fewer
are judged.

Then two faults and one truth are planted. The source's own ``churn_flag`` (set in place when a line
ends) is let in under a neutral name and under its own: the alarm must ring. A field known at the
start that honestly ranks the lines that will end (AUC about .65) must be accepted by the same path,
in nine of ten draws.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.protocol import Result, check_reproduced
from benchmarks.ravenstack_lake import Frames, build_history, read_sample
from benchmarks.worlds import run_each
from models import accuracy
from models.base import Examples
from training.evaluate import Replay, evaluate_origins, open_store, plan_origins
from training.specs import find_spec
from training.train import TrainOutputs, TrainResult, train

NAME = "ravenstack"
DAY, HORIZON = date(2024, 10, 1), 90
BAND = (0.45, 0.56)
SIGNAL = 0.55
SIGNAL_SEEDS = range(1, 11)
AGE = ("tenure_days", "customer_days", "renewals_count", "revenue_total_minor")
LET_IN = {"renamed": "health_code", "own name": "churn_flag"}


def check_protocol(sample: Frames) -> None:
    """Count the protocol's lines and ends in the raw file."""
    lines = sample["subscriptions"]
    start, end = pd.to_datetime(lines.start_date), pd.to_datetime(lines.end_date)
    day, last = pd.Timestamp(DAY), pd.Timestamp(DAY) + pd.Timedelta(days=HORIZON)
    live = (start < day) & (end.isna() | (end >= day))
    check_reproduced("lines that live", int(live.sum()), 2_769, tolerance=0)
    check_reproduced("lines that end", int((live & (end < last)).sum()), 112, tolerance=0)


def add_column(sample: Frames, name: str, values: pd.Series) -> dict[str, pd.DataFrame]:
    """Return the sample with one more column of the contract lines."""
    changed = sample["subscriptions"].assign(**{name: values})
    return {**sample, "subscriptions": changed}


def plant_signal(sample: Frames, seed: int) -> dict[str, pd.DataFrame]:
    """Plant a number known at a line's start that is higher for those that will once end."""
    ends = sample["subscriptions"].end_date.notna().to_numpy()
    noise = np.random.default_rng([seed, 65]).normal(size=len(ends))
    return add_column(sample, "fit_index", pd.Series(np.round(noise + SIGNAL * ends, 4)))


def run_training(
    sample: Frames,
    *,
    allow: tuple[str, ...] = (),
    kept: Callable[[str, str], str] | None = None,
    ceiling: float | None = None,
) -> tuple[TrainResult, dict[str, float]]:
    """Train as of the day; return the result, and the AUC of every candidate after it."""
    spec = find_spec("churn", route="contractual", per="subscription", allow=allow)
    spec = replace(spec, ceiling=ceiling)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        history = build_history(place, sample, kept=kept or (lambda step, text: text))
        out = TrainOutputs(place / "bundles", place / "frames")
        result = train(spec, history, as_of=DAY, horizon_days=HORIZON, out=out)
        later = DAY + timedelta(days=HORIZON)
        store = open_store(spec, history, as_of=later, frames_dir=out.frames_dir)
        plan = plan_origins(spec, store, as_of=later, horizon_days=HORIZON, origins=[DAY])
        found = evaluate_origins(spec, store, plan, as_of=later)
        aged = evaluate_origins(spec, store, plan, as_of=later, replay=Replay(change=drop_age))
    actual = found.actuals[DAY]
    ranked = {name: accuracy.auc(actual, risk) for (name, _), risk in found.predictions.items()}
    base = accuracy.brier(actual, found.predictions["base_rate", DAY])
    best = accuracy.brier(actual, found.predictions["contract_blend", DAY])
    ranked["without tenure"] = accuracy.auc(actual, aged.predictions["contract_blend", DAY])
    return result, {**ranked, "n": float(len(actual)), "ends": float(actual.sum()),
                    "brier_skill": 1.0 - best / base}  # fmt: skip


def drop_age(examples: Examples) -> Examples:
    """Take away what says how old a line is: in this window the young happen to end more often."""
    frame = examples.frame.drop_columns(
        [name for name in AGE if name in examples.frame.column_names]
    )
    return replace(examples, frame=frame)


def let_flag_in(name: str) -> tuple[bool, list[str]]:
    """Let the overwritten flag in; return whether the alarm rang, and by which rules."""
    sample = read_sample()
    flag = sample["subscriptions"].churn_flag.map({True: "yes", False: "no"})
    result, _ = run_training(add_column(sample, name, flag), allow=(name,), kept=_keep_flag)
    rules = [one["rule"] for one in result.card["alarm"] if one["rings"]]
    return bool(rules), rules


def _keep_flag(step: str, text: str) -> str:
    return text.replace(', "churn_flag"]', "]") if step == "subscriptions" else text


def accept_signal(seed: int) -> tuple[bool, float]:
    """Return whether the planted honest signal is served without alarm, and its AUC."""
    result, ranked = run_training(plant_signal(read_sample(), seed))
    rings = any(one["rings"] for one in result.card["alarm"])
    served = result.verdict is not None and result.verdict.winner != "base_rate"
    return served and not rings, ranked["contract_blend"]


def run() -> Result:
    """Train on the sample as it is, with the leak, and with the honest signal."""
    sample = read_sample()
    check_protocol(sample)
    result, ranked = run_training(sample, ceiling=BAND[1])
    rang = dict(zip(LET_IN, run_each(let_flag_in, list(LET_IN.values())), strict=True))
    accepted = run_each(accept_signal, list(SIGNAL_SEEDS))
    verdict = result.verdict
    served = "none" if verdict is None else verdict.winner
    alarms = [one["rule"] for one in result.card["alarm"] if one["rings"]]
    figures = {
        "auc": ranked["without tenure"],
        "auc_with_tenure": ranked["contract_blend"],
        "brier_skill": ranked["brier_skill"],
        "base_rate_serves": float(served == "base_rate"),
        "false_alarms": float(len(alarms)),
        "leaks_found": float(sum(found for found, _ in rang.values())),
        "signals_accepted": float(sum(found for found, _ in accepted)),
        "signal_auc": float(np.mean([auc for _, auc in accepted])),
    }
    rules = "; ".join(f"{name}: {', '.join(found)}" for name, (_, found) in rang.items())
    text = "" if verdict is None else verdict.text
    return Result(
        figures=figures,
        rivals={"band of chance": {"auc": BAND[1]}},
        n=int(ranked["n"]),
        note=f"{ranked['ends']:.0f} ends. The gate says: {text}. Rules that rang ({rules}).",
    )
