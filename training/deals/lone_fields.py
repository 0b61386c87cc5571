"""Fields of deals without which a model would be lost: answers in disguise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from models import accuracy
from models.base import Examples
from training.alarm import HONEST_LONE_AUC, LONE_DROP, Finding, measure_auc
from training.deals.past import DealPast
from training.deals.replay import Candidate, DealEvaluation, Replay, replay_deals
from training.lone_fields import LAST_ORIGINS, MOST_TRIED, SCREEN_DROP, SEED

MOST_SCREENED = 4000
KEYS = frozenset({"opportunity_id", "account_id", "owner_id", "as_of", "close_on", "next_step_on",
                  "kind", "currency", "team", "product_id"})  # fmt: skip
"""Columns that say who and when; what they tell stands in features of its own."""


def find_lone_deal_fields(
    past: DealPast, found: DealEvaluation, name: str, *, candidate: Candidate, every_weeks: int = 1
) -> list[Finding]:
    """Find fields whose removal costs a fitted model more than ``LONE_DROP`` of AUC.

    Parameters
    ----------
    found
        The replay of all candidates.
    name, candidate
        The best fitted model, which is fitted again without the fields it leans on most.
    every_weeks
        As in the replay.

    Raises
    ------
    NotEnoughHistoryError
        A quarter has nothing to learn from.
    """
    quarters = found.quarters[-LAST_ORIGINS:]
    if not quarters or name not in found.names:
        return []
    area, se = measure_auc(found.found, name)
    if area - 2 * se <= HONEST_LONE_AUC:
        return []
    suspects = _screen(found, name)
    if not suspects:
        return []
    few = replace(past.plan, origins=tuple(quarters))
    before = _area(found, name, len(quarters))
    rings = []
    for field in suspects[:MOST_TRIED]:
        dropped = Replay(change=_without(field), every_weeks=every_weeks)
        again = replay_deals(past, few, (candidate,), replay=dropped)
        if name not in again.names:
            continue
        drop = before - _area(again, name, len(quarters))
        if drop > LONE_DROP:
            text = f"without {field} the AUC of {name} falls by {drop:.3f} from {before:.3f}"
            rings.append(Finding("lone_field", field, text))
    return rings


def _screen(found: DealEvaluation, name: str) -> list[str]:
    """Return fields by how much shuffling them costs in the last quarter, the most first."""
    judged, model = found.found.judged[found.quarters[-1].start], found.fitted[name]
    rng = np.random.default_rng(SEED)
    some = np.sort(rng.permutation(len(judged.label))[:MOST_SCREENED])
    judged = judged.take(some)
    if not 0.0 < judged.label.mean() < 1.0:
        return []
    whole = accuracy.auc(judged.label, model.predict(judged.frame))
    drops: dict[str, float] = {}
    for place, field in enumerate(judged.frame.column_names):
        if field in KEYS or len(judged.frame.column(field).unique()) < 2:
            continue
        mixed = judged.frame.column(field).take(pa.array(rng.permutation(len(some))))
        shuffled = judged.frame.set_column(place, judged.frame.schema.field(place), mixed)
        drops[field] = whole - accuracy.auc(judged.label, model.predict(shuffled))
    worst = sorted(drops, key=lambda field: -drops[field])
    return [field for field in worst if drops[field] > SCREEN_DROP]


def _without(field: str) -> Callable[[Examples], Examples]:
    return lambda past: replace(past, frame=past.frame.drop_columns([field]))


def _area(found: DealEvaluation, name: str, last: int) -> float:
    rows = [found.gather(name, [quarter]) for quarter in found.quarters[-last:]]
    return float(np.mean([accuracy.auc(one.won, one.chance) for one in rows]))
