"""How long deals take: 20,000 of them looked at in 150 weeks, learned from, and scored.

A synthetic company's history is made first (not counted). *Snapshots*: from the lake to the frame
of every week. *Training*: the served model on all those weeks (``deal_blend``, then hazards,
amounts and evidence); the replay of past quarters by all candidates stands apart. *Scoring*: 5,000
deals as last seen open, with reasons and detail. Wall seconds, and beside them the processor's
(``_cpu_s``), which a busy machine hardly moves.

Rivals, in the same run, do far less: pandas joins stage, amount, close date and outcome as of each
week; LightGBM grows the product's trees on the product's matrix; ``pred_contrib`` explains them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeVar

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.protocol import BenchmarkError, Result
from benchmarks.worlds import open_company
from features.deals.facts import read_deal_facts
from lifecycle.snapshot import Snapshot
from models.base import Examples, FloatArray
from models.deals.direct import PART, TREES_PART, DirectModel, grow_deals
from models.deals.inputs import Inputs
from models.deals.win import DealModel
from service.refresh.deals import score_deals
from training.deals.past import HORIZON_DAYS, DealPast, open_past, plan_past
from training.deals.replay import Replay, keep_ended, replay_deals
from training.deals.spec import DEAL_WIN
from training.deals.train import EVERY_WEEKS

NAME = "deal-speed"
ACCOUNTS, MONTHS, SEED = 2_800, 40, 611
DEALS, WEEKS, SCORED = 20_000, 150, 5_000
TOLD = {
    "stage": "text_after",
    "amount": "amount_after_minor",
    "close_on": "close_after_on",
    "outcome": "text_after",
}
Made = TypeVar("Made")


@dataclass
class Clock:
    """Wall seconds, and the processor's, by piece of work."""

    wall: dict[str, float] = field(default_factory=dict)
    used: dict[str, float] = field(default_factory=dict)

    def time(self, name: str, work: Callable[[], Made]) -> Made:
        """Do a piece of work once; return what it made."""
        began, used = time.perf_counter(), time.process_time()
        made = work()
        self.wall[name] = time.perf_counter() - began
        self.used[name] = time.process_time() - used
        return made


def read_past(known: Snapshot, day: date) -> tuple[Callable[[], DealPast], int]:
    """Plan the last weeks; return how to read them from the lake, and the number of deals."""
    facts = read_deal_facts(known)
    plan = plan_past(facts, day)
    plan = replace(plan, landmarks=plan.landmarks[-WEEKS:])
    if facts.count < DEALS or len(plan.landmarks) < WEEKS:
        raise BenchmarkError(f"{facts.count} deals in {len(plan.landmarks)} weeks: too few")
    return lambda: open_past(known, plan), facts.count


def join_bare(known: Snapshot, days: Sequence[date]) -> pd.DataFrame:
    """Join each deal's stage, amount, close date and outcome as told before each day."""
    table = known.table("opportunity_changes")
    wanted = ("opportunity_id", "known_at", "field", *dict.fromkeys(TOLD.values()))
    told = known.collect(table.select(*wanted)).to_pandas().sort_values("known_at")
    begun = told[told.field == "created"][["opportunity_id", "known_at"]]
    looks = pd.DataFrame({"day": pd.to_datetime(list(days), utc=True).astype(told.known_at.dtype)})
    rows = looks.merge(begun, how="cross")
    rows = rows[rows.known_at < rows.day].drop(columns="known_at")
    for name, column in TOLD.items():
        said = told[told.field == name][["opportunity_id", "known_at", column]]
        rows = pd.merge_asof(
            rows,
            said.rename(columns={column: name, "known_at": f"{name}_at"}),
            left_on="day",
            right_on=f"{name}_at",
            by="opportunity_id",
            allow_exact_matches=False,
        )
    return rows[rows.outcome.isna()]


def read_trees(model: DirectModel, frame: pa.Table) -> tuple[str, Inputs, FloatArray]:
    """Return a blend's trees as text, its inputs, and the matrix that its trees read."""
    parts = model.to_parts()
    if TREES_PART not in parts:
        raise BenchmarkError("the blend has no trees; expected a company with enough deals")
    inputs = Inputs.from_json(json.loads(parts[PART])["inputs"])
    return parts[TREES_PART].decode(), inputs, inputs.matrix(frame)[:, inputs.plain]


def grow_bare(model: DirectModel, learned: Examples) -> Callable[[], lightgbm.Booster]:
    """Return how to grow the same trees on every row whose quarter has ended, and no more."""
    ended = keep_ended(learned)
    _, inputs, matrix = read_trees(model, ended.frame)
    growth = grow_deals(tuple(inputs.columns[place] for place in inputs.plain))
    settings, label = growth.parameters(), ended.label
    return lambda: lightgbm.train(settings, lightgbm.Dataset(matrix, label), growth.rounds)


def pick_open(frame: pa.Table) -> pa.Table:
    """Return the deals seen open last, each as it stood then."""
    deals = np.array(frame.column("opportunity_id").to_pylist())[::-1]
    _, first = np.unique(deals, return_index=True)
    newest = np.sort(frame.num_rows - 1 - first)[-SCORED:]
    if len(newest) < SCORED:
        raise BenchmarkError(f"{len(newest)} deals to score; expected {SCORED}")
    return frame.take(newest)


def run() -> Result:
    """Time each piece of work once, its rival after it."""
    clock = Clock()
    with open_company(ACCOUNTS, MONTHS, seed=SEED) as company:
        known = company.history.as_of(company.end)
        look, deals = read_past(known, company.end)
        past = clock.time("snapshot", look)
        rows = clock.time("pandas", lambda: join_bare(known, past.plan.landmarks))
    learned, head = past.learned(), DirectModel("blend")
    model = clock.time("train", lambda: DealModel(head).fit(learned))
    clock.time("grow", grow_bare(head, learned))
    frame = pick_open(past.frame)
    clock.time("score", lambda: score_deals(model, frame, horizon_days=HORIZON_DAYS))
    text, _, matrix = read_trees(head, frame)
    booster = lightgbm.Booster(model_str=text)
    clock.time("contrib", lambda: booster.predict(matrix, pred_contrib=True, num_threads=1))
    clock.time("replay", lambda: replay_past(past))
    note = (
        f"{deals:,} deals, {WEEKS} weeks, {past.frame.num_rows:,} open rows (the bare join: "
        f"{len(rows):,}, renewals among them); {SCORED:,} deals scored with reasons and detail. "
        "replay_s: all candidates on past quarters, which training does besides. n counts deals."
    )
    return Result(figures=_figures(clock), rivals=_rivals(clock), n=deals, note=note)


def replay_past(past: DealPast) -> None:
    """Fit and judge every candidate at past quarters, as training does before the gate."""
    replay_deals(past, past.plan, DEAL_WIN.candidates, replay=Replay(every_weeks=EVERY_WEEKS))


def _figures(clock: Clock) -> dict[str, float]:
    names = ("snapshot", "train", "score", "replay")
    wall = {f"{name}_s": clock.wall[name] for name in names}
    return wall | {f"{name}_cpu_s": clock.used[name] for name in names}


def _rivals(clock: Clock) -> dict[str, dict[str, float]]:
    pairs = {
        "pandas as-of join": ("snapshot", "pandas"),
        "LightGBM alone": ("train", "grow"),
        "pred_contrib alone": ("score", "contrib"),
    }
    return {
        rival: {f"{name}_s": clock.wall[work], f"{name}_cpu_s": clock.used[work]}
        for rival, (name, work) in pairs.items()
    }
