"""A synthetic company read as the product reads it, with what only its maker knows beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ledger.engine import open_ledger
from ledger.releases import Release, read_champion
from ledger.scores import StoredScore, read_account
from lifecycle.history import History, open_history
from lifecycle.settings import load_settings
from lifecycle.world.presets import preset
from lifecycle.world.simulate import simulate
from lifecycle.world.trace import Trace
from lifecycle.world.truth import oracle_risk, oracle_value
from models.base import FloatArray, ScoreModel
from models.scoring import load_model
from training.datasets import SliceStore
from training.evaluate import Evaluation, Replay, evaluate_origins, open_store, plan_origins
from training.specs import Spec
from training.splits import GatePlan

HORIZON = 90
ROUTE = "contractual"
ENOUGH_DRAWS = 32
Measure = Callable[[FloatArray, FloatArray], float]


@dataclass(frozen=True)
class World:
    """The company of a demo: its facts, its truth, and what was released and issued."""

    data_dir: Path
    trace: Trace
    history: History

    @property
    def end(self) -> date:
        """The first day after its last week, on which the demo stands."""
        return self.trace.params.end

    def store(self, spec: Spec) -> SliceStore:
        """Its past days; those that the demo trained on are cached already."""
        frames = load_settings(self.data_dir).frames_dir
        return open_store(spec, self.history, as_of=self.end, frames_dir=frames)

    def plan(self, spec: Spec, store: SliceStore) -> GatePlan:
        """The origins that the demo's contest was judged on."""
        return plan_origins(spec, store, as_of=self.end, horizon_days=HORIZON)

    def replay(
        self, spec: Spec, store: SliceStore, plan: GatePlan, replay: Replay | None = None
    ) -> Evaluation:
        """Every candidate on past origins."""
        return evaluate_origins(spec, store, plan, as_of=self.end, replay=replay)

    def release(self, model: str, horizon_days: int) -> tuple[Release, ScoreModel]:
        """The released model of contracts, as its bundle holds it."""
        settings = load_settings(self.data_dir)
        ledger = open_ledger(settings.ledger_address)
        found = read_champion(ledger, model, horizon_days=horizon_days, route=ROUTE)
        return found, load_model(settings.bundles_dir, found.digest)

    def scores(self, model: str, accounts: Sequence[str]) -> Iterator[tuple[StoredScore, Any]]:
        """The issued scores of accounts by one model of contracts, each with its detail."""
        ledger = open_ledger(load_settings(self.data_dir).ledger_address)
        for account in accounts:
            for one in read_account(ledger, account):
                if (one.model, one.route) == (model, ROUTE):
                    yield one, json.loads(one.detail or "{}")

    def oracle(self, judged: Mapping[date, pa.Table]) -> FloatArray:
        """The true risk of every row of frames, one frame after the other."""
        found = [
            _align(
                frame,
                *oracle_risk(
                    self.trace, self._number(day), horizon_days=HORIZON, draws=ENOUGH_DRAWS
                ),
            )
            for day, frame in judged.items()
        ]
        return np.concatenate(found)

    def oracle_value(self, day: date, frame: pa.Table) -> FloatArray:
        """The true residual value over five years of every row of a frame (minor units)."""
        return _align(frame, *oracle_value(self.trace, self._number(day), draws=ENOUGH_DRAWS))

    def under_notice(self, day: date) -> set[str]:
        """Accounts that had given notice before a day, held it over it, and still hold a line."""
        noticed, week = self.trace.weekly.noticed, self._number(day) // 7
        held = noticed[:, week] & noticed[:, min(week + 1, noticed.shape[1] - 1)]
        return set(self.trace.accounts.account_id[held].tolist())

    def _number(self, day: date) -> int:
        return (day - self.trace.params.start).days


@dataclass(frozen=True)
class Pool:
    """All judged rows of a replay, origin after origin; arrays of shape (n,)."""

    account: NDArray[np.str_]
    label: FloatArray
    oracle: FloatArray
    risks: Mapping[str, FloatArray]

    def gap(self, first: FloatArray, second: FloatArray, measure: Measure) -> tuple[float, float]:
        """Return measure(first) - measure(second) and its standard error.

        Paired, by 200 bootstrap draws of accounts: an account's days come or go together, so that
        windows that overlap count once.
        """
        names, place = np.unique(self.account, return_inverse=True)
        rows = [np.flatnonzero(place == number) for number in range(len(names))]
        rng, gaps = np.random.default_rng(1), []
        for _ in range(200):
            drawn = np.concatenate([rows[one] for one in rng.integers(len(rows), size=len(rows))])
            label = self.label[drawn]
            gaps.append(measure(label, first[drawn]) - measure(label, second[drawn]))
        whole = measure(self.label, first) - measure(self.label, second)
        return whole, float(np.std(gaps, ddof=1))


def open_world(data_dir: Path) -> World:
    """Open what the demo left, and live through the same company again for its truth."""
    history = open_history(load_settings(data_dir).lake_dir, zone=ZoneInfo("UTC"))
    return World(data_dir, simulate(preset("tiny")), history)


def pool(world: World, found: Evaluation) -> Pool:
    """Put the origins of a replay together."""
    judged = {day: found.judged[day].frame for day in found.origins}
    names = {name for name, _ in found.predictions}
    account = [one for frame in judged.values() for one in frame.column("account_id").to_pylist()]
    return Pool(
        np.array(account),
        np.concatenate([found.actuals[day] for day in found.origins]),
        world.oracle(judged),
        {
            name: np.concatenate([found.predictions[name, day] for day in found.origins])
            for name in sorted(names)
        },
    )


def thin(plan: GatePlan, count: int) -> GatePlan:
    """Keep the last origins, a whole horizon apart, so that no outcome is judged twice."""
    return replace(plan, origins=plan.origins[::-1][::2][:count][::-1])


def only(spec: Spec, *names: str) -> Spec:
    """Keep some candidates."""
    return replace(spec, candidates=tuple(one for one in spec.candidates if one().name in names))


def _align(frame: pa.Table, ids: NDArray[Any], values: FloatArray) -> FloatArray:
    known = dict(zip(ids.tolist(), values.tolist(), strict=True))
    return np.array([known[name] for name in frame.column("account_id").to_pylist()])
