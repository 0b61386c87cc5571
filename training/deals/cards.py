"""The card of a deal model: what the house's card tells, and what only deals have to tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from lifecycle.snapshot import Snapshot
from models.base import ScoreModel
from models.bundle import save_bundle
from models.deals.ladder import DEAL_WARNINGS, list_needs
from training.cards import build_card, check_no_contacts, describe_facts
from training.datasets import TrainingSet, digest_examples
from training.deals.owner_bias import build_owner_quarters, describe_owner_bias
from training.deals.past import HORIZON_DAYS, DealPast
from training.deals.replay import DealEvaluation
from training.gate import Verdict
from training.own_fields import describe_own_fields
from training.specs import Spec
from training.splits import GatePlan

SPAN = "in the quarter"


def build_deal_card(
    spec: Spec,
    known: Snapshot,
    past: DealPast,
    *,
    headline: ScoreModel,
    judged: tuple[DealEvaluation, Verdict | None],
) -> dict[str, Any]:
    """Build the card of a fitted deal model.

    Parameters
    ----------
    spec
        What was trained.
    known
        What training knew.
    past
        The landmarks.
    headline
        Who serves, fitted.
    judged
        The replay of past quarters, and the gate's decision.

    Returns
    -------
    dict
        JSON values: the house's card; ``span``; ``left_out``; ``warnings``; ``measures`` by
        candidate with those ``by_week``; ``ladder``; ``hygiene``; ``never_scored`` (deals);
        ``owner_bias``; ``time_honest``.
    """
    found, verdict = judged
    facts = describe_learned(known, past)
    plan = GatePlan(HORIZON_DAYS, found.found.origins, past.plan.note, known.day)
    card = build_card(spec, headline, facts=facts, plan=plan, verdict=verdict)
    quarters = build_owner_quarters(past, found.quarters)
    return card | {
        "span": SPAN,
        "time_honest": True,
        "left_out": dict(found.found.left_out),
        "warnings": dict(DEAL_WARNINGS),
        "measures": {name: found.measures(name) for name in found.names},
        "ladder": list_needs(*past.count_closed()),
        "hygiene": past.known(past.plan.as_of).hygiene.to_json(),
        "never_scored": past.left_out,
        "owner_bias": describe_owner_bias(quarters),
        **describe_own_fields(known, headline),
    }


def describe_learned(known: Snapshot, past: DealPast) -> dict[str, Any]:
    """Describe what the served model learned from, as JSON values."""
    learned = past.learned()
    days = sorted({day.item() for day in np.unique(learned.as_of)})
    digest = digest_examples(learned)
    # outcomes are told by the card's own lines; the house counts leaves in them
    plain = TrainingSet(replace(learned, outcomes=None), digest, tuple(days), past.plan.as_of)
    won, lost = past.count_closed()
    deals = pc.count_distinct(learned.frame.column("opportunity_id")).as_py()
    return describe_facts(known, plain, "deals") | {
        "deals": int(deals),
        "won_count": won,
        "lost_count": lost,
    }


def save_deal_model(model: ScoreModel, card: Mapping[str, Any], folder: Path) -> str:
    """Save the bundle; equal facts give equal digests.

    Raises
    ------
    GateError
        The model carries contact data.
    BundleError
        The bundle cannot be written.
    """
    parts = model.to_parts()
    check_no_contacts(parts)
    kept = ("model", "route", "unit", "candidate", "horizon_days")
    about = {name: card[name] for name in kept} | {
        "as_of": card["data"]["as_of"],
        "training_digest": card["data"]["training_digest"],
    }
    return save_bundle(folder, type(model).__name__, parts, about)
