"""Fields without which a model would be lost: the alarm's search for an answer in disguise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa

from models import accuracy
from models.base import Examples
from training.alarm import (
    CALENDAR,
    HONEST_CALENDAR_AUC,
    HONEST_LONE_AUC,
    LONE_DROP,
    Finding,
    measure_auc,
)
from training.datasets import SliceStore, build_training_set
from training.evaluate import Evaluation, Replay, evaluate_origins
from training.specs import Candidate, Spec
from training.splits import GatePlan

NOT_FIELDS = ("account_id", "subscription_id", "as_of")
LAST_ORIGINS = 2
MOST_TRIED = 3
SCREEN_DROP = 0.05
SEED = 20240301


def find_lone_fields(
    spec: Spec, store: SliceStore, plan: GatePlan, *, as_of: date, judged: tuple[Evaluation, str]
) -> list[Finding]:
    """Find fields whose removal costs the best fitted model more than ``LONE_DROP`` of AUC.

    A field can only matter that much if shuffling it hurts: those are tried, the worst first, by
    fitting again without them.

    Parameters
    ----------
    judged
        The contest's evaluation, and the name of its best fitted model.

    Raises
    ------
    NotEnoughHistoryError
        An origin has nothing to learn from.
    """
    found, name = judged
    last = [day for day in found.origins if found.actuals[day].sum() > 0][-LAST_ORIGINS:]
    if not last:
        return []
    area, se = measure_auc(found, name)
    level = area - 2 * se
    if level <= HONEST_LONE_AUC:
        return []
    factory = next(one for one in spec.candidates if one().name == name)
    few = replace(plan, origins=tuple(last))
    suspects = _screen(spec, store, few, factory=factory, judged=found.judged[last[-1]])
    before = _mean_auc(found, name, last)
    alone = replace(spec, candidates=(factory,))
    rings = []
    calendar = {one.name for one in spec.columns if one.family in CALENDAR}
    if level <= HONEST_CALENDAR_AUC:
        suspects = [field for field in suspects if field not in calendar]
    for field in suspects[:MOST_TRIED]:
        replay = Replay(change=_without(field))
        again = evaluate_origins(alone, store, few, as_of=as_of, replay=replay)
        if again.left_out:
            continue
        drop = before - _mean_auc(again, name, last)
        if drop > LONE_DROP:
            text = f"without {field} the AUC of {name} falls by {drop:.3f} from {before:.3f}"
            rings.append(Finding("lone_field", field, text))
    return rings


def _screen(
    spec: Spec, store: SliceStore, plan: GatePlan, *, factory: Candidate, judged: Examples
) -> list[str]:
    """Return fields by how much shuffling them costs at the last origin, the most first."""
    origin = plan.origins[-1]
    days = plan.learn_days(origin)
    past = build_training_set(
        store, days, origin, horizon_days=plan.horizon_days, target=spec.target
    )
    model = factory().fit(past.examples)
    whole = accuracy.auc(judged.label, model.predict(judged.frame))
    rng = np.random.default_rng(SEED)
    drops: dict[str, float] = {}
    for field in judged.frame.column_names:
        if field not in NOT_FIELDS and _varies(judged.frame, field):
            shuffled = _shuffle(judged.frame, field, rng)
            drops[field] = whole - accuracy.auc(judged.label, model.predict(shuffled))
    worst = sorted(drops, key=lambda field: -drops[field])
    return [field for field in worst if drops[field] > SCREEN_DROP]


def _varies(frame: pa.Table, field: str) -> bool:
    return len(frame.column(field).unique()) > 1


def _shuffle(frame: pa.Table, field: str, rng: np.random.Generator) -> pa.Table:
    place = frame.column_names.index(field)
    order = pa.array(rng.permutation(frame.num_rows))
    return frame.set_column(place, frame.schema.field(place), frame.column(field).take(order))


def _without(field: str) -> Callable[[Examples], Examples]:
    return lambda past: replace(past, frame=past.frame.drop_columns([field]))


def _mean_auc(found: Evaluation, name: str, days: list[date]) -> float:
    return float(
        np.mean([accuracy.auc(found.actuals[day], found.predictions[name, day]) for day in days])
    )
